package websocket

import (
	"context"
	"sync"
	"time"
)

// past is a deadline that has passed.
var past = time.Unix(1, 0)

// watch lets a context interrupt I/O in one direction, by moving the deadline
// of the socket into the past. It stays armed between calls with the same
// context, so that reading in a loop costs nothing for it.
type watch struct {
	c *Conn

	mu       sync.Mutex
	done     <-chan struct{} // of the context that is watched
	stop     func() bool
	deadline *time.Time // the socket's, nil for none
	fired    bool       // it is in the past instead because the context ended
	closed   bool
	write    bool // which deadline of the socket's it is; not guarded, it does not change
}

// arm watches ctx instead of what was watched before.
func (w *watch) arm(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	// Whoever ends the connection interrupts its reader himself. Its own context is
	// not asked for a channel, which would be made for that.
	var done <-chan struct{}
	if x, ok := ctx.(*connContext); !ok || x.c != w.c {
		if done = ctx.Done(); done != nil && w.c.over.is(done) {
			done = nil
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed || done == w.done && !w.fired {
		return nil
	}
	w.disarm()
	if done != nil {
		w.done = done
		w.stop = context.AfterFunc(ctx, func() { w.interrupt(done) })
	}
	return nil
}

// disarm stops watching. w.mu is held.
func (w *watch) disarm() {
	if w.stop != nil {
		w.stop()
	}
	w.done, w.stop = nil, nil
	if w.fired {
		w.fired = false
		_ = w.set(w.limit())
	}
}

func (w *watch) interrupt(done <-chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.done == done { // else somebody else has the socket by now
		w.fired = true
		_ = w.set(past)
	}
}

// ignore lets I/O that is under way go on even if its context ends.
func (w *watch) ignore() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.disarm()
}

// setDeadline sets the deadline that holds beside the context; zero for none.
func (w *watch) setDeadline(t time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return
	}
	if w.deadline = nil; !t.IsZero() {
		w.deadline = &t
	}
	if !w.fired {
		_ = w.set(t)
	}
}

// reset stops watching and takes the deadline away.
func (w *watch) reset() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.disarm()
	w.deadline = nil
	_ = w.set(time.Time{})
}

// close interrupts the I/O for good. From then on nothing here touches the
// socket's deadline.
func (w *watch) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.disarm()
	w.closed = true
	_ = w.set(past)
}

// limit is the deadline that holds beside the context, zero for none. w.mu is held.
func (w *watch) limit() time.Time {
	if w.deadline == nil {
		return time.Time{}
	}
	return *w.deadline
}

// set sets the socket's deadline.
func (w *watch) set(t time.Time) error {
	if w.write {
		return w.c.nc.SetWriteDeadline(t)
	}
	return w.c.nc.SetReadDeadline(t)
}
