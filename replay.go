package openline

import (
	"encoding/json"
	"slices"
	"time"
)

// A session that is behind does not get messages as they are published. It gets what it has missed from the histories, merged into the one order, as fast as its line takes it, until it has come to
// where the others are. Nothing is queued for it meanwhile but what no history keeps, within bounds. All of this happens on the session's shard.
type behind struct {
	session  *Session
	pos      uint64 // the place that the client's cursor says
	upTo     uint64 // the place that the shard has come to: what is later has its turn later
	resuming bool   // it asked for what came earlier, and is not slow because it is not there yet
	fresh    bool   // it has had nothing yet, so that a cursor from a little before its opening repeats nothing
	waiting  bool   // for Session.Ready
	owed     int    // messages of channels with the policy Disconnect that wait
	tracks   []*track
	held     int    // bytes in the tracks' held
	gone     uint64 // the end of the gaps that have been told
}

// origin is where in a channel, or in all of them, a session begins.
type origin struct {
	seq     uint64 // it has had everything up to here
	since   string // the client's word for it, "" if it gave none
	gap     string // why that does not hold, one of the Gap constants, or ""
	present uint64 // the place of the opening or the subscription
}

// originOf reads since at the present place of the order, which is locked.
func (h *Hub) originOf(since string) (*origin, *Error) {
	o := &origin{seq: h.place, since: since, present: h.place}
	if since == "" {
		return o, nil
	}
	epoch, seq, e := parseCursor(since)
	switch {
	case e != nil:
		return nil, e
	case epoch != h.epoch:
		o.seq, o.gap = 0, GapRestarted
	case seq > h.place:
		o.gap = GapUnknown
	default:
		o.seq = seq
	}
	return o, nil
}

// fallBehind makes the session one that is behind, unless it is.
func (s *Session) fallBehind(pos, upTo uint64) *behind {
	if s.behind == nil {
		s.behind = &behind{session: s, pos: pos, upTo: upTo}
		s.shard.replays = append(s.shard.replays, s.behind)
	}
	return s.behind
}

// resume begins a replay of the channels from the origin on, and returns whether everything is there.
func (s *Session) resume(o *origin, parts []*part) bool {
	b := s.fallBehind(o.seq, o.present)
	b.pos = o.seq
	whole := o.gap == ""
	lost := o.seq
	for _, p := range parts {
		t := b.begin(p, o)
		if t.load(s.shard); t.lost == 0 {
			continue
		}
		whole = false
		if o.gap != "" {
			lost = max(lost, t.lost)
			t.forgive()
		}
	}
	if o.gap == "" {
		return whole
	}
	g := Gap{After: o.since, Before: s.hub.cursorAt(lost + 1), Reason: o.gap, Cursor: s.hub.cursorAt(b.pos)}
	o.gap = ""
	s.firstGap(&g)
	return false
}

// firstGap keeps a gap of all channels for after sys:open.
func (s *Session) firstGap(g *Gap) { s.opening.Load().gap = g }

// begin adds the track of a channel, from the origin on.
func (b *behind) begin(p *part, o *origin) *track {
	t := b.find(p)
	if t == nil {
		t = &track{part: p}
		b.tracks = append(b.tracks, t)
	}
	rules := p.topic.rules
	t.after, t.had, t.until, t.page, t.lost = o.seq, o.seq, o.present, nil, 0
	b.renew(t)
	b.resuming, b.upTo = true, max(b.upTo, o.present)
	if rules.MaxRate > 0 && !rules.History.None {
		p.unpace(b.session) // what waits there is in the history
	}
	switch {
	case rules.Latest:
		// What is the latest may be older than the cursor: it may have waited for its turn, or the client left while it was given what had been there before.
		t.after = 0
	case rules.MaxRate > 0 && o.since != "":
		b.holdNewest(t, o)
	}
	return t
}

// renew makes what is held go with what is read from the history up to the track's until.
func (b *behind) renew(t *track) {
	switch {
	case t.held == nil:
	case t.instead: // all of it is in the history
		t.instead = false
		b.held -= t.held.bytes
		t.held.messages = slices.DeleteFunc(t.held.messages, func(m *Message) bool { return !isSystem(m.Type) })
		t.held.count()
		b.held += t.held.bytes
	case t.part.topic.rules.History.None && len(t.held.messages) > 0: // from there on nothing is gone
		first := t.held.next() - 1
		if t.held.lost > 0 {
			first = t.held.from
		}
		t.until = min(t.until, first)
	}
}

// holdNewest takes the newest message of a channel that has a rate and keeps all: it may be older than the cursor, and have waited for its turn.
func (b *behind) holdNewest(t *track, o *origin) {
	var gone uint64
	there := false
	for t.after = 0; t.after < t.until; t.page = nil {
		t.load(b.session.shard)
		gone = max(gone, t.lost)
		t.forgive()
		for _, m := range t.page {
			if t.after = m.Seq; m.Seq <= t.until {
				b.hold(t, m, true)
				there = true
			}
		}
	}
	if !there && gone > o.seq {
		t.after, t.lost = o.seq, gone
	}
}

func (b *behind) find(p *part) *track {
	for _, t := range b.tracks {
		if t.part == p {
			return t
		}
	}
	return nil
}

