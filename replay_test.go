package openline

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// slowLine is a line with a queue of a few messages, which its test takes out.
type slowLine struct {
	mu    sync.Mutex
	room  int
	queue []*Message
	asked *Session // is to be told when the queue is empty
	ended bool
	code  int
	more  *sync.Cond
}

func newSlowLine(room int) *slowLine {
	l := &slowLine{room: room}
	l.more = sync.NewCond(&l.mu)
	return l
}

func (l *slowLine) Send(m *Message) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.queue) >= l.room {
		return ErrSlow
	}
	l.queue = append(l.queue, m)
	l.more.Broadcast()
	return nil
}

func (l *slowLine) Close(code int, _ string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended, l.code = true, code
	l.more.Broadcast()
}

func (l *slowLine) Room(s *Session) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.queue) <= l.room/2 {
		return true
	}
	l.asked = s
	return false
}

// take returns the next message, or nil when the line has been closed.
func (l *slowLine) take() *Message {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.queue) == 0 && !l.ended {
		l.more.Wait()
	}
	if len(l.queue) == 0 {
		return nil
	}
	m := l.queue[0]
	l.queue = l.queue[1:]
	if len(l.queue) == 0 && l.asked != nil {
		l.asked.Ready()
		l.asked = nil
	}
	return m
}

func publish(tb testing.TB, h *Hub, channel string, data any) string {
	tb.Helper()
	text, err := json.Marshal(data)
	if err != nil {
		tb.Fatal(err)
	}
	var r Receipt
	p := Publication{Channel: channel, Data: text}
	switch {
	case channel == everyone:
		r, err = h.Broadcast(tb.Context(), p)
	case reserved(channel):
		r, err = h.Send(tb.Context(), channel[1:], p)
	default:
		r, err = h.Publish(tb.Context(), p)
	}
	if err != nil {
		tb.Fatal(err)
	}
	return r.ID
}

func resumeSession(tb testing.TB, h *Hub, user, since string, channels ...string) (*Session, *fakeLine) {
	tb.Helper()
	l := newLine()
	s, err := h.Open(tb.Context(), l, Opening{User: user, Transport: "test", Channels: channels, Since: since})
	if err != nil {
		tb.Fatal(err)
	}
	return s, l
}

type openData struct {
	Cursor  string
	Resumed bool
}

func openOf(tb testing.TB, m *Message) (d openData) {
	tb.Helper()
	if m.Type != "sys:open" {
		tb.Fatalf("%s is not sys:open", m.JSON())
	}
	if err := json.Unmarshal(m.Data, &d); err != nil {
		tb.Fatal(err)
	}
	return d
}

func gapOf(tb testing.TB, m *Message) (g Gap) {
	tb.Helper()
	if m.Type != "sys:gap" {
		tb.Fatalf("%s is not sys:gap", m.JSON())
	}
	if err := json.Unmarshal(m.Data, &g); err != nil {
		tb.Fatal(err)
	}
	if m.Place() != g.Cursor {
		tb.Errorf("%s moves the cursor to %s", m.JSON(), m.Place())
	}
	return g
}

func idsOf(list []*Message) []string {
	ids := []string{}
	for _, m := range list {
		ids = append(ids, m.ID)
	}
	return ids
}

// What a session has missed comes once, in the one order, of its channels alone,
// and then what is published.
func TestResume(t *testing.T) {
	h := newHub(t, nil)
	channels := []string{"a", "b", "@alice", everyone, "other", "@bob"}
	var all, hers []string
	for i := range 700 {
		c := channels[i*i%len(channels)]
		id := publish(t, h, c, i)
		all = append(all, id)
		if c != "other" && c != "@bob" {
			hers = append(hers, id)
		}
	}
	for _, from := range []int{0, 1, 350, 698, 699} {
		_, l := resumeSession(t, h, "alice", all[from], "a", "b")
		live := publish(t, h, "a", "live")
		want := []string{""}
		for _, id := range hers {
			if slices.Index(all, id) > from {
				want = append(want, id)
			}
		}
		hers, all = append(hers, live), append(all, live)
		want = append(want, live)
		got := l.messages(len(want))
		if ids := idsOf(got); !slices.Equal(ids, want) {
			t.Fatalf("from %d: %d messages, want %d:\n%v\n%v", from, len(got), len(want), ids, want)
		}
		if d := openOf(t, got[0]); !d.Resumed || d.Cursor != all[from] || got[0].Place() != all[from] {
			t.Errorf("%s", got[0].JSON())
		}
	}
}

