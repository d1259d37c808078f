package load

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

// run is a Plan under way.
//
// Each receiver counts the messages of each publisher, which are numbered from 0:
// one that skips a number tells of a loss, one that comes again of a duplicate. In
// a unicast each session has one publisher, and one counter.
type run struct {
	Traffic
	f    *Fleet
	id   uint32
	plan Plan
	err  error // ends the run

	said    wire       // of the publishers
	random  *rand.Rand // of a Plan that has messages leave at random
	at      int64      // when the next of them is due; 0: nobody knows yet
	latest  int64      // when the latest of them was
	began   int64
	last    int64  // when the last message arrived
	free    []int  // publishers with nothing to do
	waiting int    // publishers that wait for an answer
	issued  uint64 // requests that left

	next     []uint32 // the number that comes next: of each session, and there of each publisher
	accepted []uint32 // messages: of each publisher, or to each session of a unicast
	arrived  uint64   // deliveries, and known losses, of the sessions that are still reckoned
	expected uint64   // deliveries to them of what was accepted
	readers  int      // the sessions that are still reckoned
}

// Publish plays a plan with the sessions that are ready. When ctx ends nothing more
// is published, and what is under way has a second to arrive; the error is that of
// ctx. When a publisher cannot go on it returns at once. There
// is always a Traffic, unless nobody was there to publish to.
func (f *Fleet) Publish(ctx context.Context, p *Plan) (*Traffic, error) {
	if f.Ready() == 0 {
		return nil, errors.New("load: there is no session to publish to: open some first")
	}
	if _, ok := f.o.Dialect.(HTTPDialect); p.Say && (!ok || p.Unicast) {
		return nil, errors.New("load: clients of this server cannot be spoken for: leave Say out")
	}
	f.runs++
	r := &run{f: f, id: f.runs, plan: p.resolved(f.sessions), readers: f.Ready()}
	r.Run = r.id
	r.Refused, r.Cut = make(map[string]uint64), make(map[string]int)
	if r.plan.Unicast {
		r.next, r.accepted = make([]uint32, f.sessions), make([]uint32, f.sessions)
	} else {
		r.next, r.accepted = make([]uint32, f.sessions*r.plan.Publishers), make([]uint32, r.plan.Publishers)
	}
	if r.plan.Random {
		r.random = rand.New(rand.NewPCG(1, 2)) //nolint:gosec // the same in every run
	}
	f.run = r
	defer f.hangUp()
	err := r.connect(ctx)
	if err == nil {
		for id := range min(r.plan.Stop, f.sessions) {
			r.stop(id)
		}
		before, said := f.wire, r.said
		err = r.play(ctx)
		r.Wire, r.Said = f.wire.since(before), r.said.since(said)
	}
	r.finish()
	return &r.Traffic, err
}

// connect opens the publishers' connections.
func (r *run) connect(ctx context.Context) error {
	f := r.f
	for i := range r.plan.Publishers {
		id := len(f.members)
		f.members = append(f.members, member{pub: &publisher{n: i, target: i - r.plan.Publishers}})
		f.dial(id)
	}
	for len(r.free) < r.plan.Publishers {
		if err := f.step(ctx, 50*time.Millisecond); err != nil {
			return err
		}
		if r.err != nil {
			return r.err
		}
	}
	return nil
}

// hangUp ends the publishers' connections.
func (f *Fleet) hangUp() {
	for id := f.sessions; id < len(f.members); id++ {
		f.e.drop(id)
	}
	f.members = f.members[:f.sessions]
	f.run = nil
}

// play publishes until the time is over and waits for what is missing.
func (r *run) play(ctx context.Context) error {
	const interval = int64(50 * time.Millisecond)
	f := r.f
	r.began = f.now()
	r.last = r.began
	quiet, seen, told := r.began, uint64(0), r.began
	settle := int64(r.plan.Settle)
	for {
		now := f.now()
		over := r.over(now)
		if ctx.Err() != nil {
			over, settle = true, min(settle, int64(time.Second))
		}
		if r.Deliveries != seen || !over {
			seen, quiet = r.Deliveries, now
		}
		if over && (r.waiting == 0 && r.arrived >= r.expected || now-quiet > settle) {
			return ctx.Err()
		}
		wait := 20 * time.Millisecond
		if !over {
			wait = r.publish(now)
		}
		if err := f.step(context.WithoutCancel(ctx), wait); err != nil {
			return err
		}
		if r.err != nil {
			return r.err
		}
		if r.plan.Progress != nil && now-told > interval {
			told = now
			r.plan.Progress(time.Duration(now-r.began), r.Deliveries)
		}
	}
}

// over says that nothing is to be published any more.
func (r *run) over(now int64) bool {
	return now-r.began >= int64(r.plan.Time) || r.plan.Messages > 0 && r.issued >= r.plan.Messages
}

// got takes a message.
func (r *run) got(id int, s stamp, now int64) {
	if s.run != r.id {
		return // of a run before
	}
	counters := r.counters(id)
	i := 0
	if !r.plan.Unicast {
		i = int(s.publisher)
	}
	if i >= len(counters) || r.f.members[id].state != isReady {
		return
	}
	if s.number < counters[i] {
		r.Duplicates++
		return
	}
	missing := s.number - counters[i]
	counters[i] = s.number + 1
	r.Lost += uint64(missing)
	r.arrived += uint64(missing) + 1
	r.Deliveries++
	r.last = now
	r.Latency.Add(time.Duration(now - int64(s.sent)))
	for i := len(r.Phases) - 1; i >= 0; i-- {
		if int64(s.sent) >= r.Phases[i].from {
			r.Phases[i].Latency.Add(time.Duration(now - int64(s.sent)))
			break
		}
	}
}

// counters are those of a session.
func (r *run) counters(id int) []uint32 {
	if r.plan.Unicast {
		return r.next[id : id+1]
	}
	return r.next[id*r.plan.Publishers : (id+1)*r.plan.Publishers]
}

// sent is how many messages were accepted for the i-th counter of a session.
func (r *run) sent(id, i int) uint32 {
	if r.plan.Unicast {
		return r.accepted[id]
	}
	return r.accepted[i]
}

// leave takes a session out of the reckoning.
func (r *run) leave(id int) {
	r.readers--
	for i, n := range r.counters(id) {
		r.arrived -= uint64(n)
		r.expected -= uint64(r.sent(id, i))
	}
}

// cut is a session that the server ended.
func (r *run) cut(id int, err error) {
	r.Cut[why(err)]++
	r.leave(id)
}

// stop has a session read no more.
func (r *run) stop(id int) {
	if m := &r.f.members[id]; m.state == isReady {
		m.state = isStopped
		r.leave(id)
		r.f.e.pause(id)
	}
}

// finish counts what did not come.
func (r *run) finish() {
	r.Until = time.Duration(r.last - r.began)
	for id := range r.f.members[:r.f.sessions] {
		if r.f.members[id].state != isReady {
			continue
		}
		for i, n := range r.counters(id) {
			if want := r.sent(id, i); want > n {
				r.Lost += uint64(want - n)
			}
		}
	}
}
