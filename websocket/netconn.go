package websocket

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// NetConn returns c as a [net.Conn]: each Write is sent as one message of type
// typ, Read reads the messages as one stream of bytes, whatever their type. A
// close by the peer with CloseNormal, CloseGoingAway or without a code reads as
// io.EOF. Close closes with CloseNormal. A deadline that passes leaves the
// connection usable, unless it cuts a Write in the middle. When ctx ends, all
// calls fail.
func NetConn(ctx context.Context, c *Conn, typ MessageType) net.Conn {
	n := &netConn{c: c, typ: typ}
	n.read.parent, n.write.parent = ctx, ctx
	return n
}

type netConn struct {
	c   *Conn
	typ MessageType

	reading sync.Mutex // guards current
	current io.Reader

	read, write deadline
}

func (n *netConn) Read(p []byte) (int, error) {
	n.reading.Lock()
	defer n.reading.Unlock()
	ctx, err := n.read.context()
	if err != nil {
		return 0, err
	}
	for {
		if n.current == nil {
			_, r, err := n.c.NextReader(ctx)
			if err != nil {
				return 0, netError(ctx, err)
			}
			n.current = r
		}
		if r, ok := n.current.(*messageReader); ok {
			r.ctx = ctx
		}
		k, err := n.current.Read(p)
		if err == io.EOF {
			n.current = nil
			if k == 0 {
				continue
			}
			err = nil
		}
		return k, netError(ctx, err)
	}
}

func (n *netConn) Write(p []byte) (int, error) {
	ctx, err := n.write.context()
	if err != nil {
		return 0, err
	}
	if err := n.c.Write(ctx, n.typ, p); err != nil {
		return 0, netError(ctx, err)
	}
	return len(p), nil
}

// netError gives an error the form that users of a net.Conn look for.
func netError(ctx context.Context, err error) error {
	switch e, ok := errors.AsType[*CloseError](err); {
	case ok && e.Remote && e.Err == nil && (e.Code == CloseNormal || e.Code == CloseGoingAway || e.Code == CloseNoStatus):
		return io.EOF
	case ok:
		return err
	case errors.Is(context.Cause(ctx), os.ErrDeadlineExceeded):
		return os.ErrDeadlineExceeded
	}
	return err
}

func (n *netConn) Close() error         { return n.c.Close(CloseNormal, "") }
func (n *netConn) LocalAddr() net.Addr  { return n.c.LocalAddr() }
func (n *netConn) RemoteAddr() net.Addr { return n.c.RemoteAddr() }

func (n *netConn) SetDeadline(t time.Time) error {
	n.read.set(t)
	n.write.set(t)
	return nil
}

func (n *netConn) SetReadDeadline(t time.Time) error  { n.read.set(t); return nil }
func (n *netConn) SetWriteDeadline(t time.Time) error { n.write.set(t); return nil }

// deadline is a deadline in the form of a context that can be moved, also while
// somebody waits under it.
type deadline struct {
	parent context.Context

	mu     sync.Mutex // guards the following
	ctx    context.Context
	cancel context.CancelCauseFunc
	timer  *time.Timer
}

// context returns the context that ends at the deadline.
func (d *deadline) context() (context.Context, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ctx == nil {
		d.ctx, d.cancel = context.WithCancelCause(d.parent)
	}
	if d.ctx.Err() != nil {
		return nil, context.Cause(d.ctx)
	}
	return d.ctx, nil
}

// set moves the deadline; the zero time is none.
func (d *deadline) set(t time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
	if d.ctx == nil || d.ctx.Err() != nil {
		d.ctx, d.cancel = context.WithCancelCause(d.parent)
	}
	if t.IsZero() {
		return
	}
	left := time.Until(t)
	if left <= 0 {
		d.cancel(os.ErrDeadlineExceeded)
		return
	}
	var timer *time.Timer
	timer = time.AfterFunc(left, func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.timer == timer { // else the deadline was moved as this one passed
			d.cancel(os.ErrDeadlineExceeded)
		}
	})
	d.timer = timer
}
