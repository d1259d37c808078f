package websocket

import (
	"context"
)

// Shutdown closes all connections with CloseGoingAway and waits until they are
// gone. When ctx ends first, the rest is cut off and the error of ctx is
// returned. The loop's goroutine has ended then, so a handler must not call
// Shutdown: it would wait for itself.
func (l *Loop) Shutdown(ctx context.Context) error {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return ErrLoopClosed
	}
	l.closed = true
	others := make([]*LoopConn, 0, len(l.driven))
	for c := range l.driven {
		others = append(others, c)
	}
	if l.poller != nil {
		l.tasks = append(l.tasks, func() { l.closeAll(l.goAway) })
	}
	l.mu.Unlock()
	for _, c := range others {
		_ = c.Close(CloseGoingAway, shuttingDown)
	}
	if l.poller != nil {
		l.wakeUp()
	}
	stop := context.AfterFunc(ctx, func() {
		for _, c := range others {
			c.other.cut()
		}
		l.mu.Lock()
		l.tasks = append(l.tasks, func() { l.closeAll(l.cut) })
		l.mu.Unlock()
		if l.poller != nil {
			l.wakeUp()
		}
	})
	defer stop()
	l.others.Wait()
	<-l.done
	return context.Cause(ctx)
}

// goAway ends c because the loop does.
func (l *Loop) goAway(c *LoopConn) {
	switch c.role {
	case connected:
		_ = c.Close(CloseGoingAway, shuttingDown)
	case beingOpened:
		l.shutOpening(c)
	case answering:
		l.shutAnswering(c)
	case listens:
		if a, ok := c.h.(*accepting); ok {
			l.endAccept(a, ErrLoopClosed)
		}
	}
}

func (l *Loop) closeAll(f func(*LoopConn)) {
	for i := range l.slots {
		if c := l.slots[i].conn; c != nil {
			f(c)
		}
	}
}

// ended reports whether the loop has nothing left to do, for ever.
func (l *Loop) ended() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.closed && len(l.free) == len(l.slots) && len(l.tasks) == 0
}

// abandon ends all connections, after an error that leaves no other way.
func (l *Loop) abandon() {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	l.work() // those that are being attached are to be told, too
	l.closeAll(l.cut)
	_ = l.poller.Close()
}
