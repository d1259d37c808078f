package websocket

import (
	"math"
	"slices"
	"syscall"

	"github.com/openline/openline/websocket/internal/poll"
)

// mostUnsent is about how much the system keeps for a peer that reads nothing, beside
// what waits in the queue. A peer that reads has no less of it: what is under way does
// not count. But to write a large message in so small portions costs more, so the
// bound is lifted with the first.
const mostUnsent = 128 << 10

// about is called before n octets are written to the socket. c.mu is held.
func (c *LoopConn) about(n int) {
	if n > mostUnsent && !c.large {
		c.large = true
		poll.BoundUnsent(int(c.fd), 0)
	}
}

// put writes b to the socket. c.mu is held.
func (c *LoopConn) put(b []byte) (int, error) {
	c.about(len(b))
	return poll.Write(int(c.fd), b)
}

// hold has what is written to c corked until release.
func (c *LoopConn) hold() {
	c.mu.Lock()
	c.held = true
	c.mu.Unlock()
}

// release sends what was corked.
func (l *Loop) release(c *LoopConn) {
	c.mu.Lock()
	c.held = false
	abort := c.abort
	if w := c.write; w != nil && c.err == nil && c.shared.cfg.halfFull(w.messages, w.bytes+len(l.cork)) {
		c.paused = true // it writes faster than its peer reads, so it is read no faster either
	}
	if c.write != nil || len(l.cork) >= gatherSize || c.fd < 0 {
		c.cork(l)
		c.mu.Unlock()
		if c.fd >= 0 {
			l.flush(c)
		}
		return
	}
	if len(l.cork) > 0 {
		n, err := c.put(l.cork)
		if err != nil {
			n = 0
		}
		if n < len(l.cork) {
			c.queueCork(n)
			c.mu.Unlock()
			l.flush(c)
			return
		}
		l.emptyCork()
	}
	c.mu.Unlock()
	if abort || c.wantsInput() != c.isRead() {
		l.flush(c)
	}
}

// releaseLater is release for a connection to which the functions that wait for
// the loop are likely to write, too: what was corked leaves together with that.
func (l *Loop) releaseLater(c *LoopConn) {
	c.mu.Lock()
	c.held = false
	c.cork(l)
	first := !c.dirty && c.fd >= 0
	c.dirty = c.dirty || first
	c.mu.Unlock()
	if first {
		l.sending = append(l.sending, c)
	}
}

// spill sends what was corked so far, when that is much, while c is held. What
// the socket does not take is queued, so that it counts for the queue's bounds.
// c.mu is held.
func (c *LoopConn) spill() {
	l := c.loop
	if !c.held || c.write != nil || len(l.cork) < gatherSize {
		return
	}
	n, err := c.put(l.cork)
	if err != nil {
		n = 0 // the loop will find out why
	}
	c.queueCork(n)
}

// cork puts what is left of what was corked into the queue. c.mu is held.
func (c *LoopConn) cork(l *Loop) {
	if len(l.cork) > 0 && c.fd >= 0 {
		c.queueCork(0)
	}
	l.emptyCork()
}

// flushMost is about how much is written to one connection before the others
// have their turn.
const flushMost = 256 << 10

