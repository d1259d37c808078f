package openline

import (
	"sync"
	"time"
)

// modelRunner keeps what its shard is to do until the test has it done.
type modelRunner struct {
	mu    sync.Mutex
	tasks []func()
}

func (r *modelRunner) Do(f func()) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tasks = append(r.tasks, f)
	return true
}

// run does one thing, and reports whether there was one.
func (r *modelRunner) run() bool {
	r.mu.Lock()
	if len(r.tasks) == 0 {
		r.mu.Unlock()
		return false
	}
	f := r.tasks[0]
	r.tasks = r.tasks[1:]
	r.mu.Unlock()
	f()
	return true
}

// modelLine is a line with a queue, which says now and then that it has no room.
type modelLine struct {
	w        *modelWorld
	room     int
	whims    bool
	since    string            // that it was opened with
	present  uint64            // the place at which it was opened
	begin    uint64            // where it is to begin
	known    bool              // since is of a place that there has been
	session  *Session          // not to be used until begun
	begun    bool              // Open has come to its end
	channels []string          // that it was opened with
	from     map[string]uint64 // of each channel: what comes after this is to come
	last     map[string]uint64 // of each channel, or channel and key: the latest that has come
	latest   uint64            // of all plain channels
	got      map[modelMessage]bool
	gaps     []modelGap
	opened   bool            // sys:open has come
	whole    bool            // it said so
	goesOn   bool            // it begins where the last one ended
	joined   map[uint64]bool // the places at which it was opened and has subscribed
	pending  map[string]modelRequest
	times    map[string][]time.Time

	mu    sync.Mutex // guards the following
	queue []*Message
	at    []time.Time
	asked bool
	ended bool
}

// modelGap is a part of the order in which messages of a channel, or of all, may be missing.
type modelGap struct {
	channel       string
	after, before uint64
	loose         bool // not all of it is missing
}

type modelRequest struct {
	kind, channel, since string
	place, begin         uint64 // of the order, and from which on the channel's messages are to come
}

func (l *modelLine) Send(m *Message) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended || len(l.queue) >= l.room {
		return ErrSlow
	}
	l.queue, l.at = append(l.queue, m), append(l.at, time.Now())
	return nil
}

func (l *modelLine) SendHere(m *Message, _ bool) error { return l.Send(m) }

func (l *modelLine) Close(int, string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = true
}

func (l *modelLine) Room(*Session) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asked = l.asked || len(l.queue) > l.room/2 || l.whims && l.w.random.IntN(20) == 0
	return !l.asked
}
