package openline

import (
	"encoding/json"
	"slices"
)

// Subscribe subscribes the session to the channel, as a request of the client would, but without asking Authorize and without a reply: every message published
// after it returns reaches the session. In OnOpen it adds to the channels that the session begins with. The error is an *[Error].
func (s *Session) Subscribe(channel string) error {
	if e := s.subscribe(channel, "", nil); e != nil {
		return e
	}
	return nil
}

// Unsubscribe takes the session out of the channel, as a request of the client would, but without a reply.
func (s *Session) Unsubscribe(channel string) error {
	if e := s.unsubscribe(channel, nil); e != nil {
		return e
	}
	return nil
}

// subscribe puts the session into the channel at one place in the order, and has r, if there is one, answered with the cursor of that place by the shard right there:
// what was published later comes after it. What was published earlier does not come at all; with since, the cursor is that, and what came after it follows.
func (s *Session) subscribe(channel, since string, r *Request) *Error {
	if e := checkChannel(channel); e != nil {
		return e
	}
	if s.visiting {
		return noSession("subscribe")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended() || s.detached {
		return ended()
	}
	if s.raw != nil {
		return refuse(CodeUnsupported, "a raw session has its one channel: open another session for %s", channel)
	}
	most := s.hub.o.MaxChannels
	if !s.begun {
		o := s.opening.Load()
		if slices.Contains(o.channels, channel) {
			return nil
		}
		if most >= 0 && len(o.channels) >= most {
			return tooMany(most)
		}
		o.channels = append(o.channels, cloneName(channel))
		return nil
	}
	at := s.find(channel)
	if at < 0 && most >= 0 && len(s.parts)-2 >= most {
		return tooMany(most)
	}
	h := s.hub
	h.order.Lock()
	defer h.order.Unlock()
	if h.closed {
		return ended()
	}
	from, e := h.originOf(since)
	if e != nil {
		return e
	}
	var p *part
	if at < 0 {
		p = h.enter(cloneName(channel), s.shard)
		if len(s.parts) == cap(s.parts) {
			s.parts = append(make([]*part, 0, len(s.parts)+len(s.parts)/2+1), s.parts...)
		}
		s.parts = append(s.parts, p)
		h.crowds.arrive(s, p.topic)
	}
	v := handover{do: join, session: s, part: p}
	if since != "" || p != nil && p.topic.rules.Latest {
		v.origin = from
		if p == nil {
			v.parts = []*part{s.parts[at]}
		} else {
			v.parts = []*part{p}
		}
	}
	h.reply(v, r, from.seq)
	return nil
}

// rejoin has the session replayed what it has missed of a channel, on the shard.
func (s *Session) rejoin(p *part, from *origin) {
	b := s.fallBehind(from.present, from.present)
	if from.since != "" {
		b.pos = min(b.pos, from.seq) // as the reply has said
	}
	t := b.begin(p, from)
	if b.waiting {
		defer b.wait()
	}
	if from.gap == "" {
		return
	}
	t.load(s.shard)
	g := &Gap{Channel: p.topic.name, After: from.since, Before: s.hub.cursorAt(max(from.seq, t.lost) + 1), Reason: from.gap}
	t.forgive()
	s.gap(g, b)
}

// confirm answers a request that has come to its place in the order. A session that is behind is not there yet: it keeps the place that it has.
func (s *Session) confirm(m *Message, from *origin) {
	if b := s.behind; m != nil && b != nil {
		place := b.pos
		if from != nil && from.since != "" {
			place = min(place, from.seq)
		}
		m = s.placed(m.Ref, s.hub.cursorAt(place))
	}
	s.tell(m)
}

// placed makes an answer that says a place.
func (s *Session) placed(ref json.RawMessage, cursor string) *Message {
	m := s.system("sys:ok", ref, append(appendString([]byte(`{"cursor":`), cursor), '}'))
	m.Cursor = cursor
	return m
}

// unsubscribe is the reverse of subscribe: after the answer, nothing of the channel comes.
func (s *Session) unsubscribe(channel string, r *Request) *Error {
	if e := checkChannel(channel); e != nil {
		return e
	}
	if s.visiting {
		return noSession("unsubscribe")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended() || s.detached {
		return ended()
	}
	if s.raw != nil {
		return refuse(CodeUnsupported, "a raw session has its one channel: close it instead")
	}
	if !s.begun {
		o := s.opening.Load()
		o.channels = slices.DeleteFunc(o.channels, func(c string) bool { return c == channel })
		return nil
	}
	at := s.find(channel)
	h := s.hub
	h.order.Lock()
	defer h.order.Unlock()
	if h.closed {
		return ended()
	}
	var p *part
	if at >= 0 {
		p = s.parts[at]
		s.parts = slices.Delete(s.parts, at, at+1)
		h.exit(p)
		h.crowds.depart(s, p.topic)
	}
	h.reply(handover{do: leave, session: s, part: p}, r, h.place)
	return nil
}

// reply puts the hand-over into the shard's queue, with an answer to r that says the cursor of the place: on the line it stands where the hand-over does. order is held.
func (h *Hub) reply(v handover, r *Request, place uint64) {
	s := v.session
	if r != nil {
		m := s.placed(r.Ref, h.cursorAt(place))
		if r.asker != nil {
			r.later = m // no lock is held then
		} else {
			v.message = m
		}
	}
	if v.part != nil || v.message != nil || v.origin != nil {
		s.shard.put(v)
	}
}

// find returns the index of the channel in parts, or -1. mu is held.
func (s *Session) find(channel string) int {
	return slices.IndexFunc(s.parts, func(p *part) bool { return p.topic.name == channel })
}

func tooMany(most int) *Error {
	return refuse(CodeLimit, "a session subscribes to %d channels at most: unsubscribe from one first", most)
}

func ended() *Error {
	return refuse(CodeClosed, "the session has ended")
}