// A cursor with what a transport has added is one without.
func TestResumeSuffix(t *testing.T) {
	h := newHub(t, nil)
	first, second := publish(t, h, "a", 1), publish(t, h, "a", 2)
	_, l := resumeSession(t, h, "alice", first+".abc", "a")
	if got := l.messages(2); got[1].ID != second || openOf(t, got[0]).Cursor != first {
		t.Errorf("%s %s", got[0].JSON(), got[1].JSON())
	}
}

func TestGaps(t *testing.T) {
	h := newHub(t, &Options{Namespaces: map[string]Namespace{
		"few":  {History: History{Size: 5}},
		"none": {History: History{None: true}},
	}})
	var few []string
	for i := range 20 {
		few = append(few, publish(t, h, "few:x", i))
	}
	before := publish(t, h, "a", 1)
	_, l := resumeSession(t, h, "alice", few[2], "few:x", "a", "few:unused")
	got := l.messages(8)
	if d := openOf(t, got[0]); d.Resumed || d.Cursor != few[2] {
		t.Errorf("%s", got[0].JSON())
	}
	if g, want := gapOf(t, got[1]), (Gap{Channel: "few:x", After: few[2], Before: few[15], Reason: GapEvicted, Cursor: few[14]}); g != want {
		t.Errorf("gap %+v, want %+v", g, want)
	}
	if ids, want := idsOf(got[2:]), append(slices.Clone(few[15:]), before); !slices.Equal(ids, want) {
		t.Errorf("%v, want %v", ids, want)
	}
	// Who has had all that is gone misses nothing.
	_, l = resumeSession(t, h, "alice", few[14], "few:x")
	if got = l.messages(6); !openOf(t, got[0]).Resumed {
		t.Errorf("%s", got[0].JSON())
	}
	// A channel without a history.
	gone := publish(t, h, "none:x", 1)
	_, l = resumeSession(t, h, "alice", before, "none:x", "none:y")
	live := publish(t, h, "none:x", 2)
	got = l.messages(3)
	if g, want := gapOf(t, got[1]), (Gap{Channel: "none:x", After: before, Before: next(gone), Reason: GapNoHistory, Cursor: gone}); g != want || got[2].ID != live {
		t.Errorf("gap %+v, want %+v", g, want)
	}
}

// A cursor of another order, and of a place that there has not been.
func TestGapsOfAll(t *testing.T) {
	h := newHub(t, nil)
	old := []string{publish(t, h, "a", 1), publish(t, h, "@alice", 2)}
	for _, c := range []struct {
		since, reason, before string
		again                 []string
	}{
		{"other-7", GapRestarted, strings.Split(old[0], "-")[0] + "-1", old},
		{strings.Split(old[0], "-")[0] + "-9999", GapUnknown, next(old[1]), nil},
	} {
		_, l := resumeSession(t, h, "alice", c.since, "a")
		got := l.messages(2 + len(c.again))
		if g := gapOf(t, got[1]); g.After != c.since || g.Reason != c.reason || g.Channel != "" || g.Before != c.before {
			t.Errorf("%s: %+v, want %+v", c.since, g, c)
		}
		if openOf(t, got[0]).Resumed || !slices.Equal(idsOf(got[2:]), append([]string{}, c.again...)) {
			t.Errorf("%s, then %v", got[0].JSON(), idsOf(got[2:]))
		}
	}
}

// next returns the cursor of the place behind one.
func next(cursor string) string {
	epoch, seq, _ := parseCursor(cursor)
	return fmt.Sprint(epoch, "-", seq+1)
}

// Clients come, are cut off anywhere, and come back from where they were, while
// messages are published: each gets each once, in order.
func TestResumeUnderLoad(t *testing.T) {
	for _, c := range []struct {
		name string
		room int
	}{{"little room", 6}, {"much room", 200}} {
		t.Run(c.name, func(t *testing.T) { resumeUnderLoad(t, c.room) })
	}
}

