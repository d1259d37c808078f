package load

import (
	"bytes"
	"context"
	"time"
)

// ResumePlan is what sessions come back for, that have a cursor from before it.
type ResumePlan struct {
	// Run and Messages are those of the run that they have missed: of one publisher,
	// to Everyone.
	Run      uint32
	Messages int
	// Open is how they are opened.
	Open OpenOptions
	// Settle is how long the fleet waits, after the last message that came, for
	// those that are missing. Default: 5s.
	Settle time.Duration
	// Progress, if not nil, is called now and then with the sessions that have
	// everything.
	Progress func(whole int)
}

// Resumed is what came of it.
type Resumed struct {
	Opened     *Opened
	Whole      int           // sessions that got every message once, in order
	Took       time.Duration // until the last message was there
	Deliveries uint64
	Lost       uint64 // of sessions that stayed
	Duplicates uint64
	Disordered uint64         // there for the first time, behind a later one
	Gaps       uint64         // envelopes that say that messages are gone
	Cut        map[string]int // sessions that the server ended, by how
	Wait       Histogram      // of each session: from dialling to the last message
}

// storm is a ResumePlan under way.
type storm struct {
	Resumed
	f       *Fleet
	plan    *ResumePlan
	last    int64 // when the last message came
	missing int   // messages of the sessions that are there
	first   int   // member of those that come back
	members []returned
}

// returned is what a session has got.
type returned struct {
	seen  []uint64 // a bit for each message
	next  uint32   // the number behind the highest so far
	count int
	fault bool // one came twice or out of order
}

// Resume opens sessions and waits until each has all of the plan's messages. When
// ctx ends it returns what there is.
func (f *Fleet) Resume(ctx context.Context, sessions int, p *ResumePlan) (*Resumed, error) {
	began := f.now()
	s := &storm{f: f, plan: p, last: began, first: f.sessions, members: make([]returned, sessions)}
	s.Cut = make(map[string]int)
	f.storm = s
	defer func() { f.storm = nil }()
	for i := range s.members {
		s.members[i].seen = make([]uint64, (p.Messages+63)/64)
	}
	var err error
	s.Opened, err = f.Open(ctx, sessions, &p.Open)
	settle := p.Settle
	if settle <= 0 {
		settle = defaultSettle
	}
	told := f.now()
	for err == nil && s.await() && f.now()-s.last < int64(settle) {
		err = f.step(ctx, 20*time.Millisecond)
		if now := f.now(); p.Progress != nil && now-told > int64(50*time.Millisecond) {
			told = now
			p.Progress(s.Whole)
		}
	}
	s.Took = time.Duration(s.last - began)
	for i := range s.members {
		if f.members[s.first+i].state == isReady {
			s.Lost += uint64(p.Messages - s.members[i].count)
		}
	}
	return &s.Resumed, err
}

// await says that something is still to come.
func (s *storm) await() bool {
	if s.missing == 0 { // counted anew: what came as they opened is in it
		for i := range s.members {
			if s.f.members[s.first+i].state == isReady {
				s.missing += s.plan.Messages - s.members[i].count
			}
		}
	}
	return s.missing > 0
}

// got takes a message.
func (s *storm) got(id int, st stamp, now int64) {
	if id < s.first || st.run != s.plan.Run || int(st.number) >= s.plan.Messages {
		return
	}
	m := &s.members[id-s.first]
	s.last = now
	s.Deliveries++
	word, bit := st.number/64, uint64(1)<<(st.number%64)
	switch {
	case m.seen[word]&bit != 0:
		s.Duplicates++
		m.fault = true
		return
	case st.number < m.next:
		s.Disordered++
		m.fault = true
	default:
		m.next = st.number + 1
	}
	m.seen[word] |= bit
	m.count++
	if s.missing > 0 {
		s.missing--
	}
	if m.count == s.plan.Messages {
		s.Wait.Add(time.Duration(now - s.f.members[id].began))
		if !m.fault {
			s.Whole++
		}
	}
}

// other takes an envelope that carries none of the messages.
func (s *storm) other(msg []byte) {
	if bytes.Contains(msg, []byte(`"sys:gap"`)) {
		s.Gaps++
	}
}

// cut is a session that the server ended.
func (s *storm) cut(id int, err error) {
	if id < s.first {
		return
	}
	s.Cut[why(err)]++
	if s.missing > 0 {
		s.missing = max(0, s.missing-s.plan.Messages+s.members[id-s.first].count)
	}
	if s.f.opening != nil {
		s.f.opening.Ready--
	}
}
