package websocket

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/openline/openline/websocket/internal/proto"
)

// Close closes the connection as RFC 6455 §7 describes: it sends what is queued
// and a Close frame, waits for the peer's, all within CloseTimeout, and has the
// TCP connection closed. A message that arrives meanwhile goes to a read that
// waits already, otherwise it is dropped. Close returns nil if the peer closed
// too, and how the connection ended otherwise. If the connection is being closed
// already it waits for that.
//
// A peer for which TrySend found the queue full is behind, and will be for a
// while: its queue is dropped, so that it learns why it is closed without having
// to read all that first, and it has WriteTimeout to read up to the Close frame.
//
// CloseNoStatus with an empty reason sends a frame without a code. A code that
// must not be sent (RFC 6455 §7.4), a reason over 123 bytes or one that is not
// UTF-8 is an error, and nothing is sent.
func (c *Conn) Close(code CloseCode, reason string) error {
	c.mu.Lock()
	if err := c.out.CheckClose(uint16(code), reason); err != nil {
		c.mu.Unlock()
		return fmt.Errorf("websocket: cannot close with %s: %w", code, err)
	}
	if c.ended() == nil && c.closing == nil {
		_, _ = c.out.QueueClose(uint16(code), reason) // it was just checked
		c.closing = &CloseError{Code: code, Reason: reason}
		limit := c.cfg.closeTimeout
		if c.queue.overflowed {
			c.queue.clear()
			limit = max(limit, c.cfg.writeTimeout)
		}
		timer := time.AfterFunc(limit, func() { _ = c.lost(errCloseTimeout) })
		defer timer.Stop()
		if limit > c.cfg.closeTimeout {
			c.seldom().closeTimer = timer
		}
	}
	c.mu.Unlock()
	c.kick()
	c.awaitClose()
	if e := c.ended(); !e.clean() {
		return e
	}
	return nil
}

var errCloseTimeout = errors.New("peer did not answer the Close frame in time")

// allSent notes that everything queued is on its way. If that includes the Close
// frame, a peer that had longer to read up to it now has CloseTimeout to answer.
func (c *Conn) allSent() {
	c.mu.Lock()
	defer c.mu.Unlock()
	x := c.extra
	if x == nil {
		return
	}
	if x.onDrain != nil && (c.queue.overflowed || c.queue.asked) && c.queue.len() == 0 && c.ended() == nil && c.closing == nil {
		c.queue.overflowed, c.queue.asked = false, false
		x.onDrain()
	}
	if x.closeTimer != nil && !c.out.HasClose() {
		x.closeTimer.Reset(c.cfg.closeTimeout)
		x.closeTimer = nil
	}
}

// awaitClose reads until the connection has ended, or lets another reader do
// it.
func (c *Conn) awaitClose() {
	for c.ended() == nil {
		if !c.reading.tryAcquire() && !c.reading.acquire(c.Done(), nil) {
			return
		}
		if c.ended() == nil { // else what was received can still be read
			c.stream = nil
		}
		var ev proto.Event
		var err error
		for err == nil && c.Err() == nil {
			err = c.nextData(context.Background(), &ev)
		}
		c.readingDone()
	}
}

// CloseNow ends the connection at once, without a Close frame.
func (c *Conn) CloseNow() error {
	c.sendHeld()
	_ = c.end(&CloseError{Code: CloseAbnormal, Err: net.ErrClosed})
	return nil
}

// peerClosed deals with the peer's Close frame, the first one there was, and
// returns how the connection ended.
func (c *Conn) peerClosed(code CloseCode, reason string) error {
	e := &CloseError{Code: code, Reason: reason}
	c.mu.Lock()
	if e.Remote = c.closing == nil; e.Remote {
		c.queue.clear()
	}
	c.out.PeerClosed(uint16(code))
	first := c.record(e)
	c.mu.Unlock()
	c.kick()
	return c.finish(e, first, c.cfg.closeTimeout)
}

// fail ends the connection because of err, with a Close frame that tells the
// peer (RFC 6455 §7.1.7).
func (c *Conn) fail(err error) error {
	code, reason := closeCode(err)
	e := &CloseError{Code: code, Reason: reason, Err: err}
	c.mu.Lock()
	c.queue.clear()
	_, _ = c.out.QueueClose(uint16(code), reason)
	first := c.record(e)
	c.mu.Unlock()
	c.kick()
	return c.finish(e, first, failLinger)
}

// lost ends the connection because the network did.
func (c *Conn) lost(err error) error {
	return c.end(&CloseError{Code: CloseAbnormal, Remote: true, Err: err})
}

// failLinger is how long a failed connection waits for the peer to take notice.
const failLinger = time.Second

