package websocket

import (
	"context"
	"time"
)

// connContext is the context of a handler. It has a request's values and ends with
// the connection, whose own channel and error it uses, so that it costs next to
// nothing.
type connContext struct {
	c      *Conn
	values context.Context
}

// context returns a context that has the values of another and ends with the
// connection.
func (c *Conn) context(values context.Context) context.Context {
	c.mu.Lock()
	c.watched = true
	c.mu.Unlock()
	return &connContext{c, context.WithoutCancel(values)}
}

func (x *connContext) Deadline() (time.Time, bool) { return time.Time{}, false }
func (x *connContext) Done() <-chan struct{}       { return x.c.done }
func (x *connContext) Value(key any) any           { return x.values.Value(key) }

func (x *connContext) Err() error {
	if !x.c.contextOver() {
		return nil
	}
	<-x.c.done // it is about to be closed
	return context.Canceled
}

// contextOver reports whether the context has ended, or is about to.
func (c *Conn) contextOver() bool {
	if c.ended() == nil {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.isOver()
}

// isOver is contextOver. c.mu is held.
func (c *Conn) isOver() bool {
	if !c.attached {
		return c.ended() != nil
	}
	select {
	case <-c.done:
		return true
	default:
		return false
	}
}

// dependent is what is to be done when a connection has ended.
type dependent struct{ f func() }

// AfterFunc is what package context looks for in a context that is not its own, so
// that one which is derived from it needs no goroutine.
func (x *connContext) AfterFunc(f func()) (stop func() bool) {
	c, d := x.c, &dependent{f}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.isOver() {
		go f()
		return func() bool { return false }
	}
	if c.dependents == nil {
		c.dependents = make(map[*dependent]struct{})
	}
	c.dependents[d] = struct{}{}
	return func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		_, waits := c.dependents[d]
		delete(c.dependents, d)
		return waits
	}
}

// tellDependents starts what is to be done when the connection has ended.
func (c *Conn) tellDependents() {
	c.mu.Lock()
	all := c.dependents
	c.dependents = nil
	c.mu.Unlock()
	for d := range all {
		go d.f()
	}
}
