package mutant

import (
	"net"
	"sync"
	"time"
)

// bucket lets so many messages through a second, and as many at once.
type bucket struct {
	rate, left float64
	last       time.Time
}

func newBucket(set settings, f fault) bucket {
	rate := float64(set.number("rate", 0))
	if f.breaks("WS-10.4-03") {
		rate = 0
	}
	b := bucket{rate: rate, left: rate, last: time.Now()}
	if f.breaks("WS-10.4-03/below") {
		b.left = 1
	}
	return b
}

// take reports whether a message is within the rate.
func (b *bucket) take() bool {
	if b.rate == 0 {
		return true
	}
	now := time.Now()
	b.left = min(b.rate, b.left+b.rate*now.Sub(b.last).Seconds())
	b.last = now
	b.left--
	return b.left >= 0
}

// places counts the connections that share a query.
type places struct {
	mu   sync.Mutex
	used map[string]int
}

func (p *places) take(query string, most int, f fault) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if most > 0 && p.used[query] >= most && !f.breaks("WS-10.4-03/connections") {
		return false
	}
	p.used[query]++
	return true
}

func (p *places) give(query string, f fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.used[query]--; f.breaks("WS-10.4-03/leak") {
		p.used[query]++
	}
	if p.used[query] == 0 {
		delete(p.used, query)
	}
}

// overflow is a queue without a bound.
type overflow struct {
	mu    sync.Mutex
	more  *sync.Cond
	queue [][]byte
	put   int // octets so far
	wait  int // those of them that have not been written
	idle  bool
}

// newOverflow has what is put into the queue written by somebody else.
func newOverflow(c *conn) *overflow {
	o := &overflow{idle: true}
	o.more = sync.NewCond(&o.mu)
	go func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		for {
			for len(o.queue) == 0 {
				select {
				case <-c.gone:
					return
				default:
				}
				o.idle = true
				o.more.Broadcast()
				o.more.Wait()
			}
			o.idle = false
			n, size := 0, 0
			for n < len(o.queue) && size < 256<<10 {
				size += len(o.queue[n])
				n++
			}
			batch := net.Buffers(o.queue[:n:n])
			o.queue = o.queue[n:]
			o.mu.Unlock()
			_, _ = batch.WriteTo(c.nc)
			o.mu.Lock()
			o.wait -= size
			o.more.Broadcast()
		}
	}()
	return o
}

func (o *overflow) add(b []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.queue = append(o.queue, b)
	o.put += len(b)
	o.wait += len(b)
	o.more.Broadcast()
}

// total returns how many octets have been put into the queue.
func (o *overflow) total() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.put
}

// roomy waits until less than 80 MiB wait in the queue, which is more than enough, and
// reports whether the connection goes on.
func (o *overflow) roomy(gone <-chan struct{}) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	for o.wait > 80<<20 {
		select {
		case <-gone:
			return false
		default:
		}
		o.more.Wait()
	}
	return true
}

// flush waits until all has been written.
func (o *overflow) flush() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for !o.idle || len(o.queue) > 0 {
		o.more.Wait()
	}
}

// end lets the writer go.
func (o *overflow) end() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.more.Broadcast()
}
