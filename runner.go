package openline

import "context"

// A Runner is what a shard of a hub runs on. A *websocket.Loop is one: the sessions whose connections it drives are then served where their sockets are.
type Runner interface {
	// Do has f called, after what it was given before and never beside it, and returns at once. False says that the runner has ended, and f is not called.
	Do(f func()) bool
}

// A RunnerLine is a Line whose connection belongs to the Runner of its session's shard, see Opening.Runner.
type RunnerLine interface {
	Line

	// SendHere is Send on the runner's own goroutine. more says that other messages are about to follow, so that they can leave together.
	SendHere(m *Message, more bool) error
}

// mostAtOnce is how many hand-overs a shard takes before it lets its runner do something else: what came together leaves together, and no socket waits for long.
const mostAtOnce = 64

// opensForOne is how many sessions that open count as one hand-over. They are to be served in the turn in which their connections were opened, a loop's next look at up to
// 256 sockets: then sys:open leaves in one write with the handshake's answer.
const opensForOne = 4

// put adds h to the queue, and has the runner work if it does not yet. It never waits. Hub.order is held, which gives hand-overs their order.
func (s *shard) put(h handover) {
	s.mu.Lock()
	s.queue = append(s.queue, h)
	s.rise()
}

// call has the runner call work. A runner that has ended serves its sessions no more, but somebody may wait for what is in the queue.
func (s *shard) call() {
	if s.runner == nil || !s.runner.Do(s.work) {
		go s.alone()
	}
}

// alone does the work on a goroutine that lives while there is any.
func (s *shard) alone() {
	s.apart = s.runner != nil
	for s.serve() {
	}
}

// turn does some of the work on the runner.
func (s *shard) turn() {
	more := true // also after a panic of a line, if the runner survives that
	defer func() {
		if more {
			s.call()
		}
	}()
	more = s.serve()
}

// serve carries out some hand-overs, and reports whether there are more.
func (s *shard) serve() bool {
	if s.next == len(s.taken) {
		s.take()
	}
	for n := 0; n < mostAtOnce && s.next < len(s.taken); {
		h := &s.taken[s.next]
		s.next++
		if h.do != open || s.next%opensForOne == 0 {
			n++
		}
		// Those who get this message get the next one, too, if that is for the same channel.
		s.do(h, n < mostAtOnce && s.next < len(s.taken) && s.taken[s.next].part == h.part)
		*h = handover{}
	}
	s.rouse()
	replaying := s.replay()
	if s.next < len(s.taken) || replaying {
		return true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.working = len(s.queue)+len(s.ready)+len(s.due) > 0
	return s.working
}

// Bounds of what is replayed in a turn: to all sessions, so that live messages come soon, and to one of them, so that all get something.
const (
	replayAtOnce = 256
	replayToOne  = 64
)

// replay hands some of what sessions have missed to them, and reports whether there is more to be done at once.
func (s *shard) replay() bool {
	if len(s.replays) == 0 {
		s.pages.clear() // of a session that waits, and has subscribed to something
		return false
	}
	left := replayAtOnce
	waiting := len(s.replays)
	for ; waiting > 0 && left > 0; waiting-- {
		b := s.replays[0]
		s.replays[0] = nil
		s.replays = s.replays[1:]
		n, more := b.step(min(left, replayToOne))
		left -= n + 1
		if more {
			s.replays = append(s.replays, b)
		}
	}
	if len(s.replays) == 0 {
		s.replays = nil
		s.pages.clear()
		return false
	}
	return true
}

// rouse goes on with what has been waited for.
func (s *shard) rouse() {
	s.mu.Lock()
	ready, due := s.ready, s.due
	s.ready, s.due = nil, nil
	s.mu.Unlock()
	for _, one := range ready {
		switch b := one.behind; {
		case b == nil:
			one.caughtUp()
		case b.waiting:
			b.waiting = false
			s.replays = append(s.replays, b)
		}
	}
	for _, p := range due {
		p.giveDue()
	}
}

// wake has the shard go on with a session whose line has room again.
func (s *shard) wake(one *Session) {
	s.mu.Lock()
	s.ready = append(s.ready, one)
	s.rise()
}

// wakePart has the shard look at a part's paces.
func (s *shard) wakePart(p *part) {
	s.mu.Lock()
	s.due = append(s.due, p)
	s.rise()
}

// rise has the runner work if it does not yet. mu is held and let go.
func (s *shard) rise() {
	idle := !s.working
	s.working = true
	s.mu.Unlock()
	if idle {
		s.call()
	}
}

// take takes what is in the queue, and leaves the memory of what was taken before for what comes.
func (s *shard) take() {
	if cap(s.taken) > maxSpare {
		s.taken = nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queue, s.taken, s.next = s.taken[:0], s.queue, 0
	if s.full != nil {
		close(s.full)
		s.full = nil
	}
}

// maxSpare bounds the memory that an idle shard keeps for its queue.
const maxSpare = 256

// wait returns when there is room in the queue, or ctx has ended. No lock is held: a shard serves others meanwhile.
func (s *shard) wait(ctx context.Context) error {
	for {
		s.mu.Lock()
		if len(s.queue) < s.room {
			s.mu.Unlock()
			return nil
		}
		if s.full == nil {
			s.full = make(chan struct{})
		}
		full := s.full
		s.mu.Unlock()
		select {
		case <-full:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// hasRoom reports whether wait would return at once.
func (h *Hub) hasRoom() bool {
	for _, s := range h.shards {
		s.mu.Lock()
		behind := len(s.queue) >= s.room
		s.mu.Unlock()
		if behind {
			return false
		}
	}
	return true
}

// wait returns when all shards have room in their queues, or ctx has ended.
func (h *Hub) wait(ctx context.Context) error {
	for _, s := range h.shards {
		if err := s.wait(ctx); err != nil {
			return err
		}
	}
	return nil
}
