package openline

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestMain checks that no goroutine of a hub outlives the tests.
func TestMain(m *testing.M) {
	code := m.Run()
	left := leaked()
	for range 1000 { // a goroutine that is ending needs a moment to do so
		if left == "" {
			break
		}
		runtime.Gosched()
		left = leaked()
	}
	if code == 0 && left != "" {
		fmt.Fprintln(os.Stderr, "goroutines are left:\n"+left)
		code = 1
	}
	os.Exit(code)
}

// leaked returns the stacks of the goroutines that run this package's code, but for TestMain's own.
func leaked() string {
	buf := make([]byte, 1<<20)
	var left []string
	for stack := range strings.SplitSeq(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
		if strings.Contains(stack, "openline/openline.") && !strings.Contains(stack, "TestMain") {
			left = append(left, stack)
		}
	}
	return strings.Join(left, "\n\n")
}

// fakeLine records what it gets, and is full beyond room.
type fakeLine struct {
	mu     sync.Mutex
	got    []*Message
	room   int // 0: endless
	err    error
	code   int
	reason string
	closes int
	more   *sync.Cond
}

func newLine() *fakeLine {
	l := &fakeLine{}
	l.more = sync.NewCond(&l.mu)
	return l
}

func (l *fakeLine) Send(m *Message) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return l.err
	}
	if l.room > 0 && len(l.got) >= l.room {
		return ErrSlow
	}
	l.got = append(l.got, m)
	l.more.Broadcast()
	return nil
}

func (l *fakeLine) Close(code int, reason string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closes++; l.closes == 1 {
		l.code, l.reason = code, reason
	}
	l.more.Broadcast()
}

// messages returns what has come, when there are at least n.
func (l *fakeLine) messages(n int) []*Message {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.got) < n {
		l.more.Wait()
	}
	return append([]*Message(nil), l.got...)
}

// closed returns the close code, when there is one.
func (l *fakeLine) closed() (int, string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.closes == 0 {
		l.more.Wait()
	}
	return l.code, l.reason
}

// take removes the newest message, when there is one, and returns it as text.
func (l *fakeLine) take() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.got) == 0 {
		l.more.Wait()
	}
	m := l.got[len(l.got)-1]
	l.got = l.got[:len(l.got)-1]
	return string(m.JSON())
}

// newHub returns a hub that ends with the test.
func newHub(tb testing.TB, o *Options) *Hub {
	tb.Helper()
	if o == nil {
		o = &Options{}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	h := New(o)
	tb.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = h.Shutdown(ctx)
	})
	return h
}

func openSession(tb testing.TB, h *Hub, user string, channels ...string) (*Session, *fakeLine) {
	tb.Helper()
	l := newLine()
	s, err := h.Open(tb.Context(), l, Opening{User: user, Transport: "test", Channels: channels})
	if err != nil {
		tb.Fatal(err)
	}
	return s, l
}

// envelope is what a client reads.
type envelope struct {
	ID, Type, Channel, From, Encoding, Time string
	Ref, Data                               json.RawMessage
}

func read(tb testing.TB, m *Message) (e envelope) {
	tb.Helper()
	if err := json.Unmarshal(m.JSON(), &e); err != nil {
		tb.Fatalf("%s: %v", m.JSON(), err)
	}
	return e
}

func data(tb testing.TB, raw json.RawMessage) (v map[string]any) {
	tb.Helper()
	if err := json.Unmarshal(raw, &v); err != nil {
		tb.Fatalf("%s: %v", raw, err)
	}
	return v
}

