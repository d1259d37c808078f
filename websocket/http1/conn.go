package http1

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// conn is a connection as net/http sees it: its Read gives what the scanner lets through.
type conn struct {
	inner net.Conn
	cfg   *config

	// Only the reading goroutine touches these; net/http has one at a time and orders them.
	s       scanner
	err     error // of inner, to be returned once all that came before it has been
	heads   int   // s.heads when limit was last settled
	limited bool  // limit is set
	started bool

	mu    sync.Mutex // guards the deadlines
	outer time.Time  // the read deadline that net/http asked for
	limit time.Time  // the header section's
	later bool       // limit is that of a later request on the connection

	hijacked atomic.Bool
	dead     atomic.Bool // an upgrade was not taken up: nothing more is read
	served   atomic.Bool // a handler has returned, so that Close may take its time
	ending   atomic.Bool // the connection ends after this answer, and the peer may still be sending:
	inBody   atomic.Bool // or it is in the middle of a body,
	halfShut atomic.Bool // or net/http has called CloseWrite for that
}

type connKey struct{}

// guard wraps nc. One that speaks TLS becomes a tlsConn.
func guard(nc net.Conn, cfg *config) net.Conn {
	c := &conn{inner: nc, cfg: cfg}
	c.s.cfg = cfg
	if t, ok := nc.(tlsInner); ok {
		return &tlsConn{conn: c, tls: t}
	}
	return c
}

// guardOf returns the guard that nc is, or nil.
func guardOf(nc net.Conn) *conn {
	switch c := nc.(type) {
	case *conn:
		return c
	case *tlsConn:
		return c.conn
	}
	return nil
}

// Read gives net/http what the scanner lets through. In a body and after an upgrade it reads into p directly.
func (c *conn) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if c.dead.Load() {
		return 0, io.EOF
	}
	for {
		if n := c.s.take(p); n > 0 {
			return n, nil
		}
		switch c.s.mode {
		case modeRaw:
			if c.err != nil {
				return 0, c.err
			}
			return c.inner.Read(p)
		case modeEnded:
			if c.s.broken != nil {
				return 0, c.s.broken
			}
			return 0, io.EOF
		}
		if c.err != nil {
			return 0, c.err
		}
		k, err := c.fill(p)
		if k > 0 {
			return k, nil
		}
		if err != nil {
			return 0, err
		}
	}
}

// fill reads once and lets the scanner judge what came. Of it, k octets are in p. The error is a timeout; others are kept in c.err.
func (c *conn) fill(p []byte) (k int, err error) {
	c.watch()
	var n int
	if c.s.holds() {
		n, err = c.inner.Read(c.s.space())
		c.s.took(n)
	} else {
		n, err = c.inner.Read(p)
		k = c.s.pass(p, n)
	}
	if in := c.s.mode == modeLength || c.s.mode == modeChunked; in != c.inBody.Load() {
		c.inBody.Store(in)
	}
	if c.heads != c.s.heads || c.s.mode == modeEnded {
		c.heads = c.s.heads
		c.setLimit(time.Time{})
	}
	if c.s.mode == modeEnded {
		c.end()
		return k, nil
	}
	if err == nil {
		return k, nil
	}
	if ne, ok := errors.AsType[net.Error](err); ok && ne.Timeout() {
		if c.limited && c.s.mode == modeHead && !time.Now().Before(c.limit) && c.s.holds() {
			c.s.refuse(errSlow)
			c.s.drop()
			c.end()
			return k, nil
		}
		return k, err
	}
	c.err = err
	return k, nil
}

// watch starts the header section's time limit: on a new connection before anything has come, later with the first octet.
func (c *conn) watch() {
	if c.limited || c.cfg.headTimeout == 0 || c.s.mode != modeHead || c.started && !c.s.holds() {
		return
	}
	c.started = true
	c.setLimit(time.Now().Add(c.cfg.headTimeout))
}

func (c *conn) setLimit(t time.Time) {
	if t.IsZero() && !c.limited {
		return
	}
	c.limited = !t.IsZero()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.limit = t
	c.later = c.s.heads > 0
	c.inner.SetReadDeadline(c.deadline())
}

// deadline is what the connection below gets; c.mu is held. Of two deadlines the earlier counts, with one exception: between
// requests net/http sets its IdleTimeout, and sees nothing of the next request until its header section is whole. A request that has begun ends the idle time, so
// then only a deadline in the past counts beside the limit: with that, net/http calls its pending read back.
func (c *conn) deadline() time.Time {
	switch {
	case c.limit.IsZero():
		return c.outer
	case c.outer.IsZero():
		return c.limit
	case c.later && c.outer.After(time.Now()):
		return c.limit
	case c.outer.Before(c.limit):
		return c.outer
	}
	return c.limit
}

// end notes that the scanner has ended the connection.
func (c *conn) end() {
	if c.ending.Swap(true) {
		return
	}
	why, what := c.s.refused, "request"
	if why == nil {
		why, what = c.s.broken, "request body"
	}
	attrs := []slog.Attr{
		slog.String("peer", c.inner.RemoteAddr().String()),
		slog.Int("status", why.status),
		slog.String("reason", why.code),
		slog.String("rule", why.rule),
	}
	if why.host != "" {
		attrs = append(attrs, slog.String("host", why.host))
	}
	c.cfg.logger.LogAttrs(context.Background(), slog.LevelInfo, "http1: "+what+" refused", attrs...)
}

// surrender is called when a handler hijacks the connection; nothing is reading then.
func (c *conn) surrender() {
	c.hijacked.Store(true)
	c.setLimit(time.Time{})
	c.s.surrender()
}

func (c *conn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.outer = t
	return c.inner.SetReadDeadline(c.deadline())
}

func (c *conn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.inner.SetWriteDeadline(t))
}

func (c *conn) SetWriteDeadline(t time.Time) error { return c.inner.SetWriteDeadline(t) }
func (c *conn) Write(p []byte) (int, error)        { return c.inner.Write(p) }
func (c *conn) LocalAddr() net.Addr                { return c.inner.LocalAddr() }
func (c *conn) RemoteAddr() net.Addr               { return c.inner.RemoteAddr() }

// ReadFrom lets net/http use sendfile where the connection below can.
func (c *conn) ReadFrom(r io.Reader) (int64, error) {
	if rf, ok := c.inner.(io.ReaderFrom); ok {
		return rf.ReadFrom(r)
	}
	return io.Copy(struct{ io.Writer }{c.inner}, r)
}

// SyscallConn is that of the connection below, if it has one.
func (c *conn) SyscallConn() (syscall.RawConn, error) {
	if sc, ok := c.inner.(syscall.Conn); ok {
		return sc.SyscallConn()
	}
	return nil, errors.ErrUnsupported
}
