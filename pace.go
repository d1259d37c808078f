package openline

import "time"

// pacing is what a part has where there is a Namespace.MaxRate.
type pacing struct {
	sessions map[*Session]*pace
	timer    *time.Timer // set while something waits
	at       time.Time   // when it fires
}

// pace is how far one session is with a channel that has a Namespace.MaxRate.
type pace struct {
	next time.Time // when it may get the next message
	held held      // what waits for that, the newest of each key
}

// paced holds m back if the session has to wait for it. While the session is behind, what is the latest waits in the history, and of everything else the newest waits here.
func (p *part) paced(s *Session, m *Message) bool {
	if p.pacing == nil {
		p.pacing = &pacing{sessions: map[*Session]*pace{}}
	}
	c := p.pacing.sessions[s]
	if c == nil {
		c = &pace{}
		p.pacing.sessions[s] = c
	}
	rules := p.topic.rules
	if s.behind != nil && rules.Latest {
		c.held.drop(m.Key) // which would come after m, and is older
		return false
	}
	now := time.Now()
	if len(c.held.messages) == 0 && !now.Before(c.next) && s.behind == nil && (rules.Slow == Disconnect || rules.Latest || s.room()) {
		c.next = now.Add(p.interval())
		return false
	}
	c.held.add(m, true, maxHeldBytes)
	p.tickAt(c.due(now, p.interval()), now)
	return true
}

// due returns when to look at what waits: when it may be given, or if only the session is in its way, after the interval.
func (c *pace) due(now time.Time, interval time.Duration) time.Time {
	if c.next.After(now) {
		return c.next
	}
	return now.Add(interval)
}

func (p *part) interval() time.Duration {
	return time.Duration(float64(time.Second) / p.topic.rules.MaxRate)
}

// unpace forgets the session, and what waits for it.
func (p *part) unpace(s *Session) {
	if p.pacing != nil {
		delete(p.pacing.sessions, s)
	}
}

// tickAt has the part give what waits, on its shard, at a time, if it does not do so earlier.
func (p *part) tickAt(at, now time.Time) {
	switch all := p.pacing; {
	case all.timer == nil:
		all.timer = time.AfterFunc(at.Sub(now), func() { p.shard.wakePart(p) })
		all.at = at
	case at.Before(all.at):
		all.timer.Reset(at.Sub(now))
		all.at = at
	}
}

// giveDue gives each session what it may have now, and comes again for the rest: not for each at its own moment, so that a large channel is looked through a few times in an interval at most.
func (p *part) giveDue() {
	p.pacing.timer = nil
	now := time.Now()
	interval := p.interval()
	var next time.Time
	for s, c := range p.pacing.sessions {
		if len(c.held.messages) == 0 || s.ended() {
			continue
		}
		if !now.Before(c.next) && s.behind == nil && s.room() {
			p.giveHeld(s, &c.held)
			c.next = now.Add(interval)
		}
		if len(c.held.messages) > 0 {
			if at := c.due(now, interval); next.IsZero() || at.Before(next) {
				next = at
			}
		}
	}
	if !next.IsZero() {
		if soonest := now.Add(interval / 16); next.Before(soonest) {
			next = soonest
		}
		p.tickAt(next, now)
	}
}

// giveHeld gives the session the first that is held for it, after a gap if something is gone.
func (p *part) giveHeld(s *Session, h *held) {
	place := s.hub.cursorAt(p.shard.place)
	if h.lost > 0 {
		s.tell(s.gapMessage(&Gap{Channel: p.topic.name, After: s.hub.cursorAt(h.from), Before: h.messages[0].ID, Reason: GapOverflow, Cursor: place}))
		h.lost = 0
	}
	m := h.take()
	if m.Seq < p.shard.place {
		m = m.at(place)
	}
	s.give(m, true)
}

// lateForm is a message for sessions whose place is later than its own.
type lateForm struct {
	cursor string
	form   *Message
}

// at returns m for a session whose place is later than m's already: with the cursor of that. The latest form is kept for others at the same place.
func (m *Message) at(cursor string) *Message {
	if last := m.late.Load(); last != nil && last.cursor == cursor {
		return last.form
	}
	form := &Message{
		ID: m.ID, Cursor: cursor, Type: m.Type, Ref: m.Ref, Channel: m.Channel, From: m.From, Key: m.Key, Data: m.Data, Time: m.Time,
		Raw: m.Raw, Binary: m.Binary, Ack: m.Ack, Seq: m.Seq, tracker: m.tracker,
	}
	m.late.Store(&lateForm{cursor, form})
	return form
}
