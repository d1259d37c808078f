package websocket

import "github.com/openline/openline/websocket/internal/poll"

// flow says what becomes of what a peer sends.
const (
	flowing  uint32 = iota
	stopped         // by Pause: it is left unread
	dropping        // it was stopped when Close was called: messages are dropped
)

// Pause has the connection left unread until Resume, so that a peer that sends
// faster than the application can take it has to wait. What has been read already
// still comes: at most the rest of one read, 64 KiB, and what these octets inflate
// to. It may be called any number of times.
//
// A peer is not judged silent, or slow, while nobody reads it; nor is it noticed
// that it closes. Close ends a pause: messages that come until the peer has
// answered are dropped then.
func (c *LoopConn) Pause() {
	if c.other != nil {
		c.other.pause()
		return
	}
	c.setFlow(flowing, stopped)
}

// Resume has the connection read again after Pause.
func (c *LoopConn) Resume() {
	if c.other != nil {
		c.other.resume()
		return
	}
	c.setFlow(stopped, flowing)
}

func (c *LoopConn) setFlow(from, to uint32) {
	c.mu.Lock()
	if c.closing != nil || c.err != nil || !c.flow.CompareAndSwap(from, to) {
		c.mu.Unlock()
		return
	}
	c.dirtied()
}

// dropInput ends a pause for good, because the connection ends. c.mu is held.
func (c *LoopConn) dropInput() { c.flow.CompareAndSwap(stopped, dropping) }

// wantsInput reports whether c is to be read.
func (c *LoopConn) wantsInput() bool { return !c.paused && c.flow.Load() != stopped }

// isRead reports whether the poller tells when c can be read: only then is a peer
// that is silent to be judged.
func (c *LoopConn) isRead() bool { return c.want&poll.Readable != 0 }

// hungUp deals with a socket that is of no further use, of a connection that is
// paused. Reading would say why, and come to what is left to be read; that waits
// until Resume, and the poller, which would tell of the socket for ever, forgets it
// meanwhile.
func (l *Loop) hungUp(c *LoopConn) {
	_ = l.poller.Remove(int(c.fd))
	c.want, c.away = 0, true
}

// setWant changes what the poller waits for.
func (l *Loop) setWant(c *LoopConn, writable bool) {
	var want poll.Ready
	if c.wantsInput() && !c.isDeaf() {
		want = poll.Readable
	}
	if writable {
		want |= poll.Writable
	}
	if want == c.want || c.fd < 0 || c.away && want&poll.Readable == 0 {
		return
	}
	change := l.poller.Change
	if c.away {
		change = l.poller.Add
	}
	if err := change(int(c.fd), c.id(), want); err != nil {
		l.log.Error("websocket: a socket cannot be waited for", "error", err)
		return
	}
	if want&^c.want&poll.Readable != 0 {
		l.readAgain(c)
	}
	c.want, c.away = want, false
}

// readAgain gives the peer of a connection that was not read for a while the whole
// time again for what it owes: it may have come long ago.
func (l *Loop) readAgain(c *LoopConn) {
	c.heard = true
	if r := c.read; r != nil && r.stall != 0 {
		r.got = 0
		r.stall = l.wheel.after(c.shared.cfg.stallTimeout)
	}
}

// pause is Pause where a goroutine drives the connection.
func (d *driven) pause() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.resumed == nil {
		d.resumed = make(chan struct{})
	}
}

// resume is Resume where a goroutine drives the connection.
func (d *driven) resume() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.resumed != nil {
		close(d.resumed)
		d.resumed = nil
	}
}

// awaitResume waits while the application has the connection paused. It reports
// false when the connection has ended, or Close reads it by now.
func (d *driven) awaitResume() bool {
	for {
		d.mu.Lock()
		resumed := d.resumed
		d.mu.Unlock()
		if resumed == nil {
			return true
		}
		select {
		case <-resumed:
		case <-d.Done():
			return false
		}
	}
}