func resumeUnderLoad(t *testing.T, room int) {
	const clients, publishers, each = 12, 3, 400
	h := newHub(t, &Options{Shards: 3, Namespaces: map[string]Namespace{
		DefaultNamespace: {History: History{Size: -1}, Slow: DropOldest},
		InboxNamespace:   {History: History{Size: -1}, Slow: DropOldest},
	}})
	channels := []string{"a", "b", "@alice"}
	start := publish(t, h, "unused", 0)
	var clientsDone, published sync.WaitGroup
	for k := range clients {
		random := rand.New(rand.NewPCG(1, uint64(k)))
		clientsDone.Go(func() {
			since, last := start, map[string]float64{}
			for n := 0; n < publishers*each; {
				l := newSlowLine(room)
				s, err := h.Open(context.Background(), l, Opening{User: "alice", Channels: channels[:2], Since: since})
				if err != nil {
					t.Error(err)
					return
				}
				for left := random.IntN(300); left > 0 && n < publishers*each; left-- {
					m := l.take()
					if m == nil {
						break
					}
					if m.Type == "sys:open" {
						if d := openOf(t, m); !d.Resumed {
							t.Errorf("%s", m.JSON())
						}
						continue
					}
					if m.Type != DefaultType {
						t.Errorf("%s", m.JSON())
						break
					}
					var v []float64
					if err := json.Unmarshal(m.Data, &v); err != nil {
						t.Error(err)
					}
					from := fmt.Sprint(v[0])
					if v[1] != last[from] {
						t.Errorf("client %d got %s, want number %v (since %s)", k, m.JSON(), last[from], since)
						s.Closed(nil)
						return
					}
					last[from]++
					since = m.Place()
					n++
				}
				s.Closed(nil)
			}
		})
	}
	for p := range publishers {
		published.Go(func() {
			for i := range each {
				publish(t, h, channels[(i+p)%3], []int{p, i})
			}
		})
	}
	published.Wait()
	clientsDone.Wait()
}

// Any number of sessions read a history about once.
func TestSharedReads(t *testing.T) {
	h := newHub(t, &Options{Shards: 2})
	ids := []string{publish(t, h, "unused", 0)}
	for i := range 1000 {
		ids = append(ids, publish(t, h, "news", i))
	}
	const sessions = 400
	lines := make([]*fakeLine, sessions)
	var open sync.WaitGroup
	resume := make(chan struct{})
	for _, s := range h.shards { // so that all of them are there before the first is served
		h.order.Lock()
		s.put(handover{do: ask, call: func() { <-resume }})
		h.order.Unlock()
	}
	for i := range sessions {
		open.Go(func() { _, lines[i] = resumeSession(t, h, "alice", ids[i*7%1000], "news") })
	}
	for h.Len() < sessions {
		runtime.Gosched()
	}
	close(resume)
	open.Wait()
	for i, l := range lines {
		l.messages(1 + 1000 - i*7%1000)
	}
	reads := 0
	for _, s := range h.shards {
		done := make(chan struct{})
		h.order.Lock()
		s.put(handover{do: ask, call: func() { reads += s.pages.reads; close(done) }})
		h.order.Unlock()
		<-done
	}
	if reads > 100 { // of the history of 1,000 messages in two shards, and of two that are empty
		t.Errorf("%d sessions read %d times", sessions, reads)
	}
}

func TestSubscribeSince(t *testing.T) {
	h := newHub(t, nil)
	first := publish(t, h, "b", 0)
	missed := []string{publish(t, h, "b", 1), publish(t, h, "b", 2)}
	s, l := openSession(t, h, "alice", "a")
	l.messages(1)
	s.Receive(t.Context(), fmt.Appendf(nil, `{"type":"subscribe","channel":"b","since":%q,"ref":1}`, first))
	live := publish(t, h, "a", 3)
	got := l.messages(5)
	if got[1].Place() != first || !strings.Contains(string(got[1].Data), first) {
		t.Errorf("%s, want the cursor %s", got[1].JSON(), first)
	}
	if ids := idsOf(got[2:]); !slices.Equal(ids, append(missed, live)) {
		t.Errorf("%v, want %v, %s", ids, missed, live)
	}
	s.Receive(t.Context(), []byte(`{"type":"subscribe","channel":"b","since":"other-1","ref":2}`))
	got = l.messages(10)
	if g := gapOf(t, got[6]); g.Channel != "b" || g.After != "other-1" || g.Reason != GapRestarted {
		t.Errorf("%+v", g)
	}
	if ids := idsOf(got[7:]); !slices.Equal(ids, append([]string{first}, missed...)) {
		t.Errorf("%v", ids)
	}
}

