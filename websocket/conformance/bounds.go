package conformance

import (
	"fmt"
	"sync/atomic"
	"time"
)

// What the suite keeps of what it is sent. The end under test may be anything,
// and what it sends may have no end.
const (
	mostUnread   = 96 << 20  // octets that no step has looked at; so many, and a connection is read no further
	mostInAll    = 1 << 30   // octets of all connections together; so many, and one beyond its share is read no further
	share        = 1 << 20   // octets that a connection may always have
	mostMessage  = 80 << 20  // octets of a message as they came
	mostInflated = 32 << 20  // octets of a compressed one
	mostAside    = 256 << 20 // octets of what came before a step waited for it
	mostBody     = 16 << 20  // octets of a response's body
	mostLine     = 64 << 10  // octets of a line in it that says how long a chunk is
	mostInterim  = 100       // responses that are not final
	mostMasks    = 1 << 20   // masking keys
	mostQueued   = 4 << 10   // writes that wait, and Pings are answered no more

	arrivalSize = 128              // octets that an arrival takes besides its data
	roomAgain   = time.Second / 50 // until one that is read no further looks again whether there is room
)

// keptInAll is how much all connections of this process have.
var keptInAll atomic.Int64

// charge counts n octets more, or fewer. w.mu is held.
func (w *wire) charge(n int) {
	if w.dropped {
		return
	}
	w.charged += n
	keptInAll.Add(int64(n))
}

// account counts n octets of what is no longer in w.in.
func (w *wire) account(n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.charge(n)
}

// drop ends all that waits for the connection: the case is over.
func (w *wire) drop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.charge(-w.charged)
	w.dropped = true
	w.change()
}

// full reports whether no more is to be read. w.mu is held.
func (w *wire) full() bool {
	return !w.dropped && (len(w.in) > mostUnread || w.charged > share && keptInAll.Load() > mostInAll)
}

// room waits until there is room for what comes.
func (w *wire) room() {
	for {
		w.mu.Lock()
		held, full, ch := w.held, w.full(), w.changed
		w.mu.Unlock()
		switch {
		case held:
			<-ch
		case full:
			select {
			case <-ch:
			case <-time.After(roomAgain):
			}
		default:
			return
		}
	}
}

// backlog is how many writes wait.
func (w *wire) backlog() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.queue)
}

// setAside counts what came before a step waited for it.
func (p *play) setAside(a *arrival) error {
	n := len(a.data) + arrivalSize
	p.w.account(n)
	if p.aside += n; p.aside > mostAside {
		return fmt.Errorf("more came that no step waits for than the suite keeps, at last %s", a)
	}
	return nil
}
