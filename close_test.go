package openline

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/openline/openline/websocket"
)

func TestSlowLineIsClosed(t *testing.T) {
	failed := make(chan error, 1)
	reasons := make(chan CloseReason, 1)
	h := newHub(t, &Options{
		Shards:  1,
		OnError: func(_ *Session, err error) { failed <- err },
		OnClose: func(_ *Session, why CloseReason) { reasons <- why },
	})
	_, quick := openSession(t, h, "quick", "c")
	slow, l := openSession(t, h, "slow", "c")
	_, other := openSession(t, h, "other", "c")
	l.room = 4 // sys:open and three messages
	const n = 10
	for i := range n {
		r, err := h.Publish(t.Context(), Publication{Channel: "c"})
		want := 3
		if i >= 3 {
			want = 2
		}
		if err != nil || r.Delivered != want {
			t.Errorf("publication %d: %+v, %v", i, r, err)
		}
	}
	if code, reason := l.closed(); code != CloseSlow || reason != "slow consumer" {
		t.Errorf("closed with %d %q", code, reason)
	}
	if err := <-failed; !errors.Is(err, ErrSlow) {
		t.Error(err)
	}
	for _, l := range []*fakeLine{quick, other} {
		if got := l.messages(1); len(got) != n+1 {
			t.Errorf("got %d messages", len(got)-1)
		}
	}
	if h.Session(slow.ID()) != nil || h.SubscriberCount("c") != 2 || l.closes != 1 {
		t.Error("the slow session is still there")
	}
	slow.Closed(&websocket.CloseError{Code: 1006, Remote: true})
	if why := <-reasons; why.Code != CloseSlow || why.Remote {
		t.Errorf("%+v", why)
	}
}

// A line that is gone is not a slow one: the reason is what the transport says.
func TestLineGone(t *testing.T) {
	var why CloseReason
	h := newHub(t, &Options{OnClose: func(_ *Session, w CloseReason) { why = w }})
	s, l := openSession(t, h, "alice")
	l.mu.Lock()
	l.err = errors.New("gone")
	l.mu.Unlock()
	if r, err := h.Send(t.Context(), "alice", Publication{}); err != nil || r.Delivered != 0 {
		t.Errorf("%+v, %v", r, err)
	}
	l.closed()
	s.Closed(&websocket.CloseError{Code: 1001, Reason: "tab closed", Remote: true})
	if why.Code != 1001 || why.Reason != "tab closed" || !why.Remote {
		t.Errorf("%+v", why)
	}
}

func TestCloseReasons(t *testing.T) {
	var why CloseReason
	h := newHub(t, &Options{OnClose: func(_ *Session, w CloseReason) { why = w }})
	broken := errors.New("broken pipe")
	for _, c := range []struct {
		err    error
		code   int
		remote bool
	}{
		{nil, 1000, true},
		{&websocket.CloseError{Code: 1009, Reason: "too big"}, 1009, false},
		{fmt.Errorf("read: %w", &websocket.CloseError{Code: 4242, Remote: true}), 4242, true},
		{broken, 1006, true},
	} {
		s, _ := openSession(t, h, "alice")
		s.Closed(c.err)
		if why.Code != c.code || why.Remote != c.remote || !errors.Is(why.Err, c.err) {
			t.Errorf("%v: %+v", c.err, why)
		}
	}
	s, l := openSession(t, h, "alice")
	s.Close(CloseKicked, "bye")
	s.Close(CloseNormal, "")
	if got := l.take(); !contains(got, `"type":"sys:error"`, `"code":"closed"`, `"message":"bye"`) {
		t.Error(got)
	}
	s.Closed(broken)
	s.Closed(nil)
	if why.Code != CloseKicked || why.Reason != "bye" || why.Remote || !errors.Is(why.Err, broken) {
		t.Errorf("%+v", why)
	}
	if s.Send(&Message{}) != ErrSessionClosed { //nolint:errorlint // as it is
		t.Error("sent after the end")
	}
}

