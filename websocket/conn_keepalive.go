package websocket

import (
	"errors"
	"sync"
	"time"
)

// keepAlive is what a connection's keep-alive knows of it: a silent peer is asked
// whether it is there, and if it does not answer the connection is ended.
// keepAlives.mu guards it.
type keepAlive struct {
	all        *keepAlives // nil: it is off
	prev, next *Conn       // in the list that it is in
	due        time.Duration
	in         keepAliveWait
	asked      bool // a Ping is out and nothing has arrived since
	read       bool // a reader was waiting when that was looked at last
	over       bool // the connection has ended
}

// keepAlives is the clock of connections that were opened with the same options,
// which spares each a timer. They wait for one of two things, and each takes the
// same time for all of them. So there are two lists, in which those who come last
// are due last, and one timer for whoever is due first.
//
// A timer belongs to whoever made it, which matters inside a bubble of package
// synctest. So a timer is left alone by those who come later: it finds out that it
// is not wanted any more.
type keepAlives struct {
	mu      sync.Mutex // guards the following
	members int        // how many connections there are
	start   time.Time  // when the first of them came
	lists   [2]keepAliveList
	round   int  // counts how often there was nobody
	timed   bool // timer is running, or is being dealt with, and was made in this round
	timer   *time.Timer
}

// keepAliveWait is what a connection waits for: the list it is in, counted from 1.
type keepAliveWait uint8

const (
	toBeAsked   keepAliveWait = iota + 1 // unless something arrives
	toBeHeardOf                          // it has been asked
)

// keepAliveList is a list of connections in the order in which they are due.
type keepAliveList struct{ first, last *Conn }

var errNoPong = errors.New("peer does not answer: nothing arrived after a Ping")

// startKeepAlive begins with it.
func (c *Conn) startKeepAlive() {
	if c.cfg.pingInterval == 0 {
		return
	}
	k := c.cfg.keepAlives
	if k == nil {
		k = new(keepAlives)
	}
	c.alive.all = k
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.members++; k.members == 1 {
		k.start = time.Now()
	}
	k.put(c, toBeAsked, c.cfg.pingInterval)
	k.wind()
}

// stopKeepAlive ends it.
func (c *Conn) stopKeepAlive() {
	k := c.alive.all
	if k == nil {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	c.alive.over = true
	k.remove(c)
	if k.members--; k.members == 0 {
		k.round++
		if k.timed {
			k.timer.Stop()
		}
		k.timed, k.timer = false, nil
	}
}

// put has c looked at after a while, unless its connection has ended. k.mu is held.
func (k *keepAlives) put(c *Conn, in keepAliveWait, after time.Duration) {
	a := &c.alive
	if a.over {
		return
	}
	a.in, a.due = in, time.Since(k.start)+after
	list := &k.lists[in-1]
	if a.prev = list.last; a.prev != nil {
		a.prev.alive.next = c
	} else {
		list.first = c
	}
	list.last = c
}

// remove takes c off its list. k.mu is held.
func (k *keepAlives) remove(c *Conn) {
	a := &c.alive
	if a.in == 0 {
		return
	}
	list := &k.lists[a.in-1]
	if a.prev != nil {
		a.prev.alive.next = a.next
	} else {
		list.first = a.next
	}
	if a.next != nil {
		a.next.alive.prev = a.prev
	} else {
		list.last = a.prev
	}
	a.prev, a.next, a.in = nil, nil, 0
}

// first returns who is due first, or nil. k.mu is held.
func (k *keepAlives) first() *Conn {
	a, b := k.lists[0].first, k.lists[1].first
	if a == nil || b != nil && b.alive.due < a.alive.due {
		return b
	}
	return a
}

// wind starts a timer for whoever is due first, unless there is one. Who comes
// later is not due before those who are there: PongTimeout begins when a timer is
// being dealt with. k.mu is held.
func (k *keepAlives) wind() {
	c := k.first()
	if c == nil || k.timed {
		return
	}
	k.timed = true
	round := k.round
	k.timer = time.AfterFunc(c.alive.due-time.Since(k.start), func() { k.look(round) })
}

// look looks at all whose time has come.
func (k *keepAlives) look(round int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for round == k.round {
		c := k.first()
		if c == nil || c.alive.due > time.Since(k.start) {
			k.timed = false
			k.wind()
			return
		}
		k.remove(c)
		k.tick(c)
	}
}

// tick looks at one connection. k.mu is held, but not while it writes.
func (k *keepAlives) tick(c *Conn) {
	a := &c.alive
	heard, read := c.heard.Swap(false), c.waiting.Load()
	alreadyRead := a.read
	a.read = read
	switch {
	case heard:
		a.asked = false
		k.put(c, toBeAsked, c.cfg.pingInterval)
	case !a.asked:
		a.asked = true
		k.mu.Unlock()
		c.mu.Lock()
		_ = c.out.QueuePing(nil) // refused only when the connection is closing
		c.mu.Unlock()
		c.kick()
		k.mu.Lock()
		k.put(c, toBeHeardOf, c.cfg.pongTimeout) // only now: the time to answer begins with the question
	case !read || !alreadyRead:
		// The answer may lie unread in the socket: nobody can tell, or a reader
		// that has just come is about to.
		k.put(c, toBeHeardOf, c.cfg.pongTimeout)
	default:
		go func() { _ = c.lost(errNoPong) }()
	}
}
