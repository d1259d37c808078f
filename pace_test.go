package openline

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// publishKey publishes the latest of a key.
func publishKey(tb testing.TB, h *Hub, channel, key string, data any) string {
	tb.Helper()
	r, err := h.Publish(tb.Context(), Publication{Channel: channel, Key: key, Data: fmt.Append(nil, data)})
	if err != nil {
		tb.Fatal(err)
	}
	return r.ID
}

// texts returns what the application's messages of a list say: "a1 b2", key and data; gaps as "gap".
func texts(list []*Message) string {
	var said []string
	for _, m := range list {
		switch {
		case m.Type == "sys:gap":
			said = append(said, "gap")
		case !isSystem(m.Type):
			said = append(said, m.Key+string(m.Data))
		}
	}
	return strings.Join(said, " ")
}

func received(l *fakeLine) string {
	synctest.Wait()
	return texts(l.messages(0))
}

// A session gets the first at once, then the newest at the rate's pace, and all of other channels.
func TestMaxRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub(t, &Options{Namespaces: map[string]Namespace{"pos": {MaxRate: 3}}})
		_, l := openSession(t, h, "alice", "pos:1", "other")
		begin := time.Now()
		for i := range 100 {
			publish(t, h, "pos:1", i)
			if i == 50 {
				publish(t, h, "other", "x")
			}
			time.Sleep(10 * time.Millisecond)
		}
		time.Sleep(time.Second)
		want(t, "received", received(l), `0 33 "x" 66 99`)
		if took := time.Since(begin); took != 2*time.Second {
			t.Error(took)
		}
		// Who has had nothing for a while gets the next at once.
		publish(t, h, "pos:1", "next")
		if all := received(l); !strings.HasSuffix(all, ` "next"`) {
			t.Error(all)
		}
	})
}

// With keys the newest of each waits, the one that has waited longest comes first, and the cursor beside it is where the session is by then.
func TestMaxRateByKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub(t, &Options{Namespaces: map[string]Namespace{"quotes": {MaxRate: 1, Latest: true}}})
		_, l := openSession(t, h, "alice", "quotes:1", "other")
		for i, key := range []string{"a", "b", "c", "b", "a"} {
			publishKey(t, h, "quotes:1", key, i)
		}
		last := publish(t, h, "other", 9)
		want(t, "at once", received(l), "a0 9")
		time.Sleep(time.Second)
		want(t, "a second later", received(l), "a0 9 c2")
		time.Sleep(2 * time.Second)
		want(t, "all", received(l), "a0 9 c2 b3 a4")
		for _, m := range l.messages(5)[3:] {
			if m.Cursor != last || m.Place() != last || m.ID == last {
				t.Errorf("%s", m.JSON())
			}
		}
		if len(l.messages(0)) != 6 {
			t.Errorf("%d messages", len(l.messages(0)))
		}
	})
}

// Sessions out of step with each other each get what the rate allows.
func TestMaxRateOutOfStep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub(t, &Options{Shards: 1, Namespaces: map[string]Namespace{"pos": {MaxRate: 10}}})
		var lines []*fakeLine
		for i := range 200 {
			if i%10 == 0 {
				_, l := openSession(t, h, fmt.Sprint("u", i), "pos:1")
				lines = append(lines, l)
			}
			publish(t, h, "pos:1", i)
			time.Sleep(time.Millisecond)
		}
		before := make([]int, len(lines))
		for i, l := range lines {
			before[i] = len(l.messages(0))
		}
		for i := range 1000 {
			publish(t, h, "pos:1", i)
			time.Sleep(time.Millisecond)
		}
		for i, l := range lines {
			if n := len(l.messages(0)) - before[i]; n < 9 || n > 11 { // with both ends
				t.Errorf("session %d got %d in a second", i, n)
			}
		}
	})
}

