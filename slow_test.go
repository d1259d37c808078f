package openline

import (
	"fmt"
	"testing"
	"testing/synctest"
)

// openSlow opens a session whose line takes four messages, and has room while there are two or fewer.
func openSlow(tb testing.TB, h *Hub, since string, channels ...string) (*Session, *slowLine) {
	tb.Helper()
	l := newSlowLine(4)
	s, err := h.Open(tb.Context(), l, Opening{User: "slow", Channels: channels, Since: since})
	if err != nil {
		tb.Fatal(err)
	}
	return s, l
}

// drained takes what the line gets until it gets nothing more.
func drained(l *slowLine) (list []*Message) {
	for {
		synctest.Wait()
		l.mu.Lock()
		empty := len(l.queue) == 0
		l.mu.Unlock()
		if empty {
			return list
		}
		list = append(list, l.take())
	}
}

// What the history no longer has when a slow session can take it is a gap, with its bounds; the rest follows, and then what is published. Others get all.
func TestDropOldest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub(t, &Options{Namespaces: map[string]Namespace{"feed": {Slow: DropOldest, History: History{Size: 4}}}})
		_, l := openSlow(t, h, "", "feed:1", "other")
		_, fast := openSession(t, h, "fast", "feed:1")
		var ids []string
		for i := range 20 {
			ids = append(ids, publish(t, h, "feed:1", i))
		}
		list := drained(l)
		want(t, "slow", texts(list), "0 1 gap 16 17 18 19")
		g := gapOf(t, list[3])
		if g != (Gap{Channel: "feed:1", After: ids[1], Before: ids[16], Reason: GapEvicted, Cursor: ids[15]}) || list[3].Cursor != ids[15] {
			t.Errorf("%+v", g)
		}
		publish(t, h, "feed:1", "live")
		publish(t, h, "other", "x")
		list = drained(l)
		want(t, "then", texts(list), `"live" "x"`)
		if list[0].Cursor != "" {
			t.Errorf("%s", list[0].JSON())
		}
		want(t, "fast", received(fast), `0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 "live"`)
	})
}

// Where the history reaches, nothing is lost however slow the session is.
func TestDropOldestOfNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub(t, &Options{Namespaces: map[string]Namespace{"feed": {Slow: DropOldest, JoinLeave: true}}})
		_, l := openSlow(t, h, "", "feed:1")
		synctest.Wait()
		var ids []string
		for i := range 500 {
			ids = append(ids, publish(t, h, "feed:1", i))
			if i == 100 {
				openSession(t, h, "guest", "feed:1")
				synctest.Wait()
			}
		}
		var all []string
		for _, m := range drained(l) {
			switch {
			case m.Type == "sys:gap":
				t.Fatalf("%s", m.JSON())
			case m.Type == "sys:join" && len(all) > 2 && len(all) != 101:
				t.Errorf("%s after %d", m.JSON(), len(all))
			case !isSystem(m.Type):
				all = append(all, m.ID)
			}
		}
		if fmt.Sprint(all) != fmt.Sprint(ids) {
			t.Errorf("%d messages of %d", len(all), len(ids))
		}
	})
}

// Where nothing is kept, a bounded number waits for the session itself.
func TestDropOldestWithoutHistory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub(t, &Options{Namespaces: map[string]Namespace{"feed": {Slow: DropOldest, History: History{None: true}}}})
		_, l := openSlow(t, h, "", "feed:1")
		var ids []string
		for i := range maxHeld + 10 {
			ids = append(ids, publish(t, h, "feed:1", i))
		}
		list := drained(l)
		if len(list) != 1+2+1+maxHeld {
			t.Fatalf("%d: %s", len(list), texts(list))
		}
		if g := gapOf(t, list[3]); g.Channel != "feed:1" || g.After != ids[1] || g.Before != ids[10] || g.Reason != GapOverflow || g.Cursor != ids[9] {
			t.Errorf("%+v, want %s to %s", g, ids[1], ids[10])
		}
		if list[4].ID != ids[10] || list[len(list)-1].ID != ids[len(ids)-1] {
			t.Errorf("%s … %s", list[4].JSON(), list[len(list)-1].JSON())
		}
	})
}

