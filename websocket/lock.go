package websocket

import "sync/atomic"

// lock is a mutex that a context or the end of the connection can interrupt the
// wait for. Those who wait get it in turn. Nobody waiting, it costs one atomic
// operation to take and one to let go, and no memory.
type lock struct {
	state atomic.Int32                  // lockHeld, lockLook, and lockWaiter for each who waits
	wake  atomic.Pointer[chan struct{}] // hands the lock over; made by the first who waits
}

const (
	lockHeld   = 1
	lockLook   = 2 // whoever holds the lock is to look for work before he lets it go
	lockWaiter = 4
)

func (l *lock) tryAcquire() bool { return l.state.CompareAndSwap(0, lockHeld) }

// acquireOrAsk takes the lock, or else tells its holder to look for work.
func (l *lock) acquireOrAsk() bool {
	for {
		s := l.state.Load()
		switch {
		case s == 0:
			if l.state.CompareAndSwap(0, lockHeld) {
				return true
			}
		case s&lockLook != 0 || l.state.CompareAndSwap(s, s|lockLook):
			return false
		}
	}
}

// ask has the holder look for work before he lets the lock go.
func (l *lock) ask() {
	l.state.Or(lockLook)
}

// acquire waits for the lock until a or b can be received from, and reports
// whether it has it.
func (l *lock) acquire(a, b <-chan struct{}) bool {
	wake := l.waiting()
	for {
		if l.tryAcquire() {
			return true
		}
		if s := l.state.Load(); s != 0 && l.state.CompareAndSwap(s, s+lockWaiter) {
			break
		}
	}
	select {
	case <-wake:
		return true
	case <-a:
	case <-b:
	}
	for {
		s := l.state.Load()
		if s < lockWaiter { // it is being handed over
			<-wake
			return true
		}
		if l.state.CompareAndSwap(s, s-lockWaiter) {
			return false
		}
	}
}

func (l *lock) waiting() chan struct{} {
	if w := l.wake.Load(); w != nil {
		return *w
	}
	w := make(chan struct{}, 1) // no more than one hand-over is under way
	l.wake.CompareAndSwap(nil, &w)
	return *l.wake.Load()
}

// release lets the lock go. It reports false if the holder is to look for work
// first: he has the lock still.
func (l *lock) release() bool {
	for {
		s := l.state.Load()
		switch {
		case s&lockLook != 0:
			if l.state.CompareAndSwap(s, s&^lockLook) {
				return false
			}
		case s == lockHeld:
			if l.state.CompareAndSwap(s, 0) {
				return true
			}
		default:
			if l.state.CompareAndSwap(s, s-lockWaiter) {
				*l.wake.Load() <- struct{}{}
				return true
			}
		}
	}
}
