package openline

import "time"

// pace is how far one session is with a channel that has a Namespace.MaxRate.
type pace struct {
	next time.Time // when it may get the next message
	held held      // what waits for that, the newest of each key
}

// paced holds m back if the session has to wait for it.
func (p *part) paced(s *Session, m *Message) bool {
	now := time.Now()
	c := p.paces[s]
	if c == nil {
		if p.paces == nil {
			p.paces = map[*Session]*pace{}
		}
		c = &pace{}
		p.paces[s] = c
	}
	if len(c.held.messages) == 0 && !now.Before(c.next) {
		c.next = now.Add(p.interval())
		return false
	}
	c.held.add(m, true, maxHeldBytes)
	if p.tick == nil {
		p.tickIn(max(c.next.Sub(now), 0))
	}
	return true
}

func (p *part) interval() time.Duration {
	return time.Duration(float64(time.Second) / p.topic.rules.MaxRate)
}

// tickIn has the part give what waits, on its shard, after a time.
func (p *part) tickIn(after time.Duration) {
	p.tick = time.AfterFunc(after, func() { p.shard.wakePart(p) })
}

// giveDue gives each session what it may have now, and comes again for the rest.
func (p *part) giveDue() {
	p.tick = nil
	now := time.Now()
	var next time.Time
	late := map[*Message]*Message{} // what goes to many is encoded once
	for s, c := range p.paces {
		if len(c.held.messages) == 0 || s.ended() {
			continue
		}
		if !now.Before(c.next) && s.behind == nil && s.room() {
			m := c.held.take()
			form := late[m]
			if form == nil {
				if form = m; m.Seq < p.shard.place {
					form = m.at(s.hub.cursorAt(p.shard.place))
				}
				late[m] = form
			}
			s.give(form, true)
			c.next = now.Add(p.interval())
		}
		if len(c.held.messages) > 0 {
			at := c.next
			if at.Before(now) { // its line has no room
				at = now.Add(p.interval())
			}
			if next.IsZero() || at.Before(next) {
				next = at
			}
		}
	}
	if !next.IsZero() {
		p.tickIn(next.Sub(now))
	}
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
