package load

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"syscall"
	"time"
)

// Fleet is very many sessions with one server, and publishers. It belongs to one
// goroutine.
type Fleet struct {
	o        Options
	e        engine
	start    time.Time // zero of the clock
	members  []member  // sessions and then publishers, by the engine's identifier
	sessions int       // how many of members are sessions
	out      []byte    // scratch
	wire               // of all sessions so far

	opening *opening // nil: none is under way
	run     *run     // nil: none is under way
	storm   *storm   // nil: none is under way
	runs    uint32   // the number of the last run; the first is anybody's guess
	dues    []due    // polls that are to be made, the next one first
	source  uint8    // 0: connections leave from where the system likes, else from 127.0.0.(1+source)
}

// wire is what sessions have sent and got.
type wire struct {
	sent, received uint64 // octets above TCP
	requests       uint64
	empty          uint64 // answers to polls with no message
}

// member is one connection.
type member struct {
	state  state
	source uint8      // the fleet's, when it was dialled
	left   []byte     // input that does not make a whole frame or answer yet
	began  int64      // when dialling began, on the fleet's clock
	pub    *publisher // nil: it is a session
	down   *download  // nil: it is a publisher, or a WebSocket
}

type state uint8

const (
	isNone state = iota
	isDialling
	isUpgrading
	isGreeting
	isReady
	isStopped // was ready, and reads no more
	isEnded
)

// New returns a fleet without sessions.
func New(o *Options) (*Fleet, error) {
	if _, ok := o.Dialect.(HTTPDialect); !ok && o.Transport != WebSocket {
		return nil, errors.New("load: this server is spoken to over WebSocket alone: leave the transport out")
	}
	f := &Fleet{o: *o, start: time.Now(), runs: rand.Uint32()}
	if f.o.Interval <= 0 {
		f.o.Interval = defaultInterval
	}
	var err error
	f.e, err = newEngine(&engineOptions{addr: o.Addr, tls: o.TLS})
	return f, err
}

// Close ends all connections at once.
func (f *Fleet) Close() { f.e.close() }

// Ready returns how many sessions are open and subscribed.
func (f *Fleet) Ready() (n int) {
	for i := range f.members[:f.sessions] {
		if f.members[i].state == isReady {
			n++
		}
	}
	return n
}

// Rest lets time pass, answering what the server asks, until d is over or ctx
// ends, which is the error then. Sessions that end meanwhile are not ready any
// more.
func (f *Fleet) Rest(ctx context.Context, d time.Duration) error {
	for end := f.now() + int64(d); f.now() < end; {
		if err := f.step(ctx, time.Duration(end-f.now())); err != nil {
			return err
		}
	}
	return nil
}

func (f *Fleet) now() int64 { return int64(time.Since(f.start)) }

// dial begins to open a member's connection, from the loopback address that is in
// use.
func (f *Fleet) dial(id int) {
	m := &f.members[id]
	m.state, m.source = isDialling, f.source
	local := netip.Addr{} // the system's choice
	if f.source > 0 {
		local = netip.AddrFrom4([4]byte{127, 0, 0, 1 + f.source})
	}
	if f.e.dial(id, local) {
		f.connected(id)
	}
}

// dialElsewhere dials again from the next loopback address when the ports of one are
// used up: there are some 28,000 for each server's address. It reports whether that
// was possible.
func (f *Fleet) dialElsewhere(id int, err error) bool {
	if a := f.o.Addr.Addr(); !errors.Is(err, syscall.EADDRNOTAVAIL) || !a.Is4() || !a.IsLoopback() {
		return false
	}
	if f.members[id].source == f.source { // or others have gone on already
		if f.source == lastSource {
			return false
		}
		f.source++
	}
	f.dial(id)
	return true
}

// lastSource is 127.0.0.254.
const lastSource = 253

// step lets the connections go on, waiting d at the most.
func (f *Fleet) step(ctx context.Context, d time.Duration) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if len(f.dues) > 0 {
		d = f.askDue(d)
	}
	return f.e.wait(min(d, 100*time.Millisecond), f)
}