// A slow session gets the newest, of each key where there are keys, and nothing is said of what was replaced.
func TestSlowGetsNewest(t *testing.T) {
	for name, c := range map[string]struct {
		rules Namespace
		want  string
	}{
		"of all":          {Namespace{Slow: Newest}, "a0 b1 a29"},
		"without history": {Namespace{Slow: Newest, History: History{None: true}}, "a0 b1 a29"},
		"of each key":     {Namespace{Slow: Newest, Latest: true}, "a0 b1 c27 b28 a29"},
		"drop oldest":     {Namespace{Slow: DropOldest, Latest: true}, "a0 b1 c27 b28 a29"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHub(t, &Options{Namespaces: map[string]Namespace{"feed": c.rules}})
				_, l := openSlow(t, h, "", "feed:1")
				for i := range 30 {
					key := string("abc"[i%3])
					if i > 26 {
						key = string("cba"[i-27])
					}
					r, err := h.Publish(t.Context(), Publication{Channel: "feed:1", Key: key, Data: fmt.Append(nil, i), Type: key})
					if err != nil || r.Duplicate && c.rules.Latest {
						t.Fatal(r, err)
					}
					if r.Duplicate { // where keys deduplicate, each message has its own
						if _, err := h.Publish(t.Context(), Publication{Channel: "feed:1", Data: fmt.Append(nil, i), Type: key}); err != nil {
							t.Fatal(err)
						}
					}
				}
				var said string
				for _, m := range drained(l)[1:] {
					if isSystem(m.Type) {
						t.Errorf("%s", m.JSON())
					}
					said += " " + m.Type + string(m.Data)
				}
				want(t, "received", said[1:], c.want)
			})
		})
	}
}

// Who does not keep up where nothing else is said is closed, and comes back for the rest.
func TestSlowIsDisconnected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub(t, nil)
		s, l := openSlow(t, h, "", "feed:1")
		for i := range 10 {
			publish(t, h, "feed:1", i)
		}
		synctest.Wait()
		if l.code != CloseSlow || !s.ended() {
			t.Errorf("closed with %d", l.code)
		}
		list := drained(l)
		s.Closed(nil)
		_, l = openSlow(t, h, list[len(list)-1].Place(), "feed:1")
		want(t, "received", texts(append(list, drained(l)...)), "0 1 2 3 4 5 6 7 8 9")
	})
}

// A new subscriber gets the latest of each key after sys:open, or after the answer to subscribe; one that comes back what has changed.
func TestLatest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub(t, &Options{Namespaces: map[string]Namespace{"quotes": {Latest: true}}})
		var ids []string
		for i := range 30 {
			ids = append(ids, publishKey(t, h, "quotes:1", string("abc"[i%3]), i))
		}
		s, l := openSession(t, h, "alice", "quotes:1")
		publishKey(t, h, "quotes:1", "a", 30)
		want(t, "opened", received(l), "a27 b28 c29 a30")
		first := openOf(t, l.messages(2)[0])
		if m := l.messages(2)[1]; first.Cursor != ids[29] || m.ID != ids[27] || m.Cursor != ids[29] {
			t.Errorf("%+v, %s", first, m.JSON())
		}
		other, l2 := openSession(t, h, "bob")
		other.Receive(t.Context(), []byte(`{"type":"subscribe","channel":"quotes:1","ref":1}`))
		want(t, "subscribed", received(l2), "b28 c29 a30")
		if list := l2.messages(5); list[1].Type != "sys:ok" {
			t.Errorf("%s", list[1].JSON())
		}
		s.Closed(nil)
		publishKey(t, h, "quotes:1", "b", 31)
		publishKey(t, h, "quotes:1", "b", 32)
		_, l = resumeSession(t, h, "alice", ids[28], "quotes:1")
		want(t, "resumed", received(l), "c29 a30 b32")
		if open := openOf(t, l.messages(1)[0]); !open.Resumed {
			t.Error("not resumed: what was replaced is no gap")
		}
	})
}