func TestOpenIsFirst(t *testing.T) {
	h := newHub(t, &Options{Node: "n1"})
	r, err := h.Broadcast(t.Context(), Publication{})
	if err != nil {
		t.Fatal(err)
	}
	l := newLine()
	s, err := h.Open(t.Context(), l, Opening{User: "alice", Transport: "test", Ping: 25 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	got := l.messages(1)
	if len(got) != 1 {
		t.Fatalf("got %d messages", len(got))
	}
	e := read(t, got[0])
	want := fmt.Sprintf(`{"session":%q,"user":"alice","transport":"test","node":"n1","cursor":%q,"resumed":false,"ping":25}`, s.ID(), r.ID)
	if e.Type != "sys:open" || e.ID != "" || string(e.Data) != want {
		t.Errorf("got %s\nwant data %s", got[0].JSON(), want)
	}
}

func TestPublishReaches(t *testing.T) {
	h := newHub(t, nil)
	_, a1 := openSession(t, h, "alice")
	_, a2 := openSession(t, h, "alice", "chat:lobby")
	_, b := openSession(t, h, "bob", "chat:lobby", "chat:lobby")
	for _, c := range []struct {
		publish func(Publication) (Receipt, error)
		channel string
		lines   []*fakeLine
	}{
		{func(p Publication) (Receipt, error) { return h.Send(t.Context(), "alice", p) }, "@alice", []*fakeLine{a1, a2}},
		{func(p Publication) (Receipt, error) { return h.Broadcast(t.Context(), p) }, "@*", []*fakeLine{a1, a2, b}},
		{func(p Publication) (Receipt, error) { return h.Send(t.Context(), "nobody", p) }, "@nobody", nil},
		{func(p Publication) (Receipt, error) {
			p.Channel = "chat:lobby"
			return h.Publish(t.Context(), p)
		}, "chat:lobby", []*fakeLine{a2, b}},
	} {
		r, err := c.publish(Publication{Data: []byte(" {\"a\" : 1.0}\n"), From: "carol"})
		if err != nil || r.Delivered != len(c.lines) || !r.Stored {
			t.Errorf("%s: %+v, %v", c.channel, r, err)
		}
		for _, l := range c.lines {
			m := l.messages(1)
			e := read(t, m[len(m)-1])
			if e.ID != r.ID || e.Type != "message" || e.Channel != c.channel || e.From != "carol" || string(e.Data) != `{"a" : 1.0}` {
				t.Errorf("%s: got %s", c.channel, m[len(m)-1].JSON())
			}
			at, err := time.Parse(timeLayout, e.Time)
			if err != nil || time.Since(at) > time.Hour {
				t.Errorf("time %q: %v", e.Time, err)
			}
		}
	}
}

func TestPublishRefuses(t *testing.T) {
	h := newHub(t, &Options{MaxData: 10})
	for _, c := range []struct {
		p    Publication
		code string
	}{
		{Publication{Channel: "@alice"}, CodeReserved},
		{Publication{Channel: "@*"}, CodeReserved},
		{Publication{Channel: ""}, CodeBadName},
		{Publication{Channel: "a b"}, CodeBadName},
		{Publication{Channel: "a", Type: "sys:open"}, CodeBadName},
		{Publication{Channel: "a", Type: "a\n"}, CodeBadName},
		{Publication{Channel: "a", From: "a/b"}, CodeBadName},
		{Publication{Channel: "a", Key: strings.Repeat("k", 129)}, CodeBadName},
		{Publication{Channel: "a", Data: []byte(`{"a":}`)}, CodeBadJSON},
		{Publication{Channel: "a", Data: []byte("\"\xff\"")}, CodeBadJSON},
		{Publication{Channel: "a", Data: []byte("\xff"), Raw: true}, CodeBadJSON},
		{Publication{Channel: "a", Data: []byte(`"123456789"`)}, CodeTooLarge},
	} {
		_, err := h.Publish(t.Context(), c.p)
		if e, ok := err.(*Error); !ok || e.Code != c.code { //nolint:errorlint // the very type is promised
			t.Errorf("%+v: %v, want %s", c.p, err, c.code)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := h.Publish(ctx, Publication{Channel: "a"}); err != context.Canceled { //nolint:errorlint // as it is
		t.Error(err)
	}
}

// Every session sees the messages of all channels in one order, that of their ids, with none missing.
func TestOneOrder(t *testing.T) {
	h := newHub(t, &Options{Shards: 4, ShardQueue: 2})
	const sessions, publishers, each = 24, 8, 50
	lines := make([]*fakeLine, sessions)
	for i := range lines {
		_, lines[i] = openSession(t, h, fmt.Sprint("u", i%5), "a", "b", "c")
	}
	var wg sync.WaitGroup
	for p := range publishers {
		wg.Go(func() {
			for i := range each {
				var r Receipt
				var err error
				if (p+i)%4 == 3 {
					r, err = h.Broadcast(t.Context(), Publication{})
				} else {
					r, err = h.Publish(t.Context(), Publication{Channel: string(rune('a' + (p+i)%4))})
				}
				if err != nil || r.Delivered != sessions {
					t.Errorf("%+v, %v", r, err)
				}
			}
		})
	}
	wg.Wait()
	first := lines[0].messages(1)[1:]
	if len(first) != publishers*each {
		t.Fatalf("%d messages", len(first))
	}
	for i, m := range first {
		if _, sequence, _ := strings.Cut(m.ID, "-"); sequence != fmt.Sprint(i+1) {
			t.Fatalf("message %d has the id %s", i, m.ID)
		}
	}
	for _, l := range lines {
		for i, m := range l.messages(1)[1:] {
			if m != first[i] {
				t.Fatalf("%s and %s at place %d", m.ID, first[i].ID, i)
			}
		}
	}
}
