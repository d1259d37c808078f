package websocket

import (
	"runtime/debug"
	"slices"

	"github.com/openline/openline/websocket/internal/proto"
)

// guard runs a handler's method, or a task. A panic ends the connection, not the
// program.
func (l *Loop) guard(c *LoopConn, f func()) {
	before := l.at
	if c != nil {
		l.at = c
	}
	defer func() {
		v := recover()
		if v == nil {
			return // or the goroutine is being ended: l.at stays what it is then
		}
		l.at = before
		if c == nil {
			l.log.Error("websocket: task panicked", "panic", v, "stack", string(debug.Stack()))
			return
		}
		l.panicked(c, v)
		l.forget(&l.scratch)
		l.fail(c, &proto.Error{Code: uint16(CloseInternalError), Reason: "internal error"})
	}()
	f()
	l.at = before
}

// guardFor is guard for what has its connection closed afterwards anyway.
func (l *Loop) guardFor(c *LoopConn, f func()) {
	before := l.at
	l.at = c
	l.guard(nil, f)
	l.at = before
}

func (l *Loop) panicked(c *LoopConn, v any) {
	log := l.log
	switch { // the connection's own, as ConnOptions.Logger says
	case c.other != nil:
		log = c.other.cfg.log
	case c.shared != nil:
		log = c.shared.cfg.log
	}
	log.Error("websocket: handler panicked", "peer", c.RemoteAddr(), "panic", v, "stack", string(debug.Stack()))
}

const goneExit = "websocket: a handler or a function of Do called runtime.Goexit, as testing's FailNow does; only its connection ends"

// goOn takes the loop over from a goroutine that was ended from within a call. What
// that was at is taken up again.
func (l *Loop) goOn() {
	l.log.Error(goneExit)
	none := func(f func()) bool { return f == nil }
	gone := func(c *LoopConn) bool { return c == nil }
	l.mu.Lock()
	l.tasks = slices.Concat(slices.DeleteFunc(l.running, none), l.tasks)
	l.dirty = slices.Concat(slices.DeleteFunc(l.flushing, gone), l.dirty)
	l.mu.Unlock()
	l.drained = slices.Concat(slices.DeleteFunc(l.telling, gone), l.drained)
	l.sending, l.sent = slices.DeleteFunc(l.sending, gone), 0
	l.running, l.flushing, l.telling = nil, nil, nil
	l.spare = [2][]*LoopConn{}
	if c := l.at; c != nil {
		l.at = nil
		c.mu.Lock()
		c.held = false
		c.mu.Unlock()
		l.emptyCork()
		l.scratch = loopRead{}
		if c.role == connected {
			l.cut(c)
		} else {
			l.closeSocket(c)
		}
	}
	l.lookAtDue()
	l.run()
}
