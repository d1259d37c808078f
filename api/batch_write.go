package api

import (
	"net/http"
	"sync"
	"time"
)

// maxUnread is how many bytes of results may wait for a client that sends its
// batch without reading. Beyond it, reading the batch waits too.
const maxUnread = 8 << 20

// resultWriter writes results from a goroutine of its own, so that a client
// that reads only when it has sent everything does not lock itself out. What
// piles up meanwhile leaves in one write.
type resultWriter struct {
	w       http.ResponseWriter
	control *http.ResponseController
	stall   time.Duration
	done    chan struct{} // closed when the goroutine has ended

	mu     sync.Mutex
	change *sync.Cond
	buf    []byte // guarded by mu: not yet taken by the goroutine
	closed bool   // guarded by mu: no more results come
	err    error  // guarded by mu: the client is gone
}

func newResultWriter(w http.ResponseWriter, control *http.ResponseController, stall time.Duration) *resultWriter {
	o := &resultWriter{w: w, control: control, stall: stall, done: make(chan struct{})}
	o.change = sync.NewCond(&o.mu)
	go o.run()
	return o
}

// write hands results over, of which it makes a copy. The error is that of an
// earlier write.
func (o *resultWriter) write(text []byte) error {
	if len(text) == 0 {
		return nil
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for len(o.buf) > maxUnread && o.err == nil {
		o.change.Wait()
	}
	if o.err != nil {
		return o.err
	}
	o.buf = append(o.buf, text...)
	o.change.Broadcast()
	return nil
}

// close waits until everything is written, or cannot be.
func (o *resultWriter) close() {
	o.mu.Lock()
	o.closed = true
	o.change.Broadcast()
	o.mu.Unlock()
	<-o.done
}

func (o *resultWriter) run() {
	defer close(o.done)
	var spare []byte
	for {
		o.mu.Lock()
		for len(o.buf) == 0 && !o.closed {
			o.change.Wait()
		}
		if len(o.buf) == 0 {
			o.mu.Unlock()
			return
		}
		taken := o.buf
		o.buf = spare[:0]
		o.change.Broadcast()
		o.mu.Unlock()

		// Where there are no deadlines, as in a recorder, there is no stalling.
		_ = o.control.SetWriteDeadline(time.Now().Add(o.stall))
		_, err := o.w.Write(taken)
		if err == nil {
			err = o.control.Flush()
		}
		if err != nil {
			o.mu.Lock()
			o.err = err
			o.buf = nil
			o.change.Broadcast()
			o.mu.Unlock()
			return
		}
		spare = taken
	}
}