// drop removes the channel's track: the session has left it.
func (b *behind) drop(p *part) {
	b.tracks = slices.DeleteFunc(b.tracks, func(t *track) bool {
		if t.part == p && t.held != nil {
			b.held -= t.held.bytes
		}
		return t.part == p
	})
}

// note takes a live message of the channel, and reports false if the session is too slow for it.
func (b *behind) note(p *part, m *Message) bool {
	rules := p.topic.rules
	if rules.Slow == Disconnect && !b.resuming && !b.session.room() {
		if b.owed++; b.owed > maxHeld { // as many as a queue would hold for it
			return false
		}
	}
	b.upTo = m.Seq
	t := b.find(p)
	if t == nil {
		t = &track{part: p, after: m.Seq - 1}
		b.tracks = append(b.tracks, t)
	}
	switch {
	case !p.shard.keeps(rules, m):
		b.hold(t, m, rules.Slow == Newest)
	case t.instead, !b.resuming && rules.Slow == Newest && !rules.Latest:
		t.instead = true
		b.hold(t, m, rules.Slow == Newest)
	default:
		t.until = m.Seq
	}
	return true
}

// keeps reports whether a session finds the message in a history.
func (s *shard) keeps(rules *Namespace, m *Message) bool {
	return s.historian != nil && !rules.History.None && !isSystem(m.Type)
}

// hold keeps m for the track. All that is held for a session is bounded, but for a message of each channel.
func (b *behind) hold(t *track, m *Message, newest bool) {
	if t.held == nil {
		t.held = &held{}
	}
	before := t.held.bytes
	t.held.add(m, newest, maxHeldBytes-(b.held-before))
	b.held += t.held.bytes - before
}

// step hands some of what the session has missed to its line. It returns how many messages that were, and whether the session is still to be served.
func (b *behind) step(most int) (n int, more bool) {
	s := b.session
	order := &s.shard.merge
	defer order.release()
	for n < most {
		if s.ended() {
			s.behind = nil
			return n, false
		}
		if !s.room() {
			b.wait()
			return n, false
		}
		if n == 0 {
			order.fill(b.tracks, s.shard)
		}
		if len(*order) == 0 {
			s.behind = nil
			s.caughtUp()
			return n, false
		}
		first := (*order)[0]
		first.hand(b, first.place)
		order.advance(s.shard)
		n++
	}
	return n, true
}

// wait lets go of what has been read, which may be gone from the history before the line has room again.
func (b *behind) wait() {
	b.waiting = true
	for _, t := range b.tracks {
		t.page = nil
	}
}

// passed returns the end of the gaps that have been told if what comes next is behind it, so that they are not told again; else 0.
func (b *behind) passed() uint64 {
	for _, t := range b.tracks {
		if next := t.next(b.session.shard); next > 0 && next <= b.gone {
			return 0
		}
	}
	return b.gone
}

// give hands a message to the line. One from before the client's place does not move it.
func (b *behind) give(m *Message) {
	if m.Seq >= b.pos {
		b.fresh = false
		if b.pos = m.Seq; b.gone > m.Seq {
			if b.pos = max(b.pos, b.passed()); b.pos > m.Seq {
				m = m.at(b.session.hub.cursorAt(b.pos))
			}
		}
		b.session.give(m, true)
		return
	}
	place := b.pos
	if b.fresh {
		place = b.session.shard.coarse.place(b.upTo, b.pos)
	}
	if m.Seq < place {
		m = m.at(b.session.hub.cursorAt(place))
	}
	b.session.give(m, true)
}

// coarse is a place of a moment ago, so that those who open one after the other can share what they are given from before.
type coarse struct {
	seq uint64
	at  time.Time
}

// coarseTime is how long a place is good for others.
const coarseTime = 100 * time.Millisecond

// place returns a place that is not behind most, the place of a client.
func (c *coarse) place(now, most uint64) uint64 {
	if t := time.Now(); c.seq == 0 || t.Sub(c.at) > coarseTime || t.Before(c.at) {
		c.seq, c.at = now, t
	}
	return min(c.seq, most)
}

// give hands a message of a channel to the line, in the form that the session gets, and reports whether it was taken.
func (s *Session) give(m *Message, more bool) bool {
	form := m
	if s.raw != nil {
		form = m.bare()
	}
	if m.tracker != nil { // before the client can answer
		m.tracker.add(s)
	}
	return s.handHere(form, more) == nil
}

// gap tells the client what is missing.
func (s *Session) gap(g *Gap, b *behind) {
	g.Cursor = s.hub.cursorAt(b.pos)
	s.tell(s.gapMessage(g))
}

func (s *Session) gapMessage(g *Gap) *Message {
	data, _ := json.Marshal(g) // strings: it cannot fail
	m := s.system("sys:gap", nil, data)
	m.Cursor = g.Cursor
	return m
}

// room reports whether the line can take what can wait.
func (s *Session) room() bool {
	l, ok := s.line.(PacedLine)
	return !ok || l.Room(s)
}

// caughtUp tells a line that wants to know that the session is where the others are.
func (s *Session) caughtUp() {
	if l, ok := s.line.(AskedLine); ok {
		l.CaughtUp()
	}
}

// Ready is the word of a PacedLine that it has room again. It may be called at any time, from any goroutine, and waits for nothing.
func (s *Session) Ready() {
	s.shard.wake(s)
}