// Sessions end in every way while messages fan out: nothing hangs, each gets exactly one OnClose, and nothing is left.
func TestCloseDuringFanOut(t *testing.T) {
	var opened, closed atomic.Int64
	h := newHub(t, &Options{
		Shards: 3, ShardQueue: 1,
		OnClose: func(*Session, CloseReason) { closed.Add(1) },
	})
	stop := make(chan struct{})
	var publishing, wg sync.WaitGroup
	for range 2 {
		publishing.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					_, _ = h.Broadcast(t.Context(), Publication{})
				}
			}
		})
	}
	for i := range 8 {
		wg.Go(func() {
			for k := range 25 {
				l := newLine()
				l.room = 1 + k
				s, err := h.Open(t.Context(), l, Opening{User: fmt.Sprint("u", i), Channels: []string{"c"}})
				if err != nil {
					t.Error(err)
					return
				}
				opened.Add(1)
				switch k % 4 {
				case 0:
					s.Close(CloseForbidden, "no")
				case 1:
					h.DisconnectUser(s.User(), CloseKicked, "out")
				case 2:
					h.Disconnect(s.ID(), CloseKicked, "out")
				case 3: // the line is full soon
				}
				l.closed()
				wg.Go(func() { s.Closed(nil) })
				s.Closed(nil)
			}
		})
	}
	wg.Wait()
	close(stop)
	publishing.Wait()
	if err := h.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if opened.Load() != 200 || closed.Load() != 200 || h.Len() != 0 || len(h.topics) != 0 {
		t.Errorf("%d opened, %d closed, %d sessions, %d topics left", opened.Load(), closed.Load(), h.Len(), len(h.topics))
	}
}

// What is still on its way through a shard when its session is closed does not reach the line any more, and does not count as delivered.
func TestEndedSessionGetsNothing(t *testing.T) {
	h := newHub(t, &Options{Shards: 1})
	s, l := openSession(t, h, "alice")
	busy, release := make(chan struct{}), make(chan struct{})
	h.order.Lock()
	h.shards[0].put(handover{do: ask, call: func() { close(busy); <-release }})
	h.order.Unlock()
	<-busy
	receipts := make(chan Receipt)
	go func() {
		r, _ := h.Send(t.Context(), "alice", Publication{})
		receipts <- r
	}()
	waiting := func() int {
		h.shards[0].mu.Lock()
		defer h.shards[0].mu.Unlock()
		return len(h.shards[0].queue)
	}
	for waiting() == 0 { // until the message waits behind what keeps the shard busy
		runtime.Gosched()
	}
	s.Close(CloseNormal, "")
	close(release)
	if r := <-receipts; r.Delivered != 0 || len(l.messages(1)) != 1 {
		t.Errorf("%+v, %d messages", r, len(l.got))
	}
}

// hastyLine has its session closed by somebody else while it takes sys:open,
// and takes nothing once it is closed itself, as real lines do.
type hastyLine struct {
	*fakeLine
	ending  func()
	once    sync.Once
	isEnded atomic.Bool
}

func (l *hastyLine) Send(m *Message) error {
	if l.isEnded.Load() {
		return ErrSessionClosed
	}
	if err := l.fakeLine.Send(m); err != nil {
		return err
	}
	l.once.Do(func() {
		go l.ending()
		for range 1000 { // the other's chance to get ahead
			runtime.Gosched()
		}
	})
	return nil
}

func (l *hastyLine) Close(code int, reason string) {
	l.isEnded.Store(true)
	l.fakeLine.Close(code, reason)
}

// TestLastWordAfterOpen: whoever ends a session the moment that sys:open is out
// still has his sys:error sent before the line closes.
func TestLastWordAfterOpen(t *testing.T) {
	var session *Session
	h := newHub(t, &Options{OnOpen: func(_ context.Context, s *Session) error { session = s; return nil }})
	l := &hastyLine{fakeLine: newLine()}
	l.ending = func() { session.Close(CloseKicked, "replaced") }
	s, err := h.Open(t.Context(), l, Opening{User: "alice"})
	if err != nil {
		t.Fatal(err)
	}
	l.closed()
	if got := l.messages(1); got[len(got)-1].Type != "sys:error" {
		t.Fatalf("the last envelope is %s", got[len(got)-1].JSON())
	}
	s.Closed(nil)
}
