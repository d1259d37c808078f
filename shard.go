package openline

import (
	"slices"
	"sync"
)

// A shard serves its share of the sessions, in the order in which hand-overs were put into its queue, on its runner or on a goroutine that lives while
// there is something to do. Nothing that it calls waits for anything.
type shard struct {
	runner Runner // nil: it has none
	work   func() // turn, made once
	room   int    // hand-overs in the queue from which on publishers wait

	// What only whoever does the work uses.
	taken   []handover // from the queue
	next    int        // of taken
	apart   bool       // the runner has ended, and a goroutine does the work
	place   uint64     // the Seq of the latest message that has been delivered
	replays []*behind  // sessions that are being replayed what they have missed, those in front first
	pages   pages
	merge   merge
	coarse  coarse

	historian Historian // nil: there is none; not changed

	mu      sync.Mutex // guards the following
	queue   []handover
	working bool          // the runner has been told, or is at it
	full    chan struct{} // closed when there is room again; nil: nobody waits
	ready   []*Session    // whose lines have room again
	due     []*part       // whose paces have come to something
}

// A handover is one thing for a shard to do, put into its queue under Hub.order.
type handover struct {
	do       task
	part     *part
	session  *Session
	message  *Message
	delivery *Delivery
	parts    []*part
	origin   *origin // where the session begins in part or parts; nil: here
	call     func()
}

type task uint8

const (
	deliver task = iota // message to the sessions of part; tell delivery
	open                // session into parts, where it begins at origin; call
	join                // session into part, unless that is nil; message to it, unless that is nil
	leave               // session out of part and parts; message to it, unless that is nil
	ask                 // call
)

// A topic is a channel that has sessions on this node. Its name is shared by all of them.
type topic struct {
	name  string
	rules *Namespace
	first *part // a list of one per shard with sessions; guarded by Hub.order
}

// A part is a topic's sessions in one shard.
type part struct {
	topic *topic
	shard *shard
	next  *part // of the topic; guarded by Hub.order
	count int   // of sessions, with those that are still on their way in the shard's queue; guarded by Hub.order

	sessions []*Session       // the shard's
	index    map[*Session]int // of sessions, once there are many; the shard's. Everyone's needs none: see Session.seat
	pacing   *pacing          // where there is a MaxRate; the shard's
}

// large is the number of sessions in a part from which on a message is queued for all of them before it is sent to the first.
const large = 64

// indexed is the number of sessions from which a part is indexed, so that leaving a large channel costs no search through it.
const indexed = 64

// do carries out one hand-over. more says that another for the same part follows at once.
func (s *shard) do(h *handover, more bool) {
	switch h.do {
	case deliver:
		// In a large channel messages queue up, so that those that come while the
		// first sessions are being sent to reach the others in one write.
		s.place = h.message.Seq
		h.delivery.finish(h.part.deliver(h.message, more || len(h.part.sessions) > large))
	case open:
		h.session.begin(h.parts, h.origin)
		h.call()
	case join:
		if h.part != nil {
			h.part.add(h.session)
		}
		h.session.confirm(h.message, h.origin)
		if h.origin != nil {
			h.session.rejoin(h.parts[0], h.origin)
		}
	case leave:
		if h.part != nil {
			h.part.remove(h.session)
		}
		for _, p := range h.parts {
			p.remove(h.session)
		}
		h.session.confirm(h.message, nil)
	case ask:
		h.call()
	}
}

// deliver hands m to each session and returns how many took it.
func (p *part) deliver(m *Message, more bool) int {
	taken := 0
	own := reserved(p.topic.name) || isSystem(m.Type)
	rules := p.topic.rules
	plain := rules.MaxRate == 0 && rules.Slow == Disconnect && m.tracker == nil
	for _, s := range p.sessions {
		if s.ended() {
			continue
		}
		var took bool
		switch {
		case s.raw != nil && own:
			continue // a raw session gets its one channel: neither inbox nor broadcasts, nor who comes and goes
		case plain && s.raw == nil && s.behind == nil:
			took = s.handHere(m, more) == nil
		default:
			took = p.offer(s, m, more)
		}
		if took {
			taken++
		}
	}
	return taken
}

// offer hands m to the session, or to what keeps it for the session, and reports whether that took it.
func (p *part) offer(s *Session, m *Message, more bool) bool {
	rules := p.topic.rules
	switch {
	case rules.MaxRate > 0 && !isSystem(m.Type) && p.paced(s, m):
		return true
	case s.behind != nil:
		if !s.behind.note(p, m) {
			s.fail(ErrSlow)
			return false
		}
		return true
	case rules.Slow != Disconnect && !s.room():
		return s.fallBehind(m.Seq-1, m.Seq-1).note(p, m)
	}
	return s.give(m, more)
}

func (p *part) add(s *Session) {
	at := len(p.sessions)
	p.sessions = append(p.sessions, s)
	if p.index == nil && at >= indexed && p.topic.name != everyone {
		p.index = make(map[*Session]int, 2*indexed)
		for i, t := range p.sessions {
			p.index[t] = i
		}
	}
	p.seat(s, at)
}

// seat takes note of where s is.
func (p *part) seat(s *Session, at int) {
	switch {
	case p.topic.name == everyone:
		s.seat = uint32(at)
	case p.index != nil:
		p.index[s] = at
	}
}

// find returns where s is, or -1.
func (p *part) find(s *Session) int {
	switch {
	case p.topic.name == everyone:
		if at := int(s.seat); at < len(p.sessions) && p.sessions[at] == s {
			return at
		}
		return -1
	case p.index == nil:
		return slices.Index(p.sessions, s)
	}
	if i, ok := p.index[s]; ok {
		return i
	}
	return -1
}

// remove takes s out; the last session takes its place.
func (p *part) remove(s *Session) {
	p.unpace(s)
	if s.behind != nil {
		s.behind.drop(p)
	}
	at := p.find(s)
	if at < 0 {
		return
	}
	last := len(p.sessions) - 1
	moved := p.sessions[last]
	p.sessions[at] = moved
	p.sessions[last] = nil
	p.sessions = p.sessions[:last]
	p.seat(moved, at)
	delete(p.index, s)
	if cap(p.sessions) > indexed && len(p.sessions) < cap(p.sessions)/4 {
		p.sessions = append(make([]*Session, 0, cap(p.sessions)/2), p.sessions...)
	}
}

// enter returns the part of the channel in the shard, which has one session more from now on. order is held. The name is kept.
func (h *Hub) enter(channel string, s *shard) *part {
	t := h.topics[channel]
	if t == nil {
		t = &topic{name: channel, rules: h.namespaces.of(channel)}
		h.topics[t.name] = t
	}
	for p := t.first; p != nil; p = p.next {
		if p.shard == s {
			p.count++
			return p
		}
	}
	t.first = &part{topic: t, shard: s, next: t.first, count: 1}
	return t.first
}

// exit takes one session from the part, and drops part and topic with their last one. order is held.
func (h *Hub) exit(p *part) {
	if p.count--; p.count > 0 {
		return
	}
	t := p.topic
	at := &t.first
	for *at != p {
		at = &(*at).next
	}
	*at = p.next
	if t.first == nil {
		delete(h.topics, t.name)
	}
}