func TestHistoryPages(t *testing.T) {
	h := newHub(t, &Options{Namespaces: map[string]Namespace{"few": {History: History{Size: 3}}}})
	var ids []string
	for i := range 250 {
		ids = append(ids, publish(t, h, "a", i))
	}
	var got []string
	since := ""
	for range 4 {
		page, err := h.History("a", since, 0)
		if err != nil {
			t.Fatal(err)
		}
		got, since = append(got, idsOf(page.Messages)...), page.Cursor
		if page.Gap != nil {
			t.Errorf("%+v", page.Gap)
		}
	}
	if !slices.Equal(got, ids) {
		t.Errorf("%d messages: %v", len(got), got)
	}
	for range 5 {
		ids = append(ids, publish(t, h, "few:x", 1))
	}
	page, err := h.History("few:x", ids[0], 1)
	want := Gap{Channel: "few:x", After: ids[0], Before: ids[252], Reason: GapEvicted}
	if err != nil || page.Gap == nil || *page.Gap != want || !slices.Equal(idsOf(page.Messages), ids[252:253]) {
		t.Errorf("%s, %v; want %+v", page.JSON(), err, want)
	}
	if !json.Valid(page.JSON()) {
		t.Errorf("%s", page.JSON())
	}
	if _, err := h.History("a", "x", 0); err == nil {
		t.Error("a cursor that is none")
	}
}

func TestAwait(t *testing.T) {
	h := newHub(t, nil)
	s, l := openSession(t, h, "alice")
	openSession(t, h, "alice")
	acked := make(chan Receipt)
	go func() {
		r, err := h.Send(context.Background(), "alice", Publication{Data: []byte("1"), Await: time.Hour, Key: "k"})
		if err != nil {
			t.Error(err)
		}
		acked <- r
	}()
	m := l.messages(2)[1]
	if !strings.HasSuffix(string(m.JSON()), `,"ack":true}`) {
		t.Errorf("%s", m.JSON())
	}
	other, _ := openSession(t, h, "bob")
	if err := other.Ack(m.ID); err != nil { // who has not got it
		t.Error(err)
	}
	s.Receive(t.Context(), fmt.Appendf(nil, `{"type":"ack","id":%q}`, m.ID))
	if r := <-acked; !r.Acknowledged || r.Delivered != 2 {
		t.Errorf("%+v", r)
	}
	r, err := h.Send(t.Context(), "alice", Publication{Data: []byte("1"), Await: time.Hour, Key: "k"})
	if err != nil || !r.Acknowledged || !r.Duplicate {
		t.Errorf("%+v, %v", r, err)
	}
	if r, err = h.Send(t.Context(), "alice", Publication{Await: time.Nanosecond}); err != nil || r.Acknowledged {
		t.Errorf("%+v, %v", r, err)
	}
}

// A session that is behind in a channel that waits for it may be behind in others, too, as far as a queue would go.
func TestBehindInOthers(t *testing.T) {
	h := newHub(t, &Options{Namespaces: map[string]Namespace{"chat": {Slow: DropOldest}}})
	l := newSlowLine(8)
	if _, err := h.Open(t.Context(), l, Opening{User: "alice", Channels: []string{"chat:x"}}); err != nil {
		t.Fatal(err)
	}
	var want []string
	for i := range 20 {
		want = append(want, publish(t, h, "chat:x", i))
	}
	for i := range maxHeld {
		want = append(want, publish(t, h, "@alice", i))
	}
	if m := l.take(); m.Type != "sys:open" {
		t.Errorf("%s", m.JSON())
	}
	for i, id := range want {
		if m := l.take(); m == nil || m.ID != id {
			t.Fatalf("message %d is %v, want %s", i, m, id)
		}
	}
	for i := range 20 {
		publish(t, h, "chat:x", i)
	}
	for i := range maxHeld + 1 {
		r, err := h.Send(t.Context(), "alice", Publication{})
		if err != nil || (r.Delivered == 1) != (i < maxHeld) {
			t.Fatalf("%d: %+v, %v", i, r, err)
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.code != CloseSlow {
		t.Errorf("closed with %d", l.code)
	}
}
