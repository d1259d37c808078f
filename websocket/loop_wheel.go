package websocket

import (
	"math/bits"
	"time"
)

// wheel is the clock of a loop: its connections stand in slots by the tick at
// which there is something to do for them. What arrives touches no timer; that
// something did is looked at when the time has come.
//
// Ticks have 32 bits and begin anew after 497 days. Which of two is earlier is
// said by the sign of their difference, so no tick may be more than 248 days off.
type wheel struct {
	now   uint32 // the tick that has been looked at last
	start time.Time
	slots [wheelSlots]*LoopConn   // each the head of a list
	used  [wheelSlots / 64]uint64 // a bit for each slot that holds anyone: next is asked for whenever the loop waits
	due   *LoopConn               // those that are about to be looked at, by next
}

const (
	tickTime   = 10 * time.Millisecond
	wheelSlots = 1 << 12 // 41 seconds; who is due later is passed over until then
)

// tick is the number of a point in time. 0 stands for none.
func (w *wheel) tick(t time.Time) uint32 {
	return max(uint32(t.Sub(w.start)/tickTime)+1, 1)
}

// after is the tick that comes when d has passed.
func (w *wheel) after(d time.Duration) uint32 {
	return max(w.tick(time.Now())+max(1, uint32(min((d-1)/tickTime+1, 1<<30))), 1)
}

// before reports whether tick a is earlier than b. Neither is 0.
func before(a, b uint32) bool { return int32(a-b) < 0 }

// put has c looked at at a tick; 0: never.
func (w *wheel) put(c *LoopConn, due uint32) {
	if c.due == due {
		return
	}
	w.remove(c)
	if due == 0 {
		return
	}
	if !before(w.now, due) {
		due = max(w.now+1, 1)
	}
	c.due = due
	head := &w.slots[due%wheelSlots]
	c.next = *head
	if c.next != nil {
		c.next.prev = c
	}
	*head = c
	w.used[due%wheelSlots/64] |= 1 << (due % 64)
}

// remove takes c off.
func (w *wheel) remove(c *LoopConn) {
	if c.due == 0 {
		return
	}
	if c.prev != nil {
		c.prev.next = c.next
	} else {
		w.slots[c.due%wheelSlots] = c.next
		if c.next == nil {
			w.used[c.due%wheelSlots/64] &^= 1 << (c.due % 64)
		}
	}
	if c.next != nil {
		c.next.prev = c.prev
	}
	c.prev, c.next, c.due = nil, nil, 0
}

// next returns when there may be something to do, the zero time for never.
func (w *wheel) next() time.Time {
	first := w.now + 1
	const words = uint32(len(w.used))
	for i := range words + 1 { // the first word twice: from first on, and at last before it
		at := (first/64 + i) % words
		word := w.used[at]
		if i == 0 {
			word &= ^uint64(0) << (first % 64)
		}
		if word != 0 {
			ticks := (at*64 + uint32(bits.TrailingZeros64(word)) - first) % wheelSlots
			return w.start.Add(w.passed(time.Now()) + time.Duration(ticks+1)*tickTime)
		}
	}
	return time.Time{}
}

// passed is how much time has passed when w.now has, which is about now.
func (w *wheel) passed(now time.Time) time.Duration {
	ticks := now.Sub(w.start)/tickTime + 1
	return (ticks - time.Duration(int32(uint32(ticks)-w.now))) * tickTime
}

// advance looks at all whose time has come.
func (w *wheel) advance(l *Loop, t time.Time) {
	until := w.tick(t)
	if until == w.now {
		return
	}
	ticks := min(until-w.now, wheelSlots)
	first := w.now + 1
	w.now = until
	for i := range ticks {
		for c := w.slots[(first+i)%wheelSlots]; c != nil; {
			next := c.next
			if !before(until, c.due) {
				w.remove(c)
				c.next = w.due // a list of its own: looking may change the wheel
				w.due = c
			}
			c = next
		}
		l.lookAtDue()
	}
}

// lookAtDue looks at those whose time has come.
func (l *Loop) lookAtDue() {
	for w := &l.wheel; w.due != nil; {
		c := w.due
		w.due = c.next
		c.next = nil
		l.look(c)
	}
}