// Who comes and who goes is not held to the rate, nor replaced.
func TestMaxRateLetsJoinsBy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub(t, &Options{Namespaces: map[string]Namespace{"pos": {MaxRate: 1, JoinLeave: true}}})
		_, l := openSession(t, h, "alice", "pos:1")
		synctest.Wait()
		publish(t, h, "pos:1", 0)
		publish(t, h, "pos:1", 1)
		for i := range 3 {
			openSession(t, h, fmt.Sprint("u", i), "pos:1")
			synctest.Wait()
		}
		want(t, "at once", received(l), "0")
		want(t, "seen", seen(t, l), "+alice +u0 +u1 +u2")
		time.Sleep(time.Second)
		want(t, "later", received(l), "0 1")
	})
}

// More keys than can wait: what is lost is told, with its bounds.
func TestMaxRateOverflow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub(t, &Options{Namespaces: map[string]Namespace{"quotes": {MaxRate: 1, Latest: true}}})
		_, l := openSession(t, h, "alice", "quotes:1")
		first := publishKey(t, h, "quotes:1", "first", 0)
		ids := make([]string, maxHeld+3)
		for i := range ids {
			ids[i] = publishKey(t, h, "quotes:1", fmt.Sprint("k", i, "="), i)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		list := l.messages(4)
		g := gapOf(t, list[2])
		if g.Channel != "quotes:1" || g.After != first || g.Before != ids[3] || g.Reason != GapOverflow || g.Cursor != ids[len(ids)-1] {
			t.Errorf("%+v", g)
		}
		want(t, "received", texts(list), "first0 gap k3=3")
		time.Sleep(maxHeld * time.Second)
		if all := received(l); strings.Count(all, "gap") != 1 || !strings.HasSuffix(all, fmt.Sprintf("k%d=%d", len(ids)-1, len(ids)-1)) {
			t.Error(all)
		}
	})
}

// What waits for a session that leaves, or whose line is slow, is let go, or waits on.
func TestMaxRateWaitsForTheLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub(t, &Options{Namespaces: map[string]Namespace{"pos": {MaxRate: 10}}})
		l := newSlowLine(4)
		s, err := h.Open(t.Context(), l, Opening{User: "alice", Channels: []string{"pos:1", "other"}})
		if err != nil {
			t.Fatal(err)
		}
		publish(t, h, "other", 0)
		publish(t, h, "other", 1) // with sys:open the queue is more than half full
		publish(t, h, "pos:1", 2)
		for i := range 100 {
			publish(t, h, "pos:1", 3+i)
			time.Sleep(100 * time.Millisecond)
		}
		var list []*Message
		for range 5 {
			list = append(list, l.take())
			time.Sleep(time.Second)
		}
		want(t, "received", texts(list), "0 1 2 102")
		publish(t, h, "pos:1", 200)
		publish(t, h, "pos:1", 201)
		if err := s.Unsubscribe("pos:1"); err != nil {
			t.Fatal(err)
		}
		want(t, "before", texts([]*Message{l.take()}), "200")
		time.Sleep(time.Minute)
		if len(l.queue) != 0 {
			t.Errorf("%s", l.queue[0].JSON())
		}
	})
}

// A session that comes back gets the newest that its rate has kept from it, although its cursor is past that.
func TestMaxRateResume(t *testing.T) {
	for _, latest := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			h := newHub(t, &Options{Namespaces: map[string]Namespace{"pos": {MaxRate: 1, Latest: latest}}})
			s, l := openSession(t, h, "alice", "pos:1", "other")
			for i := range 3 {
				publishKey(t, h, "pos:1", "", i)
			}
			cursor := publish(t, h, "other", "x")
			want(t, "before", received(l), `0 "x"`)
			s.Closed(nil)
			_, l = resumeSession(t, h, "alice", cursor, "pos:1", "other")
			publish(t, h, "other", "y")
			want(t, "after", received(l), `2 "y"`)
			if open := openOf(t, l.messages(1)[0]); !open.Resumed {
				t.Error("not resumed")
			}
		})
	}
}
