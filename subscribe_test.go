package openline

import (
	"fmt"
	"strings"
	"sync"
	"testing"
)

// While messages are published without pause, sessions subscribe and unsubscribe: after the sys:ok of subscribe come exactly the messages after its cursor, up
// to the cursor in the sys:ok of unsubscribe.
func TestSubscribeHasNeitherHoleNorEarlyMessage(t *testing.T) {
	h := newHub(t, &Options{Shards: 3, ShardQueue: 4})
	stop := make(chan struct{})
	var publishing, wg sync.WaitGroup
	for range 2 {
		publishing.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					if _, err := h.Publish(t.Context(), Publication{Channel: "c"}); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	for i := range 12 {
		wg.Go(func() {
			s, l := openSession(t, h, fmt.Sprint("u", i))
			for range 4 {
				s.Receive(t.Context(), []byte(`{"type":"subscribe","channel":"c","ref":1}`))
				l.messages(len(l.messages(1)) + 3) // let some come
				s.Receive(t.Context(), []byte(`{"type":"unsubscribe","channel":"c","ref":2}`))
			}
			checkStream(t, l.messages(8))
		})
	}
	wg.Wait()
	close(stop)
	publishing.Wait()
}

func checkStream(t *testing.T, got []*Message) {
	t.Helper()
	next := -1 // the sequence that must come, or -1 outside of a subscription
	for i, m := range got[1:] {
		e := read(t, m)
		switch {
		case e.Type == "sys:ok":
			cursor := sequence(t, data(t, e.Data)["cursor"].(string))
			if string(e.Ref) == "1" {
				next = cursor + 1
			} else if next != cursor+1 {
				t.Errorf("message %d: unsubscribed at %d, but %d would have been next", i, cursor, next)
			} else {
				next = -1
			}
		case e.Type == "message" && sequence(t, e.ID) == next:
			next++
		default:
			t.Errorf("message %d: %s, expected the sequence %d", i, m.JSON(), next)
			return
		}
	}
}

func sequence(t *testing.T, id string) (n int) {
	t.Helper()
	_, s, _ := strings.Cut(id, "-")
	if _, err := fmt.Sscan(s, &n); err != nil {
		t.Fatalf("id %q: %v", id, err)
	}
	return n
}

// What is published once Open has returned, or behind the cursor in sys:open, comes.
func TestOpenHasNoHole(t *testing.T) {
	h := newHub(t, &Options{Shards: 3, ShardQueue: 4})
	var wg sync.WaitGroup
	stop := make(chan struct{})
	var last Receipt
	wg.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				last, _ = h.Broadcast(t.Context(), Publication{})
			}
		}
	})
	lines := make([]*fakeLine, 30)
	for i := range lines {
		_, lines[i] = openSession(t, h, "u")
	}
	close(stop)
	wg.Wait()
	for _, l := range lines {
		got := l.messages(1)
		next := sequence(t, data(t, read(t, got[0]).Data)["cursor"].(string)) + 1
		for _, m := range got[1:] {
			if sequence(t, m.ID) != next {
				t.Fatalf("%s instead of %d", m.ID, next)
			}
			next++
		}
		if last.ID != "" && next != sequence(t, last.ID)+1 {
			t.Errorf("ends before %d; the last message was %s", next, last.ID)
		}
	}
}

func TestSubscriptions(t *testing.T) {
	h := newHub(t, &Options{MaxChannels: 2})
	s, _ := openSession(t, h, "alice", "b", "b")
	check := func(want string) {
		t.Helper()
		if got := strings.Join(s.Channels(), " "); got != want {
			t.Errorf("channels %q, want %q", got, want)
		}
	}
	check("b")
	for range 2 {
		if err := s.Subscribe("a"); err != nil {
			t.Error(err)
		}
	}
	check("a b")
	if err := s.Subscribe("c"); err == nil || err.(*Error).Code != CodeLimit {
		t.Error(err)
	}
	if n := h.SubscriberCount("a"); n != 1 {
		t.Error(n)
	}
	for range 2 {
		if err := s.Unsubscribe("a"); err != nil {
			t.Error(err)
		}
	}
	check("b")
	if n := h.SubscriberCount("a"); n != 0 {
		t.Error(n)
	}
	if err := s.Subscribe("@bob"); err == nil || err.(*Error).Code != CodeReserved {
		t.Error(err)
	}
	s.Close(CloseNormal, "")
	check("")
	if err := s.Subscribe("a"); err == nil || err.(*Error).Code != CodeClosed {
		t.Error(err)
	}
	if len(h.topics) != 0 {
		t.Errorf("%d topics are left", len(h.topics))
	}
}

// A part keeps its sessions through any order of coming and going, below and above the size from which it is indexed.
func TestPart(t *testing.T) {
	p := &part{topic: &topic{name: "c"}}
	var sessions []*Session
	for i := range 5 * indexed {
		s := &Session{}
		sessions = append(sessions, s)
		p.add(s)
		if i%3 == 2 {
			k := i / 2
			p.remove(sessions[k])
			sessions[k] = sessions[len(sessions)-1]
			sessions = sessions[:len(sessions)-1]
		}
	}
	for len(sessions) > 0 {
		has := map[*Session]int{}
		for _, s := range p.sessions {
			has[s]++
		}
		for _, s := range sessions {
			if has[s] != 1 {
				t.Fatal("a session is missing, or there twice")
			}
		}
		if len(has) != len(sessions) {
			t.Fatal("a session is there that has left")
		}
		p.remove(sessions[0])
		p.remove(sessions[0])
		sessions = sessions[1:]
	}
	if len(p.sessions) != 0 || len(p.index) != 0 {
		t.Error("not empty")
	}
}
