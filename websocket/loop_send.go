package websocket

import (
	"fmt"

	"github.com/openline/openline/websocket/internal/frame"
	"github.com/openline/openline/websocket/internal/poll"
	"github.com/openline/openline/websocket/internal/proto"
)

// TrySend queues p and returns at once, as [Conn.TrySend] does.
func (c *LoopConn) TrySend(p *Prepared) error {
	if c.other != nil {
		return c.other.trySend(p)
	}
	n := len(p.frame)
	c.mu.Lock()
	if err := c.mayWrite(n); err != nil {
		c.mu.Unlock()
		return err
	}
	return c.queuePrepared(p)
}

// queuePrepared queues p, or corks it. c.mu is held and let go.
func (c *LoopConn) queuePrepared(p *Prepared) error {
	c.spill()
	if c.held && c.write == nil && len(p.frame) < writeApart && !c.shared.client {
		c.loop.cork = append(c.loop.cork, p.frame...)
		c.mu.Unlock()
		return nil
	}
	c.uncork()
	if err := c.addPrepared(p); err != nil {
		c.mu.Unlock()
		return err
	}
	c.dirtied()
	return nil
}

// addPrepared adds p to what waits: the frame itself, which all connections share,
// or what has to be made of it for this one. c.mu is held.
func (c *LoopConn) addPrepared(p *Prepared) error {
	out := c.sender()
	w := c.write
	if out.Fragmenting() {
		return fmt.Errorf("websocket: %w", proto.ErrFragment)
	}
	if c.sharesFrames() {
		w.pieces = append(w.pieces, piece{prepared: p})
		w.bytes += len(p.frame)
	} else {
		wire, header := c.wireForm(p)
		c.setTail(out.AppendPrepared(c.tail(), frame.Opcode(p.typ), wire, header, p.Data()))
	}
	c.count()
	return nil
}

// sharesFrames reports whether a message's own frame is what c sends.
func (c *LoopConn) sharesFrames() bool { return c.shared.pack == nil && !c.shared.client }

// wireForm returns the frame of p, compressed if c compresses it.
func (c *LoopConn) wireForm(p *Prepared) (wire []byte, header int) {
	if c.shared.pack != nil {
		if form := p.form(c.shared.pack); form != nil {
			return form.frame, form.header
		}
	}
	return p.frame, p.header
}

// Send is TrySend for the loop's own goroutine: for the methods of handlers of its
// connections, and for functions that Do runs. Nowhere else may it be called.
//
// If nothing waits for c it is written to the socket at once, without a detour
// through a queue. With more it waits until the loop has done what it is at, and
// leaves in one write with what is sent to c until then; the last message needs no
// other sign. What the socket does not take is queued, within the same bounds, and
// messages of Write and TrySend keep their places.
//
// In a method of c's own handler, where everything is held together anyway, and
// where no loop drives c, it is TrySend.
func (c *LoopConn) Send(p *Prepared, more bool) error {
	if c.other != nil {
		return c.other.trySend(p)
	}
	n := len(p.frame)
	c.mu.Lock()
	if err := c.mayWrite(n); err != nil {
		c.mu.Unlock()
		return err
	}
	if c.held {
		return c.queuePrepared(p)
	}
	if !more && c.fd >= 0 && c.write.nothingWaits() {
		return c.sendNow(p)
	}
	err := c.addPrepared(p)
	first := err == nil && !c.dirty && c.want&poll.Writable == 0
	if first {
		c.dirty = true
	}
	c.mu.Unlock()
	if first {
		c.loop.sending = append(c.loop.sending, c)
	}
	return err
}

// nothingWaits reports whether a message may go straight to the socket.
func (w *loopWrite) nothingWaits() bool {
	return w == nil || w.bytes == 0 && !w.out.HasControl() && !w.out.HasClose() && !w.out.Fragmenting()
}

// sendNow writes p to the socket, and queues what that does not take. c.mu is held
// and let go.
func (c *LoopConn) sendNow(p *Prepared) error {
	l := c.loop
	b := p.frame
	if !c.sharesFrames() {
		out := proto.NewSender(c.shared.client)
		sender := &out
		if c.write != nil {
			sender = &c.write.out
		}
		wire, header := c.wireForm(p)
		b = sender.AppendPrepared(l.gather[:0], frame.Opcode(p.typ), wire, header, p.Data())
		if cap(b) <= 4*gatherSize {
			l.gather = b[:0]
		}
	}
	n, err := c.put(b)
	if err != nil {
		n = 0 // the loop will find out why
	}
	if n == len(b) {
		c.mu.Unlock()
		return nil
	}
	if c.sharesFrames() {
		c.sender()
		w := c.write
		w.pieces, w.off, w.bytes = append(w.pieces, piece{prepared: p}), n, len(b)-n
	} else {
		c.queueRest(append([]byte(nil), b[n:]...), n > 0)
	}
	c.count()
	first := !c.dirty
	c.dirty = true
	c.mu.Unlock()
	if first {
		l.sending = append(l.sending, c)
	}
	return nil
}
