package openline

import (
	"slices"
	"time"
)

// A store keeps the messages of a broker's channels in memory, each channel's within its own bounds and all within one budget. Its owner locks it.
type store struct {
	budget  int // bytes; 0: no bound
	bytes   int // of all that is kept
	rings   map[string]*ring
	classes map[History]*class
	order   []*class // of classes, in the order in which they came up

	empty     []*ring // rings that had nothing left, oldest first; some may have something again
	forgotten uint64  // what is not in rings has lost no message above it
}

// A ring is what is kept of a channel.
type ring struct {
	channel string
	class   *class
	entries []entry // from head on: oldest first
	head    int
	kept    int               // entries that are not nil
	bytes   int               // of them
	latest  map[string]uint64 // in a channel that keeps the latest by key: the newest entry of each
	lost    uint64            // the Seq of the last message that is gone
	reason  string
	resting bool // it is in store.empty
}

// An entry is a message's place in a ring. m is nil when it is gone and there are older ones that are not.
type entry struct {
	m   *Message
	seq uint64
}

// A class is what is kept within the same bounds, so that the oldest of it is the first to be too old.
type class struct {
	limits History
	queue  []place // from head on: oldest first
	head   int
	stale  int // places in it whose message is gone
}

// A place is where a message is.
type place struct {
	ring *ring
	seq  uint64
}

// messageCost is about what a message takes beside its data: the struct, the envelope around it, its places in ring and class.
const messageCost = 640

func costOf(m *Message) int { return messageCost + 2*len(m.Data) + len(m.Channel) + len(m.Key) }

// maxEmpty is how many channels are remembered of which nothing is kept, to know whether something was.
const maxEmpty = 1 << 16

func newStore(budget int) *store {
	return &store{budget: budget, rings: map[string]*ring{}, classes: map[History]*class{}}
}

// add keeps m as rules say, and reports whether it did.
func (s *store) add(m *Message, rules *Namespace) bool {
	r := s.ring(m.Channel, rules.History)
	if rules.History.None {
		for r.kept > 0 { // from when the rules were others
			s.evict(r, GapNoHistory)
		}
		r.lost, r.reason = m.Seq, GapNoHistory
		s.rest(r)
		return false
	}
	if rules.Latest {
		s.replace(r, m)
	}
	m.Channel = r.channel // what is kept must not hold on to the request that a name was cut from
	m.From = cloneName(m.From)
	if m.Type != DefaultType {
		m.Type = cloneName(m.Type)
	} else {
		m.Type = DefaultType
	}
	c := r.class
	r.entries = append(r.entries, entry{m, m.Seq})
	r.kept++
	r.bytes += costOf(m)
	s.bytes += costOf(m)
	c.queue = append(c.queue, place{r, m.Seq})
	limits := c.limits
	for r.kept > 1 && (limits.Size > 0 && r.kept > limits.Size || limits.Bytes > 0 && r.bytes > limits.Bytes) {
		s.evict(r, GapEvicted)
		c.stale++
	}
	c.compact()
	for s.budget > 0 && s.bytes > s.budget && s.dropOldest() {
	}
	return true
}

// ring returns the channel's, with those limits.
func (s *store) ring(channel string, limits History) *ring {
	r := s.rings[channel]
	if r == nil {
		r = &ring{channel: cloneName(channel), lost: s.forgotten, reason: GapExpired}
		s.rings[r.channel] = r
	}
	if r.class == nil || r.class.limits != limits {
		c := s.classes[limits]
		if c == nil {
			c = &class{limits: limits}
			s.classes[limits] = c
			s.order = append(s.order, c)
		}
		r.class = c
	}
	return r
}

// replace takes the message out of r that m replaces.
func (s *store) replace(r *ring, m *Message) {
	if r.latest == nil {
		r.latest = map[string]uint64{}
	}
	if seq, ok := r.latest[m.Key]; ok {
		if i, found := r.find(seq); found && r.entries[i].m != nil {
			s.take(r, i)
			r.class.stale++
		}
	}
	r.latest[m.Key] = m.Seq
}

// find returns where the entry with the Seq is, or where the next one is.
func (r *ring) find(seq uint64) (int, bool) {
	i, found := slices.BinarySearchFunc(r.entries[r.head:], seq, func(e entry, seq uint64) int {
		switch {
		case e.seq < seq:
			return -1
		case e.seq > seq:
			return 1
		}
		return 0
	})
	return r.head + i, found
}

