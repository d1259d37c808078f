package websocket

import (
	"context"
	"reflect"
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
func (c *Conn) context(values context.Context) *connContext {
	c.mu.Lock()
	c.watched = true
	c.mu.Unlock()
	return &connContext{c, withoutCancel(values)}
}

func (x *connContext) Deadline() (time.Time, bool) { return time.Time{}, false }
func (x *connContext) Done() <-chan struct{}       { return x.c.Done() }
func (x *connContext) Value(key any) any           { return x.values.Value(key) }

func (x *connContext) Err() error {
	if !x.c.contextOver() {
		return nil
	}
	<-x.c.Done() // it is about to be closed
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
	return c.over.hasEnded()
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
	extra := c.seldom()
	if extra.dependents == nil {
		extra.dependents = make(map[*dependent]struct{})
	}
	extra.dependents[d] = struct{}{}
	return func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		_, waits := extra.dependents[d]
		delete(extra.dependents, d)
		return waits
	}
}

// tellDependents starts what is to be done when the connection has ended.
func (c *Conn) tellDependents() {
	c.mu.Lock()
	var all map[*dependent]struct{}
	if x := c.extra; x != nil {
		all, x.dependents = x.dependents, nil
	}
	c.mu.Unlock()
	for d := range all {
		go d.f()
	}
}

// A request's context is cancelled when net/http is let go, which its values do not
// tell. So what the cancelling needs need not be kept for as long as a connection
// lives: for net/http's own contexts that is some 270 octets.
var cancellable = func() reflect.Type {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return reflect.TypeOf(ctx)
}()

// withoutCancel returns a context that has the values of ctx and nothing else.
func withoutCancel(ctx context.Context) context.Context {
	for reflect.TypeOf(ctx) == cancellable {
		parent, ok := embedded(ctx)
		if !ok {
			break
		}
		ctx = parent
	}
	if ctx.Done() == nil {
		return ctx // there is nothing to take away
	}
	return context.WithoutCancel(ctx)
}

// embedded returns the context that ctx, made by package context, has its values
// from. That is no promise of that package's: where it is not so, there is none.
func embedded(ctx context.Context) (context.Context, bool) {
	v := reflect.ValueOf(ctx)
	if v.Kind() != reflect.Pointer || v.Elem().Kind() != reflect.Struct {
		return nil, false
	}
	f := v.Elem().FieldByName("Context")
	if !f.IsValid() || !f.CanInterface() {
		return nil, false
	}
	return reflect.TypeAssert[context.Context](f)
}
