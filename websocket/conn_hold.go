package websocket

import "time"

// A Write from a loop over Messages is held back while the next message is in
// hand already, so that the answers to what came together leave together. What is
// held depends on nothing that is yet to come:
//
//   - A message is held only while mayHold is set, that is from the moment in which
//     Messages has found another whole message in the input until whoever reads
//     has to wait, or the loop is left.
//   - Whoever waits for input, and whoever leaves the loop, clears mayHold and then
//     looks at isHeld. Who holds sets isHeld and then looks at mayHold again. So one
//     of the two sends.
//   - A loop that does not come back within holdTime is overtaken by a timer.
//   - It is part of what is sent next, and the first of it: everything that is sent
//     begins with takeHeld.
const (
	holdTime = time.Millisecond
	holdSize = 64 << 10
)

// hold keeps buf, which is all that is to be sent, if it may. The sending lock is
// held.
func (c *Conn) hold(buf *[]byte) bool {
	if len(*buf) >= holdSize || len(c.unsent) > 0 {
		return false
	}
	c.held = buf
	if c.isHeld.Load() {
		return true // the timer is running, and since then nobody has sent
	}
	if c.holdEnds == nil {
		c.holdEnds = time.AfterFunc(holdTime, c.kick)
	} else {
		c.holdEnds.Reset(holdTime)
	}
	c.isHeld.Store(true)
	if !c.mayHold.Load() {
		c.held = nil
		c.noneHeld()
		return false
	}
	return true
}

// heldOrEmpty returns the buffer with what is held, or an empty one. The sending
// lock is held.
func (c *Conn) heldOrEmpty() *[]byte {
	if c.held != nil {
		return c.held
	}
	return getBuffer()
}

// takeHeld returns a buffer with what is held, which is to be sent now, or an
// empty one. The sending lock is held.
func (c *Conn) takeHeld() *[]byte {
	buf := c.held
	if buf == nil {
		return getBuffer()
	}
	c.held = nil
	c.noneHeld()
	return buf
}

// noneHeld notes that nothing is held any more. The sending lock is held.
func (c *Conn) noneHeld() {
	if c.isHeld.Load() {
		c.isHeld.Store(false)
		c.holdEnds.Stop()
	}
}

// stopHolding has what is held sent, and nothing more held.
func (c *Conn) stopHolding() {
	if c.mayHold.Load() {
		c.mayHold.Store(false)
	}
	if c.isHeld.Load() {
		c.kick()
	}
}

// lastWrite is how long CloseNow may take to write what is held, where it cannot
// be left to the socket without waiting.
const lastWrite = 10 * time.Millisecond

// sendHeld has what is held leave before the connection is cut.
func (c *Conn) sendHeld() {
	if !c.isHeld.Load() || !c.sending.tryAcquire() {
		return
	}
	buf := c.takeHeld()
	if c.raw != nil {
		_, _ = c.writeRaw(*buf)
	} else {
		_ = c.nc.SetWriteDeadline(time.Now().Add(lastWrite))
		_, _ = c.nc.Write(*buf)
	}
	putBuffer(buf)
	for !c.sending.release() { // nothing else leaves any more
	}
}
