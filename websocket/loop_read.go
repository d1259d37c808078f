package websocket

import (
	"io"
	"syscall"
	"time"

	"github.com/openline/openline/websocket/internal/frame"
	"github.com/openline/openline/websocket/internal/poll"
	"github.com/openline/openline/websocket/internal/proto"
)

// loopRead is what there is to remember of what arrives. Between messages that
// is nothing, so that an idle connection has none.
type loopRead struct {
	in       proto.Receiver
	keep     bool      // it is needed as long as the connection is
	due      time.Time // state of the message rate limit
	message  []byte    // what has come of a message that is not whole; nil: none has
	reserved int       // octets of it that were reserved before they came
	opcode   frame.Opcode
	stall    uint32 // the tick by which the frame that has begun must have gone on; 0: none has
	got      int    // octets of it since that was set
}

// readState returns the state to read with.
func (l *Loop) readState(c *LoopConn) *loopRead {
	if c.read != nil {
		return c.read
	}
	l.scratch = loopRead{in: proto.NewReceiver(c.shared.client, false, c.shared.cfg.limits)}
	return &l.scratch
}

// keepState stores the state, if there is anything to remember.
func (l *Loop) keepState(c *LoopConn, r *loopRead) {
	idle := !r.keep && r.message == nil && !r.in.InFrame() && !r.in.InMessage()
	switch {
	case idle && c.read != nil:
		c.read = nil
		*r = loopRead{}
		if len(l.reads) < 64 {
			l.reads = append(l.reads, r)
		}
	case !idle && c.read == nil:
		var kept *loopRead
		if n := len(l.reads); n > 0 {
			kept, l.reads = l.reads[n-1], l.reads[:n-1]
		} else {
			kept = new(loopRead)
		}
		*kept = *r
		c.read = kept
	}
	l.scratch = loopRead{}
}

// readable reads once from a socket that has something. The poller says it again
// if there is more.
func (l *Loop) readable(c *LoopConn) {
	if c.lingers {
		l.discard(c)
		return
	}
	r := l.readState(c)
	into, direct := l.input, false
	if r.message != nil {
		if room := l.directRoom(r); room != nil {
			into, direct = room, true
		}
	}
	n, err := poll.Read(int(c.fd), into)
	switch {
	case err == syscall.EAGAIN:
		return
	case err != nil:
		l.lost(c, err)
		return
	case n == 0:
		l.lost(c, io.EOF)
		return
	}
	c.heard = true
	c.hold()
	l.guard(c, func() {
		if direct {
			r.message = r.message[:len(r.message)+n]
			l.took(c, r, into[:n])
		} else {
			l.receive(c, r, into[:n])
		}
	})
	l.release(c)
}

// directRoom returns room behind a message that is not whole, for a large payload
// to be read straight to where it belongs; nil if little is missing. The memory
// grows with what arrives, never with what the frame claims.
func (l *Loop) directRoom(r *loopRead) []byte {
	left := r.in.DataLeft()
	if left < directRead {
		return nil
	}
	d := r.message
	if cap(d)-len(d) < directRead {
		d = l.room(r, left)
	}
	room := d[len(d):cap(d)]
	if uint64(len(room)) > left {
		room = room[:left]
	}
	return room
}

// took goes on after octets were read to where they belong.
func (l *Loop) took(c *LoopConn, r *loopRead, b []byte) {
	_, ev, err := r.in.Receive(b)
	switch {
	case err != nil:
		l.keepState(c, r)
		l.fail(c, err)
		return
	case ev.Last:
		l.deliver(c, r)
	}
	l.settle(c, r, len(b))
}

// receive takes octets in.
func (l *Loop) receive(c *LoopConn, r *loopRead, b []byte) {
	all := len(b)
	for len(b) > 0 || r.in.Pending() {
		if n := l.whole(c, r, b); n > 0 {
			if b = b[n:]; c.over.Load() {
				break
			}
			continue
		}
		n, ev, err := r.in.Receive(b)
		b = b[n:]
		if err != nil {
			l.forget(r)
			l.keepState(c, r)
			l.fail(c, err)
			return
		}
		if !r.in.InFrame() {
			r.stall = 0
		}
		switch ev.Kind {
		case proto.Data:
			if ev.First && !c.shared.cfg.rate.take(&r.due, c.rateNow()) {
				l.forget(r)
				l.keepState(c, r)
				l.fail(c, errRate)
				return
			}
			l.piece(c, r, &ev)
		case proto.Ping:
			c.pong(ev.Payload)
		case proto.Pong:
			if h, ok := c.h.(PongHandler); ok && len(ev.Payload) > 0 {
				h.OnPong(c, ev.Payload)
			}
		case proto.Close:
			l.forget(r)
			l.keepState(c, r)
			l.peerClosed(c, CloseCode(ev.Code), string(ev.Payload))
			return
		}
		if c.over.Load() {
			l.forget(r)
			break // the handler has ended it
		}
	}
	l.settle(c, r, all)
}

