package load

import (
	"context"
	"time"
)

// OpenOptions are how sessions are opened.
type OpenOptions struct {
	// InFlight is how many are on their way at the same time. Default: 256.
	InFlight int
	// Timeout ends the wait for sessions that are neither ready nor refused.
	// Default: 30s.
	Timeout time.Duration
	// Progress, if not nil, is called now and then with the sessions that are
	// ready or refused so far.
	Progress func(done int)
}

// Opened is how it went.
type Opened struct {
	Ready   int            // sessions that are open and subscribed
	Refused map[string]int // by what was said, and how many sessions were told so
	Took    time.Duration  // until the last was ready or refused
	Wire    Wire           // what they sent and got for that
	Wait    Histogram      // of each session: from dialling to being subscribed
}

// opening is an Open under way.
type opening struct {
	Opened
	pending int
	last    int64
	f       *Fleet
}

// Open opens sessions, more than there are already, and waits until each is
// subscribed or was refused. When ctx ends it returns what there is.
func (f *Fleet) Open(ctx context.Context, sessions int, o *OpenOptions) (*Opened, error) {
	if o == nil {
		o = &OpenOptions{}
	}
	inFlight, timeout := o.InFlight, o.Timeout
	if inFlight <= 0 {
		inFlight = 256
	}
	if timeout <= 0 {
		timeout = 30 * time.Second
	}
	first := f.sessions
	f.members = append(f.members, make([]member, sessions)...)
	f.sessions = len(f.members)
	op := &opening{f: f, Opened: Opened{Refused: make(map[string]int)}}
	f.opening = op
	defer func() { f.opening = nil }()
	began, before := f.now(), f.wire
	op.last = began
	defer func() { op.Wire = f.wire.since(before) }()
	tell := began
	for next := first; next < f.sessions || op.pending > 0; {
		for next < f.sessions && op.pending < inFlight {
			f.members[next].began = f.now()
			op.pending++
			f.dial(next)
			next++
		}
		if err := f.step(ctx, 50*time.Millisecond); err != nil {
			op.Took = time.Duration(f.now() - began)
			return &op.Opened, err
		}
		now := f.now()
		if o.Progress != nil && now-tell > int64(100*time.Millisecond) {
			tell = now
			o.Progress(next - first - op.pending)
		}
		if now-op.last > int64(timeout) {
			f.giveUp(op)
			break
		}
	}
	op.Took = time.Duration(op.last - began)
	return &op.Opened, nil
}

// giveUp ends the sessions that are still on their way.
func (f *Fleet) giveUp(o *opening) {
	for id := range f.members[:f.sessions] {
		if m := &f.members[id]; m.state > isNone && m.state < isReady {
			f.e.drop(id)
			m.state, m.left = isEnded, nil
			o.Refused["no answer in time"]++
		}
	}
	o.pending = 0
}

func (o *opening) ready(wait int64) {
	o.pending--
	o.Ready++
	o.Wait.Add(time.Duration(wait))
	o.last = o.f.now()
}

func (o *opening) refused(err error) {
	o.pending--
	o.Refused[why(err)]++
	o.last = o.f.now()
}

// cut is a session that ended after it was ready.
func (o *opening) cut(err error) {
	o.Ready--
	o.Refused["ended at once: "+why(err)]++
}
