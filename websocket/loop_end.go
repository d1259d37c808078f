package websocket

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"syscall"
	"time"

	"github.com/openline/openline/websocket/internal/poll"
	"github.com/openline/openline/websocket/internal/proto"
)

// peerClosed deals with the peer's Close frame, the first one there was.
func (l *Loop) peerClosed(c *LoopConn, code CloseCode, reason string) {
	e := &CloseError{Code: code, Reason: reason}
	c.mu.Lock()
	if e.Remote = c.closing == nil; e.Remote {
		c.clear()
	}
	c.uncork()
	c.sender().PeerClosed(uint16(code))
	c.mu.Unlock()
	l.finish(c, e, c.shared.cfg.closeTimeout)
}

// fail ends the connection because of err, with a Close frame that tells the
// peer (RFC 6455 §7.1.7).
func (l *Loop) fail(c *LoopConn, err error) {
	code, reason := closeCode(err)
	e := &CloseError{Code: code, Reason: reason, Err: err}
	c.mu.Lock()
	c.clear()
	c.uncork()
	_, _ = c.sender().QueueClose(uint16(code), reason)
	c.mu.Unlock()
	l.finish(c, e, failLinger)
}

// lost ends the connection because the network did.
func (l *Loop) lost(c *LoopConn, err error) {
	l.finish(c, &CloseError{Code: CloseAbnormal, Remote: c.notClosing(), Err: err}, 0)
}

// cut ends the connection without any ceremony, even one that is lingering.
func (l *Loop) cut(c *LoopConn) {
	if c.role == listens {
		l.goAway(c)
	}
	l.finish(c, &CloseError{Code: CloseAbnormal, Err: net.ErrClosed}, 0)
	l.closeSocket(c)
}

func (c *LoopConn) notClosing() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closing == nil
}

// finish does what the end of a connection brings with it, if e is the first
// thing that ended it: the handler is told, and the socket closed, at once or
// when the Close frame has had time to arrive.
func (l *Loop) finish(c *LoopConn, e *CloseError, linger time.Duration) {
	c.mu.Lock()
	if c.err != nil {
		c.mu.Unlock()
		return
	}
	c.err = e
	c.over.Store(true)
	c.dropInput()
	c.mu.Unlock()
	if c.read != nil {
		l.forget(c.read)
		c.read = nil
	}
	if e.Err != nil && !errors.Is(e.Err, net.ErrClosed) {
		level := slog.LevelDebug
		if _, ok := errors.AsType[*proto.Error](e.Err); ok {
			level = slog.LevelInfo
		}
		ctx := context.Background()
		if log := c.shared.cfg.log; log.Enabled(ctx, level) {
			log.Log(ctx, level, "websocket: connection failed", "peer", c.addr(), "code", int(e.Code), "reason", e.Err.Error())
		}
	}
	if linger > 0 {
		c.lingers = true
		c.limit = l.wheel.after(linger)
		l.schedule(c)
	}
	l.guardFor(c, func() { c.h.OnClose(c, e) })
	if linger == 0 {
		l.closeSocket(c)
	} else if !c.isHeld() {
		l.flush(c)
	}
}

func (c *LoopConn) isHeld() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.held
}

// closeSent goes on when this end's Close frame is on its way.
func (l *Loop) closeSent(c *LoopConn) {
	if !c.lingers { // it was the first; the peer has CloseTimeout to answer
		if !c.told {
			c.told = true
			c.limit = l.wheel.after(c.shared.cfg.closeTimeout)
			l.schedule(c)
		}
		return
	}
	// Closing a socket with unread input sends a TCP reset, which can destroy what
	// the peer has not read yet; so a server ends its own direction and reads the
	// other until the peer ends it too. A client leaves the first step to the server
	// (RFC 6455 §7.1.1).
	c.mu.Lock()
	first := !c.shared.client || c.err.Err != nil
	c.mu.Unlock()
	if first && !c.halfClosed {
		c.halfClosed = true
		_ = poll.CloseWrite(int(c.fd))
	}
}

// discard reads what a peer sends after the end.
func (l *Loop) discard(c *LoopConn) {
	n, err := poll.Read(int(c.fd), l.input)
	if err == syscall.EAGAIN {
		return
	}
	c.lingered += uint32(n)
	if err != nil || n == 0 || c.lingered > lingerBytes {
		l.closeSocket(c)
	}
}

// broken gives a peer that cannot be written to a moment for what it sent to be
// read.
func (l *Loop) broken(c *LoopConn) {
	if c.limit == 0 {
		c.limit = l.wheel.after(cannotWriteWait)
		l.schedule(c)
	}
}

// closeSocket closes the socket, and gives the connection's place up.
func (l *Loop) closeSocket(c *LoopConn) {
	if c.fd < 0 {
		return
	}
	_ = poll.Close(l.leave(c)) // the last descriptor of the socket: epoll forgets it
	gone := c.gone
	c.gone = nil
	if o, ok := c.h.(*opening); ok {
		l.hurry(o)
		l.endOpening(o)
	}
	if gone != nil {
		gone()
	}
}