// flush sends what waits, as far as the socket takes it.
func (l *Loop) flush(c *LoopConn) {
	c.mu.Lock()
	c.dirty = false
	if c.fd < 0 {
		c.mu.Unlock()
		return
	}
	if c.abort {
		c.mu.Unlock()
		l.cut(c)
		return
	}
	w := c.write
	if w == nil {
		c.mu.Unlock()
		l.setWant(c, false)
		return
	}
	var err error
	full := false
	sent := 0
	for err == nil && !full && sent < flushMost {
		b := l.collect(c)
		if len(b) == 0 {
			break
		}
		var n int
		n, err = c.put(b)
		if err == syscall.EAGAIN {
			err, full = nil, true
		}
		full = full || n < len(b)
		sent += n
		w.sent(n)
	}
	if w.stuck = full; sent > 0 {
		w.blocked, w.unsent = 0, math.MaxInt32
	}
	more := w.bytes > 0 || w.out.HasControl() || w.out.HasClose()
	if cfg := c.shared.cfg; w.bytes <= cfg.queueBytes/4 && (cfg.queueMax == 0 || w.messages <= cfg.queueMax/4) {
		c.paused = false
	}
	closing := w.out.Closing()
	closeSent := (closing || c.role == beingOpened) && !more
	if closing && c.err == nil && c.limit == 0 {
		c.limit = l.wheel.after(c.shared.cfg.closeTimeout)
		if w.overflowed {
			c.limit = l.wheel.after(max(c.shared.cfg.closeTimeout, c.shared.cfg.writeTimeout))
			l.watchMoving(c)
		}
	}
	drained := !more && (w.overflowed || w.asked) && c.err == nil && !closing
	if !more {
		w.overflowed, w.asked = w.overflowed && !drained, false
		c.dropWrite()
	}
	if more && w.blocked == 0 && c.shared.cfg.writeTimeout > 0 {
		w.blocked = l.wheel.after(c.shared.cfg.writeTimeout)
	}
	ended := c.err != nil
	c.mu.Unlock()
	switch {
	case err != nil && ended:
		l.closeSocket(c)
		return
	case err != nil:
		// What the peer sent before it went may lie unread, with a Close that
		// tells why: reading comes to the error by itself.
		l.setWant(c, false)
		l.broken(c)
		return
	}
	l.setWant(c, more)
	switch {
	case closeSent:
		l.closeSent(c)
	case more || closing:
		l.schedule(c)
	case c.role == answering:
		l.answerSent(c)
		return
	}
	if _, ok := c.h.(DrainHandler); ok && drained {
		l.drained = append(l.drained, c)
	}
}

// tellDrained tells handlers whose queues are empty again: not where that was
// seen, or one that writes as fast as its peer reads would never let go. It
// reports whether there were any.
func (l *Loop) tellDrained() bool {
	list := l.drained
	l.drained, l.telling = nil, list
	for i, c := range list {
		list[i] = nil
		if h := c.h.(DrainHandler); !c.over.Load() {
			c.hold()
			l.guard(c, func() { h.OnDrain(c) })
			l.release(c)
		}
	}
	l.telling = nil
	return len(list) > 0
}

// collect returns the octets that are to be sent next: one piece from where it
// is, or several put together. c.mu is held.
func (l *Loop) collect(c *LoopConn) []byte {
	w := c.write
	control := w.out.HasControl()
	if control && !w.inFrame() && (len(w.pieces) == 0 || !w.pieces[0].control) {
		// One piece of them at a time: the sender keeps few of those that come
		// meanwhile, so a peer that asks without reading cannot fill memory.
		b := w.out.AppendControl(nil)
		w.pieces = slices.Insert(w.pieces, 0, piece{own: b, control: true})
		w.bytes += len(b)
		control = false
	}
	if len(w.pieces) == 0 && w.out.HasClose() {
		c.queueOwn(w.out.AppendClose(nil))
	}
	switch len(w.pieces) {
	case 0:
		return nil
	case 1:
		return w.pieces[0].octets()[w.off:]
	}
	first := w.pieces[0].octets()[w.off:]
	if control || len(first) >= gatherSize { // what stands behind it has to wait
		return first
	}
	b := append(l.gather[:0], first...)
	for _, p := range w.pieces[1:] {
		o := p.octets()
		if len(b)+len(o) > gatherSize {
			break
		}
		b = append(b, o...)
	}
	if cap(b) <= 4*gatherSize {
		l.gather = b
	}
	return b
}

// How long a list of pieces is kept when it is empty, with what append rounds up: for
// whichever connection needs one next a full queue's, since a replay makes one after
// the other; for a connection that keeps what it sends with, less.
const (
	mostPieces = 256 + 256/4
	ownPieces  = 64 + 64/4
)

// sent takes note that n octets have been taken by the socket.
func (w *loopWrite) sent(n int) {
	w.bytes -= n
	n += w.off
	i := 0
	for ; i < len(w.pieces) && n >= len(w.pieces[i].octets()); i++ {
		n -= len(w.pieces[i].octets())
		w.messages -= int(w.pieces[i].messages)
		putLarge(w.pieces[i].own)
		w.pieces[i] = piece{}
	}
	w.off = n
	left := copy(w.pieces, w.pieces[i:])
	clear(w.pieces[left:]) // or what has been sent could not be collected
	if w.pieces = w.pieces[:left]; left > 0 {
		return
	}
	if most := cap(w.pieces); most > mostPieces || w.keep && most > ownPieces {
		w.pieces = nil
	}
}
