package openline

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// Ack takes the client's word that it has taken in everything up to the message with the id, or to the cursor: what a publication with Await waits for. The error is an *[Error].
func (s *Session) Ack(id string) error {
	epoch, seq, e := parseCursor(id)
	if e != nil {
		return e
	}
	if epoch == s.hub.epoch {
		s.hub.trackers.acknowledge(s, seq)
	}
	return nil
}

func (s *Session) doAck(r *Request) *Error {
	if s.visiting {
		return noSession(r.Type)
	}
	if r.id == "" {
		return missing("id", "the id of the last message that has been taken in")
	}
	epoch, seq, e := parseCursor(r.id)
	if e != nil {
		return e
	}
	if epoch == s.hub.epoch {
		s.hub.trackers.acknowledge(s, seq)
	}
	if len(r.Ref) > 0 {
		r.ok(nil)
	}
	return nil
}

// A tracker knows which sessions have a message for whose acknowledgement somebody waits.
type tracker struct {
	id    string
	seq   uint64
	at    time.Time
	done  chan struct{} // closed when a session has acknowledged
	acked atomic.Bool   // a session has
	waits atomic.Int32  // who wait for that

	mu   sync.Mutex
	took map[*Session]struct{} // guarded by mu; nil once one of them has acknowledged
}

// add is called when a session's line is about to get the message.
func (t *tracker) add(s *Session) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.took != nil {
		t.took[s] = struct{}{}
	}
}

func (t *tracker) acknowledge(s *Session) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, ok := t.took[s]; ok {
		t.took = nil
		t.acked.Store(true)
		close(t.done)
	}
}

// wait reports whether a session acknowledges in time, and before the hub has ended.
func (t *tracker) wait(ctx context.Context, ended <-chan struct{}, most time.Duration) bool {
	t.waits.Add(1)
	defer t.waits.Add(-1)
	timer := time.NewTimer(most)
	defer timer.Stop()
	select {
	case <-t.done:
		return true
	case <-timer.C:
	case <-ended:
	case <-ctx.Done():
	}
	select {
	case <-t.done:
		return true
	default:
		return false
	}
}

// Bounds of how many are remembered, so that a publication that is repeated with its key can be waited for again, and for how long: they hold on to the sessions that have got the message.
const (
	maxTrackers = 4096
	trackFor    = 5 * time.Minute
)

// trackers are those of the latest messages that are or were waited for.
type trackers struct {
	any atomic.Bool // there has been one

	mu     sync.Mutex          // guards the following
	byID   map[string]*tracker // at most maxTrackers
	oldest []*tracker          // in the one order
}

// add begins to track m, which nobody else knows yet.
func (t *trackers) add(m *Message) {
	now := time.Now()
	m.tracker = &tracker{id: m.ID, seq: m.Seq, at: now, done: make(chan struct{}), took: map[*Session]struct{}{}}
	t.any.Store(true)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.byID == nil {
		t.byID = map[string]*tracker{}
	}
	for len(t.oldest) > 0 {
		first := t.oldest[0]
		if len(t.oldest) < maxTrackers && (first.waits.Load() > 0 || now.Sub(first.at) <= trackFor) {
			break
		}
		delete(t.byID, first.id)
		t.oldest[0] = nil
		t.oldest = t.oldest[1:]
	}
	t.byID[m.ID] = m.tracker
	t.oldest = append(t.oldest, m.tracker)
}

func (t *trackers) find(id string) *tracker {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.byID[id]
}

// acknowledge tells all that wait for a message up to seq.
func (t *trackers) acknowledge(s *Session, seq uint64) {
	if !t.any.Load() {
		return
	}
	t.mu.Lock()
	var list []*tracker
	for _, one := range t.oldest {
		if one.seq > seq {
			break
		}
		if !one.acked.Load() {
			list = append(list, one)
		}
	}
	t.mu.Unlock()
	for _, one := range list {
		one.acknowledge(s)
	}
}

// acknowledged waits for the acknowledgement that p asks for.
func (h *Hub) acknowledged(ctx context.Context, p *Publication, r Receipt) Receipt {
	if p.Await > 0 {
		if t := h.trackers.find(r.ID); t != nil {
			r.Acknowledged = t.wait(ctx, h.ended, p.Await)
		}
	}
	return r
}
