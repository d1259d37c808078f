package websocket

import "sync/atomic"

// ending is a channel that is closed when a connection has ended. It is made when
// somebody asks for it, since most connections are never asked.
type ending struct {
	made atomic.Pointer[doneChannel] // nil: nobody has asked, and it has not ended
}

type doneChannel struct{ c chan struct{} }

// endedBefore is the channel of those that ended before anybody asked.
var endedBefore = func() *doneChannel {
	d := &doneChannel{make(chan struct{})}
	close(d.c)
	return d
}()

// channel returns the channel, always the same.
func (e *ending) channel() <-chan struct{} {
	if d := e.made.Load(); d != nil {
		return d.c
	}
	e.made.CompareAndSwap(nil, &doneChannel{make(chan struct{})})
	return e.made.Load().c
}

// is reports whether c is the channel.
func (e *ending) is(c <-chan struct{}) bool {
	d := e.made.Load()
	return d != nil && d.c == c
}

// end closes the channel. It is called once.
func (e *ending) end() {
	if !e.made.CompareAndSwap(nil, endedBefore) {
		close(e.made.Load().c)
	}
}

// hasEnded reports whether end has been called.
func (e *ending) hasEnded() bool {
	d := e.made.Load()
	if d == nil {
		return false
	}
	select {
	case <-d.c:
		return true
	default:
		return false
	}
}