// whole hands over the messages at the front of b that the core has a short way for,
// until the connection is over, and returns how many octets they were. Those that have
// to be counted go the long way.
func (l *Loop) whole(c *LoopConn, r *loopRead, b []byte) (took int) {
	if c.shared.cfg.rate.interval != 0 {
		return 0
	}
	for {
		op, payload, n := r.in.Whole(b[took:])
		if n == 0 {
			return took
		}
		took += n
		if l.message(c, op, payload); c.over.Load() {
			return took
		}
	}
}

// rateNow is only asked for where a limit needs it.
func (c *LoopConn) rateNow() time.Time {
	if c.shared.cfg.rate.interval == 0 {
		return time.Time{}
	}
	return time.Now()
}

// piece deals with a piece of a message.
func (l *Loop) piece(c *LoopConn, r *loopRead, ev *proto.Event) {
	if ev.First && ev.Last {
		l.message(c, ev.Opcode, ev.Payload) // the usual case: it is where it was read to
		r.in.Release()
		return
	}
	if r.message == nil {
		r.message, r.opcode = []byte{}, ev.Opcode
	}
	if n := len(ev.Payload); cap(r.message)-len(r.message) < n {
		l.room(r, max(r.in.DataLeft(), 1)+uint64(n))
		if cap(r.message)-len(r.message) < n {
			r.message = append(getLarge(len(r.message)+n), r.message...)
		}
	}
	r.message = append(r.message, ev.Payload...)
	if ev.Last {
		l.deliver(c, r)
	}
}

// deliver hands over a message that came in pieces.
func (l *Loop) deliver(c *LoopConn, r *loopRead) {
	l.message(c, r.opcode, r.message)
	l.settleMessage(r)
	r.in.Release()
}

// forget drops what came of a message.
func (l *Loop) forget(r *loopRead) {
	if r.message != nil {
		l.settleMessage(r)
	}
}

// settle notes what is to be remembered until more arrives.
func (l *Loop) settle(c *LoopConn, r *loopRead, n int) {
	if c.fd < 0 || c.lingers {
		l.forget(r)
		c.read, l.scratch = nil, loopRead{}
		return
	}
	if stall := c.shared.cfg.stallTimeout; stall > 0 && r.in.InFrame() {
		if r.stall == 0 {
			r.got = 0
			r.stall = l.wheel.after(stall)
		} else if r.got += n; r.got >= stallBytes {
			r.got = 0
			r.stall = l.wheel.after(stall)
		}
		l.keepState(c, r)
		if c.due == 0 || before(c.read.stall, c.due) {
			l.schedule(c)
		}
		return
	}
	r.stall = 0
	l.keepState(c, r)
}

// pong answers a Ping. c is held.
func (c *LoopConn) pong(payload []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.write == nil && len(c.loop.cork) < gatherSize {
		out := proto.NewSender(c.shared.client)
		c.loop.cork = out.AppendPong(c.loop.cork, payload)
		return
	}
	c.sender().QueuePong(payload) // only the latest, when the peer does not read
}

// mostReserved bounds what all connections of a loop together have reserved for
// octets that their peers have only announced.
const mostReserved = 16 << 20

// room makes room behind the message that r has part of. Its memory grows with
// what has arrived. Only who has sent much of a message already has the rest of it
// reserved at once, and only as far as a bound for all allows.
func (l *Loop) room(r *loopRead, left uint64) []byte {
	d := r.message
	more := uint64(max(blockSize, len(d)))
	if len(d) >= loopInput/2 && r.reserved == 0 && left <= mostReserved && uint64(l.reserved)+left <= mostReserved {
		more = left
		r.reserved = int(left)
		l.reserved += int(left)
	}
	d = append(getLarge(len(d)+int(min(more, left))), d...)
	putLarge(r.message)
	r.message = d
	return d
}

// settleMessage gives the memory of a message back.
func (l *Loop) settleMessage(r *loopRead) {
	l.reserved -= r.reserved
	putLarge(r.message)
	r.message, r.reserved = nil, 0
}