// take removes an entry, and what has become of no use around it.
func (s *store) take(r *ring, i int) {
	m := r.entries[i].m
	r.entries[i].m = nil
	r.kept--
	r.bytes -= costOf(m)
	s.bytes -= costOf(m)
	for r.head < len(r.entries) && r.entries[r.head].m == nil {
		r.head++
	}
	if len(r.entries) > 32 && r.kept < len(r.entries)/2 {
		kept := make([]entry, 0, r.kept+r.kept/2)
		for _, e := range r.entries[r.head:] {
			if e.m != nil {
				kept = append(kept, e)
			}
		}
		r.entries, r.head = kept, 0
	}
}

// evict removes the oldest message of r.
func (s *store) evict(r *ring, reason string) {
	e := r.entries[r.head]
	if r.latest != nil && r.latest[e.m.Key] == e.seq {
		delete(r.latest, e.m.Key)
	}
	r.lost, r.reason = e.seq, reason
	s.take(r, r.head)
	if r.kept == 0 {
		r.entries, r.head, r.latest = nil, 0, nil
		s.rest(r)
	}
}

// rest remembers of a channel with nothing left that it has lost something.
func (s *store) rest(r *ring) {
	if r.resting || r.kept > 0 {
		return
	}
	r.resting = true
	s.empty = append(s.empty, r)
	for len(s.empty) > maxEmpty {
		old := s.empty[0]
		s.empty[0] = nil
		s.empty = s.empty[1:]
		old.resting = false
		if old.kept == 0 {
			s.forgotten = max(s.forgotten, old.lost)
			delete(s.rings, old.channel)
		}
	}
}

// front returns the oldest place of c whose message is there, without those before it.
func (c *class) front() (place, *Message) {
	for c.head < len(c.queue) {
		p := c.queue[c.head]
		if i, found := p.ring.find(p.seq); found && p.ring.entries[i].m != nil {
			return p, p.ring.entries[i].m
		}
		c.pop()
		c.stale--
	}
	return place{}, nil
}

// pop removes the first place.
func (c *class) pop() {
	c.queue[c.head] = place{}
	c.head++
	if c.head == len(c.queue) {
		c.queue, c.head = c.queue[:0], 0
	}
}

// compact removes stale places when they are many.
func (c *class) compact() {
	if c.stale < 64 || c.stale < (len(c.queue)-c.head)/2 {
		return
	}
	kept := c.queue[:0]
	for _, p := range c.queue[c.head:] {
		if i, found := p.ring.find(p.seq); found && p.ring.entries[i].m != nil {
			kept = append(kept, p)
		}
	}
	clear(c.queue[len(kept):])
	if cap(kept) > 1024 && len(kept) < cap(kept)/4 {
		kept = slices.Clone(kept)
	}
	c.queue, c.head, c.stale = kept, 0, 0
}

// dropOldest evicts the oldest message of all, and reports whether there was more than one.
func (s *store) dropOldest() bool {
	var oldest *class
	var first place
	for _, c := range s.order {
		if p, m := c.front(); m != nil && (oldest == nil || p.seq < first.seq) {
			oldest, first = c, p
		}
	}
	if oldest == nil || s.bytes <= 0 {
		return false
	}
	oldest.pop()
	s.evictAt(first, GapEvicted)
	return s.bytes > 0
}

// evictAt evicts a message that is the oldest of its class, and so of its ring, but if the ring has changed classes: what is older goes as well then.
func (s *store) evictAt(p place, reason string) {
	for p.ring.kept > 0 && p.ring.entries[p.ring.head].seq <= p.seq {
		if p.ring.entries[p.ring.head].seq != p.seq {
			p.ring.class.stale++
		}
		s.evict(p.ring, reason)
	}
}

// expire evicts what is too old, and returns when there will be something, or zero.
func (s *store) expire(now time.Time) (next time.Time) {
	for _, c := range s.order {
		if c.limits.Age <= 0 {
			continue
		}
		for {
			p, m := c.front()
			if m == nil {
				break
			}
			if at := m.Time.Add(c.limits.Age); at.After(now) {
				if next.IsZero() || at.Before(next) {
					next = at
				}
				break
			}
			c.pop()
			s.evictAt(p, GapExpired)
		}
	}
	return next
}

// Bounds of what page returns at once. One message it always returns.
const (
	pageMessages = 128
	pageBytes    = 256 << 10
)

// page implements Historian.Page.
func (s *store) page(channel string, after uint64) (messages []*Message, lost uint64, reason string) {
	r := s.rings[channel]
	if r == nil {
		return nil, s.forgotten, GapExpired
	}
	i, _ := r.find(after + 1)
	left := pageBytes
	for ; i < len(r.entries) && len(messages) < pageMessages && left > 0; i++ {
		m := r.entries[i].m
		if m == nil {
			continue
		}
		if messages == nil {
			messages = make([]*Message, 0, min(pageMessages, len(r.entries)-i))
		}
		messages = append(messages, m)
		left -= len(m.Data)
	}
	return messages, r.lost, r.reason
}