// end ends the connection without a Close frame.
func (c *Conn) end(e *CloseError) error {
	c.mu.Lock()
	if e.Code == CloseAbnormal && c.closing != nil {
		e.Remote = false
	}
	first := c.record(e)
	c.mu.Unlock()
	return c.finish(e, first, 0)
}

// record notes how the connection ended. It reports whether that was not known
// before. c.mu is held.
func (c *Conn) record(e *CloseError) (first bool) {
	return c.err.CompareAndSwap(nil, e)
}

// finish does what the end of a connection, just recorded as e, brings with it,
// and takes the TCP connection down: at once, or for a linger time gently. It
// returns how the connection ended, which is not e unless that was first.
func (c *Conn) finish(e *CloseError, first bool, linger time.Duration) error {
	if !first {
		return c.ended()
	}
	c.mu.Lock()
	c.queue.clear()
	c.mu.Unlock()
	if linger > 0 {
		// A frame that is on its way is finished, or the Close frame would be lost
		// inside it; its context may well end because the connection does.
		if w := c.wwatch.Load(); w != nil {
			w.ignore()
		}
	}
	c.over.end()
	c.tellDependents()
	c.stopKeepAlive()
	c.rwatch.close() // whoever waits for input learns of the end
	if e.Err != nil && !errors.Is(e.Err, net.ErrClosed) {
		c.logEnd(e)
	}
	if linger > 0 {
		go c.linger(linger)
	} else {
		c.closeSocket()
	}
	return e
}

func (c *Conn) logEnd(e *CloseError) {
	level := slog.LevelDebug
	if _, ok := errors.AsType[*proto.Error](e.Err); ok {
		level = slog.LevelInfo
	}
	c.cfg.log.Log(context.Background(), level, "websocket: connection failed",
		"peer", c.nc.RemoteAddr(), "code", int(e.Code), "reason", e.Err.Error())
}

// closeSocket closes the TCP connection and tells those who wait for that.
func (c *Conn) closeSocket() {
	_ = c.nc.Close()
	c.mu.Lock()
	gone := c.takeGone()
	c.mu.Unlock()
	for _, f := range gone {
		f()
	}
}

// takeGone notes that the TCP connection has been closed, and returns what is to
// be called then. c.mu is held.
func (c *Conn) takeGone() (list []func()) {
	if c.extra != nil {
		list, c.extra.gone = c.extra.gone, nil
	}
	if h := c.handler; h != nil {
		c.handler = nil
		list = append(list, func() { h.remove(c) })
	}
	c.isClosed = true
	return list
}

// whenGone has f called when the TCP connection has been closed.
func (c *Conn) whenGone(f func()) {
	c.mu.Lock()
	if !c.isClosed {
		x := c.seldom()
		x.gone = append(x.gone, f)
		c.mu.Unlock()
		return
	}
	c.mu.Unlock()
	f()
}

// cut ends the connection without any ceremony, even one that is lingering.
func (c *Conn) cut() {
	_ = c.CloseNow()
	_ = c.nc.Close()
}

// lingerBytes bounds what is read from a peer that goes on sending after the
// end.
const lingerBytes = 4 << 20

// linger sees to it that the Close frame arrives. Closing a socket with unread
// input sends a TCP reset, which can destroy what the peer has not read yet; so
// a server ends its own direction first and reads the other until the peer ends
// it too. A client leaves the first step to the server (RFC 6455 §7.1.1).
func (c *Conn) linger(limit time.Duration) {
	deadline := time.AfterFunc(limit, func() { _ = c.nc.Close() })
	defer deadline.Stop()
	defer c.closeSocket()
	gaveUp := make(chan struct{})
	stop := time.AfterFunc(limit, func() { close(gaveUp) })
	defer stop.Stop()
	if !c.sending.acquire(gaveUp, nil) { // the Close frame is out when nobody is sending any more
		return
	}
	c.flush(true)
	c.mu.Lock()
	closeFirst := !c.client || c.ended().Err != nil
	c.mu.Unlock()
	if closeFirst {
		closeWrite(c.nc)
	}
	c.reading.acquire(nil, nil) // let the last reader out
	c.reading.release()
	_ = c.nc.SetReadDeadline(time.Now().Add(limit))
	b := make([]byte, 1<<10) // small: ten thousand connections may linger at once
	for total := 0; total < lingerBytes; {
		n, err := c.nc.Read(b)
		if err != nil {
			return
		}
		total += n
	}
}

// closeWrite ends the outgoing direction: with close_notify where there is TLS,
// and then with FIN.
func closeWrite(nc net.Conn) {
	if t, ok := nc.(*tls.Conn); ok {
		_ = t.CloseWrite()
		nc = t.NetConn()
	}
	if w, ok := nc.(interface{ CloseWrite() error }); ok {
		_ = w.CloseWrite()
	}
}