// leave gives the connection's place up, and returns its descriptor.
func (l *Loop) leave(c *LoopConn) (fd int) {
	l.wheel.remove(c)
	c.mu.Lock()
	fd = int(c.fd)
	c.fd, c.lingers = -1, false
	c.dropWrite()
	c.mu.Unlock()
	s := &l.slots[c.slot]
	s.conn = nil
	s.generation++
	l.free = append(l.free, c.slot)
	if c.role == connected {
		l.open.Add(-1)
	}
	return fd
}

// addr returns the peer's address.
func (c *LoopConn) addr() net.Addr {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fd < 0 {
		return nil
	}
	return peerAddr(int(c.fd))
}

// schedule has the wheel look at c when it next has to.
func (l *Loop) schedule(c *LoopConn) {
	if c.fd < 0 {
		return
	}
	if c.lingers || c.role != connected { // nothing else counts, or not any more
		l.wheel.put(c, c.limit)
		return
	}
	cfg := c.shared.cfg
	if c.keep == 0 && cfg.pingInterval > 0 {
		c.keep = l.wheel.after(cfg.pingInterval)
	}
	due := earlier(c.keep, c.limit)
	if c.read != nil {
		due = earlier(due, c.read.stall)
	}
	c.mu.Lock()
	switch {
	case c.write == nil:
	case c.closing == nil:
		due = earlier(due, c.write.blocked)
	default: // a Close has a limit of its own
		due = earlier(due, c.write.moving)
	}
	c.mu.Unlock()
	l.wheel.put(c, due)
}

// earlier returns the earlier of two ticks, of which 0 is none.
func earlier(a, b uint32) uint32 {
	if a == 0 || b != 0 && before(b, a) {
		return b
	}
	return a
}

// look does what is due for c.
func (l *Loop) look(c *LoopConn) {
	switch c.role {
	case beingOpened:
		l.openingDue(c)
		return
	case answering:
		l.answeringDue(c)
		return
	case listens:
		l.acceptAgain(c)
		return
	}
	now := l.wheel.now
	passed := func(t uint32) bool { return t != 0 && !before(now, t) }
	c.mu.Lock()
	blocked := c.write != nil && passed(c.write.blocked)
	closing := c.closing != nil
	unmoved := closing && c.write != nil && passed(c.write.moving) && !l.watchMoving(c)
	stuck := c.write != nil && c.write.stuck
	c.mu.Unlock()
	switch {
	case c.lingers && passed(c.limit):
		l.closeSocket(c)
		return
	case c.lingers:
	case blocked && !closing:
		l.giveUp(c, errWriteTimeout)
		return
	case unmoved:
		l.giveUp(c, errNotMoving)
		return
	case passed(c.limit) && closing && stuck:
		l.giveUp(c, errCloseTimeout)
		return
	case passed(c.limit) && closing:
		l.lost(c, errCloseTimeout)
		return
	case passed(c.limit):
		l.lost(c, syscall.EPIPE)
		return
	case c.read != nil && passed(c.read.stall) && !c.isRead(): // the rest may lie unread
		c.read.stall = l.wheel.after(c.shared.cfg.stallTimeout)
	case c.read != nil && passed(c.read.stall):
		l.fail(c, errStalled)
	case passed(c.keep):
		if !l.keepAlive(c) {
			return
		}
	}
	l.schedule(c)
}

// errNotMoving is a peer that was behind when it was to be closed, and reads nothing.
var errNotMoving = errors.New("peer does not read: it was behind, and did not take its Close frame")

// movingTime is how long a peer may read nothing that is closed because it is behind.
// One that reads, however slowly, is given the time to read up to the Close frame; for
// one that does not, waiting would only keep what waits for it.
const movingTime = time.Second

// watchMoving looks at whether the socket has got rid of anything since it was called
// last, and sees to it that it is called again. c.mu is held.
func (l *Loop) watchMoving(c *LoopConn) (moves bool) {
	w := c.write
	now := int32(poll.Unsent(int(c.fd)))
	moves = now < w.unsent || now == 0
	w.unsent, w.moving = now, l.wheel.after(movingTime)
	return moves
}

// giveUp ends a connection whose peer does not read, and has the system drop what
// waits for it.
func (l *Loop) giveUp(c *LoopConn, err error) {
	poll.Abandon(int(c.fd))
	l.lost(c, err)
}

// keepAlive asks a silent peer whether it is there. It reports false when it has
// ended the connection.
func (l *Loop) keepAlive(c *LoopConn) bool {
	cfg := c.shared.cfg
	switch {
	case c.heard || !c.isRead(): // what it sends is not looked at now
		c.heard, c.asked = false, false
		c.keep = l.wheel.after(cfg.pingInterval)
	case !c.asked:
		c.asked = true
		c.keep = l.wheel.after(cfg.pongTimeout)
		c.mu.Lock()
		_ = c.sender().QueuePing(nil) // refused only when the connection is closing
		c.mu.Unlock()
		l.flush(c)
		return c.fd >= 0
	default:
		l.lost(c, errNoPong)
		return false
	}
	return true
}
