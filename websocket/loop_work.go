package websocket

import (
	"runtime/debug"
	"slices"

	"github.com/openline/openline/websocket/internal/poll"
)

// Do has f called by the loop, when it has done what it is at: between the
// handlers' methods, never beside one. Functions are called one after the other,
// in the order of Do. It reports false, and f is not called, when the loop has
// been shut down. On systems without a loop, a goroutine calls them, beside the
// handlers' methods.
func (l *Loop) Do(f func()) bool {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return false
	}
	l.tasks = append(l.tasks, f)
	if l.poller == nil {
		if !l.doing {
			l.doing = true
			l.others.Go(l.doTasks)
		}
		l.mu.Unlock()
		return true
	}
	l.mu.Unlock()
	l.wakeUp()
	return true
}

// doTask calls f, which may panic. The goroutine is not that of a loop.
func (l *Loop) doTask(f func()) {
	defer func() {
		if v := recover(); v != nil {
			l.log.Error("websocket: task panicked", "panic", v, "stack", string(debug.Stack()))
		}
	}()
	f()
}

// doTasks is the loop's part where there is none.
func (l *Loop) doTasks() {
	ended := false
	var tasks []func()
	defer func() {
		if ended {
			return
		}
		l.log.Error(goneExit)
		l.mu.Lock()
		l.tasks = slices.Concat(tasks, l.tasks)
		l.mu.Unlock()
		l.others.Go(l.doTasks)
	}()
	for {
		l.mu.Lock()
		tasks = l.tasks
		l.tasks = nil
		l.doing = len(tasks) > 0
		ended = !l.doing
		l.mu.Unlock()
		if ended {
			return
		}
		for len(tasks) > 0 {
			f := tasks[0]
			tasks = tasks[1:]
			l.doTask(f)
		}
	}
}

func (l *Loop) wakeUp() {
	if l.asleep.CompareAndSwap(true, false) {
		l.poller.Wake()
	}
}

// touch has what was written to c sent.
func (l *Loop) touch(c *LoopConn) {
	l.mu.Lock()
	l.dirty = append(l.dirty, c)
	l.mu.Unlock()
	l.wakeUp()
}

func (l *Loop) hasWork() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.tasks) > 0 || len(l.dirty) > 0 || len(l.sending) > 0 || len(l.drained) > 0
}

// mostRested bounds the memory of tasks that is kept for the next ones.
const mostRested = 1 << 12

// work does what others left to the loop. It reports whether there was anything.
func (l *Loop) work() bool {
	l.mu.Lock()
	tasks, dirty := l.tasks, l.dirty
	l.tasks, l.rested = l.rested[:0], nil
	l.dirty, l.spare[0], l.spare[1] = l.spare[0][:0], l.spare[1], dirty
	l.mu.Unlock()
	l.running, l.flushing = tasks, dirty
	for i, f := range tasks {
		tasks[i] = nil
		l.guard(nil, f)
	}
	if cap(tasks) <= mostRested {
		l.rested = tasks
	}
	worked := len(tasks)+len(dirty)+len(l.sending) > 0
	l.sendQueued()
	for i, c := range dirty {
		dirty[i] = nil
		l.flushUnlessFull(c)
	}
	l.running, l.flushing = nil, nil
	worked = l.tellDrained() || worked
	l.sendQueued() // what handlers sent that were told something meanwhile
	return worked
}

// sendAtOnce is how many connections are sent to before the loop looks at what has
// come: what is sent to all by then leaves together with what the others still
// wait for, so a loop that is behind makes fewer writes.
const sendAtOnce = 256

// sendQueued sends what Send has queued, for some of the connections.
func (l *Loop) sendQueued() {
	for n := 0; n < sendAtOnce && l.sent < len(l.sending); n++ { // flushing may add to it
		c := l.sending[l.sent]
		l.sending[l.sent] = nil
		l.sent++
		l.flushUnlessFull(c)
	}
	if l.sent == len(l.sending) {
		l.sending, l.sent = l.sending[:0], 0
	}
}

// flushUnlessFull sends what waits for c. If the socket is known to take nothing
// there is nothing to do: the poller tells when it does again.
func (l *Loop) flushUnlessFull(c *LoopConn) {
	if c.waitsForRoom() {
		l.setWant(c, true) // the application may have paused it, or let it go on
		return
	}
	l.flush(c)
}

// waitsForRoom reports whether c is flushed when its socket is writable and has no
// need of it before. Only the loop calls it.
func (c *LoopConn) waitsForRoom() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fd < 0 || c.want&poll.Writable == 0 || c.abort || c.closing != nil || c.err != nil {
		return false
	}
	c.dirty = false
	return true
}
