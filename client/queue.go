package client

import (
	"context"
	"sync"
)

// item is one event on its way to Next. One without an event only acknowledges.
type item struct {
	event Event
	place string // the cursor after it, "" if it moves nothing
	ack   string // the id to acknowledge when it has been taken in, or ""
	size  int
}

// queue holds what has been received and not yet been taken, within bounds.
type queue struct {
	most      int // items
	mostBytes int

	mu      sync.Mutex // guards the following
	items   []item
	bytes   int
	place   string // the cursor after what was taken last
	err     error  // why nothing more will come; nil: more may
	takers  int    // calls of pop that wait
	changed chan struct{}
}

// until waits for what cond does and says, which is called with mu held, as often
// as something has changed. It returns the cause of ctx when that ends, and
// errAsked when stop delivers.
func (q *queue) until(ctx context.Context, stop <-chan struct{}, cond func() bool) error {
	for {
		q.mu.Lock()
		if cond() {
			q.tell()
			q.mu.Unlock()
			return nil
		}
		if q.changed == nil {
			q.changed = make(chan struct{})
		}
		changed := q.changed
		q.mu.Unlock()
		select {
		case <-changed:
		case <-stop:
			return errAsked
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// tell wakes all who wait. mu is held.
func (q *queue) tell() {
	if q.changed != nil {
		close(q.changed)
		q.changed = nil
	}
}

// push waits for room and puts it in.
func (q *queue) push(ctx context.Context, it item, stop <-chan struct{}) error {
	return q.until(ctx, stop, func() bool {
		if len(q.items) > 0 && (len(q.items) >= q.most || q.bytes+it.size > q.mostBytes) {
			return false
		}
		q.items = append(q.items, it)
		q.bytes += it.size
		return true
	})
}

// pop waits for the next item and takes it out.
func (q *queue) pop(ctx context.Context) (it item, err error) {
	waits := false
	e := q.until(ctx, nil, func() bool {
		switch {
		case len(q.items) > 0:
			it = q.items[0]
			q.items[0] = item{}
			if q.items = q.items[1:]; len(q.items) == 0 {
				q.items = nil // whatever a burst took is given back
			}
			q.bytes -= it.size
			if it.place != "" {
				q.place = it.place
			}
		case q.err != nil:
			err = q.err
		default:
			if !waits {
				waits = true
				q.takers++
				q.tell()
			}
			return false
		}
		return true
	})
	if waits {
		q.mu.Lock()
		q.takers--
		q.mu.Unlock()
	}
	if e != nil {
		return item{}, ctx.Err()
	}
	return it, err
}

// move makes place the one after what is in the queue.
func (q *queue) move(place string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if n := len(q.items); n > 0 {
		q.items[n-1].place = place
	} else {
		q.place = place
	}
}

// relaxed waits until the queue is at most half full.
func (q *queue) relaxed(ctx context.Context) error {
	return q.until(ctx, nil, func() bool { return len(q.items) <= q.most/2 && q.bytes <= q.mostBytes/2 })
}

// taken waits until all has been taken and the next is asked for.
func (q *queue) taken(ctx context.Context) error {
	return q.until(ctx, nil, func() bool { return len(q.items) == 0 && q.takers > 0 })
}

// end lets pop return err behind the last item, or at once.
func (q *queue) end(err error, atOnce bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if atOnce {
		q.items, q.bytes = nil, 0
	}
	if q.err == nil || atOnce {
		q.err = err
	}
	q.tell()
}

func (q *queue) cursor() string {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.place
}