func (f *Fleet) connected(id int) {
	m := &f.members[id]
	switch {
	case m.pub != nil && f.run.plan.Say && f.o.Transport == WebSocket:
		m.state, m.pub.line = isUpgrading, true
		d, _ := f.o.Dialect.(HTTPDialect) // see Publish
		f.e.write(id, d.AppendLine(nil, m.pub.n%f.sessions))
		return
	case m.pub != nil:
		m.state = isReady
		f.run.free = append(f.run.free, id)
		return
	}
	f.begun(id)
}

func (f *Fleet) received(id int, b []byte) {
	m := &f.members[id]
	if m.pub == nil {
		f.wire.received += uint64(len(b))
	} else {
		f.run.said.received += uint64(len(b))
	}
	if len(m.left) > 0 {
		m.left = append(m.left, b...)
		b = m.left
	}
	var rest []byte
	var err error
	switch {
	case m.pub != nil:
		rest, err = f.answered(id, b)
	case m.down != nil:
		rest, err = f.output(id, b)
	default:
		rest, err = f.input(id, b)
	}
	switch {
	case err != nil:
		f.e.drop(id)
		f.ended(id, err)
	case len(rest) == 0:
		m.left = nil // most input is whole: keeping a buffer for each would cost more than making one now and then
	default:
		m.left = append(m.left[:0], rest...) // rest may lie in left itself, further behind
	}
}

// input takes what a session got and returns what is left of it.
func (f *Fleet) input(id int, b []byte) (rest []byte, err error) {
	m := &f.members[id]
	if m.state == isUpgrading {
		a, n, err := scanAnswer(b)
		if n == 0 || err != nil {
			return b, err
		}
		if a.status != http.StatusSwitchingProtocols {
			return nil, refusal(a.status, a.body)
		}
		b = b[n:]
		m.state = isGreeting
		if err := f.greet(id, nil); err != nil {
			return nil, err
		}
	}
	now := f.now()
	for len(b) > 0 {
		opcode, payload, n, err := scanFrame(b)
		if n == 0 || err != nil {
			return b, err
		}
		b = b[n:]
		if err := f.frame(id, opcode, payload, now); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

// frame takes one frame of a session.
func (f *Fleet) frame(id int, opcode byte, payload []byte, now int64) error {
	switch {
	case opcode == opPing:
		f.send(id, opPong, payload)
	case opcode == opPong:
	case opcode == opClose:
		return closeError(payload)
	case f.members[id].state == isGreeting:
		return f.greet(id, payload)
	default:
		if s, ok := findStamp(payload); ok {
			switch {
			case f.run != nil:
				f.run.got(id, s, now)
			case f.storm != nil:
				f.storm.got(id, s, now)
			}
		} else if f.storm != nil {
			f.storm.other(payload)
		} else if reply := f.o.Dialect.Answer(payload); reply != nil {
			f.send(id, opText, reply)
		}
	}
	return nil
}

func (f *Fleet) send(id int, opcode byte, payload []byte) {
	f.out = appendFrame(f.out[:0], opcode, payload)
	f.tell(id, f.out)
}

func (f *Fleet) greet(id int, msg []byte) error {
	reply, ready, err := f.o.Dialect.Greet(msg)
	if err != nil {
		return err
	}
	if reply != nil {
		f.send(id, opText, reply)
	}
	if ready {
		m := &f.members[id]
		m.state = isReady
		if f.opening != nil {
			f.opening.ready(f.now() - m.began)
		}
	}
	return nil
}

func (f *Fleet) ended(id int, err error) {
	m := &f.members[id]
	was := m.state
	if was == isDialling && f.dialElsewhere(id, err) || f.pollAgain(id, was, err) {
		return
	}
	m.state, m.left = isEnded, nil
	switch {
	case m.pub != nil:
		f.run.hungUp(id, was, err)
	case was == isStopped:
	case f.run != nil && (was == isReady || m.down != nil && m.down.opened):
		f.run.cut(id, err)
	case was == isReady && f.storm != nil:
		f.storm.cut(id, err)
	case was == isReady && f.opening != nil:
		f.opening.cut(err)
	case was != isReady && f.opening != nil:
		f.opening.refused(err)
	}
}
