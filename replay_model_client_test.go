package openline

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"testing/synctest"
	"time"
)

// modelMessage is what was published.
type modelMessage struct {
	seq          uint64
	channel, key string
}

// modelClient is a program that keeps to the rules.
type modelClient struct {
	w        *modelWorld
	user     string
	channels []string
	cursor   string
	line     *modelLine
	watches  bool
	refs     int

	have  map[modelMessage]bool
	cover map[string]uint64 // of each channel: it is to have what comes after
	gaps  []modelGap
	here  map[string]bool // who is there, as a watcher has heard
}

func newModelClient(w *modelWorld, user string) *modelClient {
	return &modelClient{w: w, user: user, have: map[modelMessage]bool{}, cover: map[string]uint64{}}
}

// newWatcher returns a client whose line is never too slow, and who sees who comes and goes.
func newWatcher(w *modelWorld) *modelClient {
	c := newModelClient(w, "watcher")
	c.watches = true
	return c
}

// open opens a session: where the last one was, from now on, or somewhere else.
func (c *modelClient) open() {
	w := c.w
	l := &modelLine{
		w: w, room: 4 + w.random.IntN(1+w.random.IntN(100)), whims: w.random.IntN(2) == 0, from: map[string]uint64{}, last: map[string]uint64{}, got: map[modelMessage]bool{},
		pending: map[string]modelRequest{}, times: map[string][]time.Time{},
	}
	switch n := w.random.IntN(20); {
	case n == 0 && len(w.past) > 0:
		l.since = w.past[w.random.IntN(len(w.past))]
	case n == 1 && len(w.log) > 0:
		l.since = w.hub.cursorAt(w.log[w.random.IntN(len(w.log))].seq)
	case n == 2:
		l.since = w.hub.cursorAt(w.place() + 1 + w.random.Uint64N(3))
	case n > 3:
		l.since, l.goesOn = c.cursor, c.cursor != ""
	}
	for _, channel := range modelChannels {
		if len(c.channels) < 6 && w.random.IntN(10) == 0 && !slices.Contains(c.channels, channel) {
			c.channels = append(c.channels, channel)
		}
	}
	if c.watches {
		c.channels = []string{"room:1"}
		l.room, l.whims, l.since, l.goesOn = 1<<20, false, "", false
		c.here = map[string]bool{}
	}
	synctest.Wait() // who comes and goes is told of first
	l.channels, l.present = slices.Clone(c.channels), w.place()
	l.begin, l.known, l.joined = l.present, true, map[uint64]bool{l.present: true}
	if l.since != "" {
		if l.begin, l.known = c.seqOf(l.since); !l.known {
			l.begin = l.present
		}
	}
	c.line = l
	o := Opening{User: c.user, Transport: "test", Channels: l.channels, Since: l.since, Runner: w.runners[w.random.IntN(len(w.runners))]}
	s, ok, err := w.hub.TryOpen(l, o, func() { l.begun = true })
	if !ok || err != nil {
		w.fail("open: %v, %v", ok, err)
	}
	l.session = s
	w.note("%s opens %v since %s at %d, room %d", c.name(), l.channels, l.since, l.present, l.room)
}

func (c *modelClient) name() string { return c.user + "#" + strconv.Itoa(slices.Index(c.w.clients, c)) }

// cut has the line break. What is still in it may come or not.
func (c *modelClient) cut() {
	l := c.line
	if l == nil {
		return
	}
	if c.w.random.IntN(2) == 0 {
		c.consume(c.w.random.IntN(20))
	}
	c.w.note("%s is cut off at %s", c.name(), c.cursor)
	c.line = nil
	l.mu.Lock()
	l.ended, l.queue = true, nil
	l.mu.Unlock()
	l.session.Closed(nil)
}

// take takes up to n messages from the line, and reports whether there was something.
func (c *modelClient) take(n int) bool {
	l := c.line
	if l == nil {
		return false
	}
	some := c.consume(n)
	l.mu.Lock()
	ready := l.asked && len(l.queue) <= l.room/4
	if ready {
		l.asked = false
	}
	over := l.ended && len(l.queue) == 0
	l.mu.Unlock()
	switch {
	case over:
		c.cut()
		return true
	case ready:
		l.session.Ready()
	}
	return some || ready
}

func (c *modelClient) consume(n int) (some bool) {
	l := c.line
	for ; n > 0; n-- {
		l.mu.Lock()
		if len(l.queue) == 0 {
			l.mu.Unlock()
			return some
		}
		m, at := l.queue[0], l.at[0]
		l.queue, l.at = l.queue[1:], l.at[1:]
		l.mu.Unlock()
		c.receive(m, at)
		some = true
	}
	return some
}

// request subscribes to something, or unsubscribes.
func (c *modelClient) request() {
	l := c.line
	if l == nil || !l.begun || !l.opened || c.watches || l.session.ended() || len(l.pending) > 0 {
		return
	}
	w := c.w
	r := modelRequest{kind: "subscribe", channel: modelChannels[w.random.IntN(len(modelChannels))], place: w.place()}
	switch n := w.random.IntN(10); {
	case n < 3 && len(c.channels) > 0:
		r.kind, r.channel = "unsubscribe", c.channels[w.random.IntN(len(c.channels))]
	case n < 5 && len(w.log) > 0:
		r.since = w.hub.cursorAt(w.log[w.random.IntN(len(w.log))].seq)
	case n == 5 && len(w.past) > 0:
		r.since = w.past[w.random.IntN(len(w.past))]
	case n == 6:
		r.since = w.hub.cursorAt(r.place + 1)
	}
	if at, _ := c.seqOf(c.cursor); slices.Contains(c.channels, r.channel) && r.since != "" && !w.known(r.since, at) { // nobody says that he has had what he has not
		r.since = ""
	}
	c.refs++
	ref := strconv.Itoa(c.refs)
	if r.begin = r.place; r.since != "" {
		if seq, known := c.seqOf(r.since); known {
			r.begin = seq
		}
	}
	l.pending[ref] = r
	l.joined[r.place] = true
	since := ""
	if r.since != "" {
		since = fmt.Sprintf(`,"since":%q`, r.since)
	}
	w.note("%s: %s %s since %s at %d", c.name(), r.kind, r.channel, r.since, r.place)
	l.session.Receive(context.Background(), fmt.Appendf(nil, `{"type":%q,"channel":%q,"ref":%s%s}`, r.kind, r.channel, ref, since))
}
