package websocket

import "context"

// kick sends what is queued, if nobody else is sending: he will look at the
// queue before he is done. It never blocks.
func (c *Conn) kick() {
	if c.sending.acquireOrAsk() {
		c.flush(false)
	}
}

// sendingDone lets the sending lock go and sends what was queued meanwhile.
func (c *Conn) sendingDone() {
	if len(c.unsent) == 0 && c.sending.release() {
		return
	}
	c.flush(false)
}

// flush sends what is queued and lets the sending lock go, which the caller
// holds. What the socket does not take at once is left to a goroutine, which
// lives until the queue is empty, unless the caller is that goroutine.
func (c *Conn) flush(mayBlock bool) {
	for {
		buf := c.takeHeld()
		b := c.gather(*buf)
		if len(b) == 0 {
			putBuffer(buf)
			c.allSent()
			if c.sending.release() {
				return
			}
			continue // somebody queued more, and asked
		}
		if mayBlock {
			// An error ends the connection, there is nobody else to tell.
			_ = c.send(context.Background(), b, len(b), nil)
		} else {
			n := 0
			if c.raw != nil {
				n, _ = c.writeRaw(b) // an error comes again with the rest
			}
			if n < len(b) {
				c.unsent = append([]byte(nil), b[n:]...)
				*buf = b
				putBuffer(buf)
				go c.flush(true)
				return
			}
		}
		*buf = b
		putBuffer(buf)
	}
}

// gatherSize is about how much is written at once from the queue.
const gatherSize = 64 << 10

// gather collects what is to be sent: the rest of an earlier write, what was held,
// which buf has, control frames, queued messages, and the Close when all before it has been taken. The
// sending lock is held.
func (c *Conn) gather(buf []byte) []byte {
	b := buf
	if len(c.unsent) > 0 {
		b = append(c.unsent, buf...)
		c.unsent = nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	b = c.out.AppendControl(b)
	for c.queue.len() > 0 && !c.out.Fragmenting() && len(b) < gatherSize {
		b = c.queue.appendNext(b, &c.out, c.pack)
	}
	if c.queue.len() == 0 || c.out.Fragmenting() {
		b = c.out.AppendClose(b)
	}
	return b
}
