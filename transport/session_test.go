package transport

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openline/openline"
	"github.com/openline/openline/websocket"
)

// What a client sends before it has heard anything, and while an earlier request
// waits, is dealt with in its order, and none of it is lost.
func TestRequestsKeepTheirOrder(t *testing.T) {
	const n = 2000
	release, all := make(chan struct{}), make(chan []string, 1)
	var got []string
	r := newRig(t, &openline.Options{
		OnOpen: func(context.Context, *openline.Session) error { <-release; return nil },
		OnMessage: func(_ context.Context, _ *openline.Session, q *openline.Request) error {
			if got = append(got, string(q.Data)); len(got) == n {
				all <- got
			}
			return nil
		},
	}, nil)
	c := r.dial("/ws/alice")
	var writing sync.WaitGroup
	defer writing.Wait()
	writing.Go(func() {
		for i := range n {
			if err := c.Write(t.Context(), websocket.Text, fmt.Appendf(nil, `{"type":"own","data":%d}`, i)); err != nil {
				t.Error(err)
				return
			}
		}
	})
	close(release)
	for i, data := range <-all {
		if data != fmt.Sprint(i) {
			t.Fatalf("request %d is %s", i, data)
		}
	}
}

// unopened is a session that stays as it is before the hub has one.
type unopened struct{ *session }

func (unopened) OnOpen(*websocket.LoopConn) {}

// A client that sends faster than it is served is not read any more, before much
// waits; when it is served again, everything comes.
func TestClientAheadIsNotRead(t *testing.T) {
	r := newRig(t, nil, nil)
	sessions := make(chan *session, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		c, err := websocket.Accept(w, q, nil)
		if err != nil {
			t.Error(err)
			return
		}
		s := &session{t: r.ws, busy: true} // as while a request waits
		if s.conn, err = r.ws.loops[0].Attach(c, unopened{s}); err != nil {
			t.Error(err)
		}
		sessions <- s
	}))
	defer server.Close()
	r.address = "ws" + strings.TrimPrefix(server.URL, "http")
	c := r.dial("/")
	s := <-sessions
	const n, size = 2000, 1000
	var writing sync.WaitGroup
	defer writing.Wait()
	writing.Go(func() {
		for i := range n {
			message := bytes.Repeat([]byte{byte(i)}, size)
			if err := c.Write(t.Context(), websocket.Binary, message); err != nil {
				t.Error(err)
				return
			}
		}
	})
	const header = 5
	for got, most := 0, 0; got < n; {
		s.mu.Lock()
		waiting := s.waiting
		if len(waiting) < pauseAt && got+len(waiting)/(header+size) < n {
			s.mu.Unlock()
			runtime.Gosched()
			continue
		}
		s.waiting = nil
		most = max(most, len(waiting))
		s.paused = false
		s.mu.Unlock()
		for ; len(waiting) > 0; waiting = waiting[header+size:] {
			if waiting[header] != byte(got) {
				t.Fatalf("message %d begins with %d", got, waiting[header])
			}
			got++
		}
		s.conn.Resume()
		if most > pauseAt+128<<10 {
			t.Errorf("%d octets waited", most)
		}
	}
	s.deafen()
	_ = s.conn.CloseNow()
}

// A session of a hub whose shards are the transport's loops gets all of its
// messages in order, whoever publishes them.
func TestHubOnLoops(t *testing.T) {
	loops, err := NewLoops(2)
	if err != nil {
		t.Fatal(err)
	}
	runners := []openline.Runner{loops[0], loops[1]}
	r := newRig(t, &openline.Options{Runners: runners}, &Options{Loops: loops})
	const clients, publishers, each = 6, 4, 50
	var list []*websocket.Conn
	for i := range clients {
		c := r.dial(fmt.Sprintf("/ws/u%d?channels=c", i))
		r.next(c)
		list = append(list, c)
	}
	var publishing sync.WaitGroup
	for p := range publishers {
		publishing.Go(func() {
			for i := range each {
				got, err := r.hub.Publish(t.Context(), openline.Publication{Channel: "c", Data: fmt.Appendf(nil, "%d", p*each+i)})
				if err != nil || got.Delivered != clients {
					t.Errorf("%+v, %v", got, err)
				}
			}
		})
	}
	publishing.Wait()
	var first []string
	for i, c := range list {
		var got []string
		for range publishers * each {
			_, data := r.next(c)
			got = append(got, data)
		}
		if first == nil {
			first = got
		} else if !slices.Equal(got, first) {
			t.Errorf("client %d has another order", i)
		}
	}
	if slices.Sort(first); len(slices.Compact(first)) != publishers*each {
		t.Error("a message is missing")
	}
}

func TestExpiries(t *testing.T) {
	r := newRig(t, nil, nil)
	var e expiries
	open := func(in time.Duration) (*session, *lineOfTest) {
		l := &lineOfTest{closed: make(chan string, 1)}
		hub, err := r.hub.Open(t.Context(), l, openline.Opening{User: "alice"})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { hub.Closed(nil) })
		one := &session{until: time.Now().Add(in).UnixNano()}
		one.hub.Store(hub)
		return one, l
	}
	late, _ := open(time.Hour)
	e.add(late)
	gone, _ := open(30 * time.Minute)
	e.add(gone)
	e.remove(gone)
	e.remove(gone)
	soon, first := open(-time.Second)
	sooner, second := open(-time.Minute)
	e.add(soon)
	e.add(sooner)
	for _, l := range []*lineOfTest{first, second} {
		if reason := <-l.closed; !strings.HasPrefix(reason, "the token expired at ") {
			t.Error(reason)
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.heap) != 1 || e.heap[0] != late || late.place != 0 {
		t.Errorf("%d left", len(e.heap))
	}
	e.timer.Stop()
}

type lineOfTest struct{ closed chan string }

func (*lineOfTest) Send(*openline.Message) error { return nil }
func (l *lineOfTest) Close(_ int, reason string) { l.closed <- reason }
