package openline

// A shard serves its share of the sessions on one goroutine, in the order in which hand-overs were put into its queue. Nothing that it calls waits for anything.
type shard struct {
	queue chan handover
}

// A handover is one thing for a shard to do, put into its queue under Hub.order.
type handover struct {
	do       task
	part     *part
	session  *Session
	message  *Message
	delivery *Delivery
	parts    []*part
	call     func()
}

type task uint8

const (
	deliver task = iota // message to the sessions of part; tell delivery
	open                // session into parts; message (sys:open) to it, then what waited for that; call
	join                // session into part, unless that is nil; message to it, unless that is nil
	leave               // session out of part and parts; message to it, unless that is nil
	ask                 // call
)

// A topic is a channel that has sessions on this node. Its name is shared by all of them.
type topic struct {
	name  string
	parts []*part // one per shard with sessions; guarded by Hub.order
}

// A part is a topic's sessions in one shard.
type part struct {
	topic *topic
	shard *shard
	count int // of sessions, with those that are still on their way in the shard's queue; guarded by Hub.order

	sessions []*Session       // the shard's
	index    map[*Session]int // of sessions, once there are many; the shard's
}

// indexed is the number of sessions from which a part is indexed, so that leaving a large channel costs no search through it.
const indexed = 64

func (s *shard) run() {
	for h := range s.queue {
		switch h.do {
		case deliver:
			h.delivery.finish(h.part.deliver(h.message))
		case open:
			h.session.begin(h.message, h.parts)
			h.call()
		case join:
			if h.part != nil {
				h.part.add(h.session)
			}
			h.session.tell(h.message)
		case leave:
			if h.part != nil {
				h.part.remove(h.session)
			}
			for _, p := range h.parts {
				p.remove(h.session)
			}
			h.session.tell(h.message)
		case ask:
			h.call()
		}
	}
}

// deliver hands m to each session and returns how many took it.
func (p *part) deliver(m *Message) int {
	taken := 0
	own := reserved(p.topic.name)
	for _, s := range p.sessions {
		if s.ended() {
			continue
		}
		to := m
		if s.raw != nil {
			if own {
				continue // a raw session gets its one channel: neither inbox nor broadcasts
			}
			to = m.bare()
		}
		if s.hand(to) == nil {
			taken++
		}
	}
	return taken
}

func (p *part) add(s *Session) {
	if p.index == nil && len(p.sessions) >= indexed {
		p.index = make(map[*Session]int, 2*indexed)
		for i, t := range p.sessions {
			p.index[t] = i
		}
	}
	if p.index != nil {
		p.index[s] = len(p.sessions)
	}
	p.sessions = append(p.sessions, s)
}

// remove takes s out; the last session takes its place.
func (p *part) remove(s *Session) {
	at := -1
	if p.index != nil {
		if i, ok := p.index[s]; ok {
			at = i
		}
	} else {
		for i, t := range p.sessions {
			if t == s {
				at = i
				break
			}
		}
	}
	if at < 0 {
		return
	}
	last := len(p.sessions) - 1
	moved := p.sessions[last]
	p.sessions[at] = moved
	p.sessions[last] = nil
	p.sessions = p.sessions[:last]
	if p.index != nil {
		p.index[moved] = at
		delete(p.index, s)
	}
	if cap(p.sessions) > indexed && len(p.sessions) < cap(p.sessions)/4 {
		p.sessions = append(make([]*Session, 0, cap(p.sessions)/2), p.sessions...)
	}
}

// enter returns the part of the channel in the shard, which has one session more from now on. order is held. The name is kept.
func (h *Hub) enter(channel string, s *shard) *part {
	t := h.topics[channel]
	if t == nil {
		t = &topic{name: channel}
		h.topics[t.name] = t
	}
	for _, p := range t.parts {
		if p.shard == s {
			p.count++
			return p
		}
	}
	p := &part{topic: t, shard: s, count: 1}
	t.parts = append(t.parts, p)
	return p
}

// exit takes one session from the part, and drops part and topic with their last one. order is held.
func (h *Hub) exit(p *part) {
	if p.count--; p.count > 0 {
		return
	}
	t := p.topic
	for i, q := range t.parts {
		if q == p {
			last := len(t.parts) - 1
			t.parts[i] = t.parts[last]
			t.parts[last] = nil
			t.parts = t.parts[:last]
			break
		}
	}
	if len(t.parts) == 0 {
		delete(h.topics, t.name)
	}
}
