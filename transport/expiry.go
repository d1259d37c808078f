package transport

import (
	"container/heap"
	"sync"
	"time"

	"github.com/openline/openline"
)

// expiries ends sessions when their tokens do: one timer for all of them.
type expiries struct {
	mu    sync.Mutex // guards the following
	heap  expiryHeap
	timer *time.Timer // for the first in the heap
}

// add has the session ended at s.until.
func (e *expiries) add(s *session) {
	e.mu.Lock()
	defer e.mu.Unlock()
	heap.Push(&e.heap, s)
	if e.heap[0] == s {
		e.set()
	}
}

// remove forgets the session, if it is there.
func (e *expiries) remove(s *session) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if i := int(s.place); i < len(e.heap) && e.heap[i] == s {
		heap.Remove(&e.heap, i)
	}
}

// set sets the timer for the first. mu is held.
func (e *expiries) set() {
	after := time.Until(time.Unix(0, e.heap[0].until))
	if e.timer == nil {
		e.timer = time.AfterFunc(after, e.expire)
		return
	}
	e.timer.Reset(after)
}

// expire ends the sessions whose time has come.
func (e *expiries) expire() {
	now := time.Now().UnixNano()
	var over []*session
	e.mu.Lock()
	for len(e.heap) > 0 && e.heap[0].until <= now {
		over = append(over, heap.Pop(&e.heap).(*session)) //nolint:forcetypeassert // all are
	}
	if len(e.heap) > 0 {
		e.set()
	}
	e.mu.Unlock()
	for _, s := range over {
		s.hub.Load().Close(openline.CloseUnauthorised, "the token expired at "+time.Unix(0, s.until).UTC().Format(time.RFC3339))
	}
}

// expiryHeap has the session that ends first at its top. Each knows its place.
type expiryHeap []*session

func (h expiryHeap) Len() int           { return len(h) }
func (h expiryHeap) Less(i, k int) bool { return h[i].until < h[k].until }
func (h expiryHeap) Swap(i, k int) {
	h[i], h[k] = h[k], h[i]
	h[i].place, h[k].place = int32(i), int32(k)
}

func (h *expiryHeap) Push(x any) {
	s := x.(*session) //nolint:forcetypeassert // see expiries.add
	s.place = int32(len(*h))
	*h = append(*h, s)
}

func (h *expiryHeap) Pop() any {
	last := len(*h) - 1
	s := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	return s
}
