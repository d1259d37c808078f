package conformance

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// errTimeout says that what was waited for did not come in time.
var errTimeout = errors.New("nothing came in time")

// errOver says that the time of the case is up.
var errOver = errors.New("the case took too long")

// wire is one TCP connection of a case: a goroutine that reads all that comes,
// and one that writes what the steps hand over, so that neither end can block
// the other.
type wire struct {
	nc  net.Conn
	n   int // which connection of the case
	rec *recorder

	mu      sync.Mutex
	changed chan struct{} // closed and replaced whenever what mu guards has changed
	in      []byte
	ended   error // why nothing more will come: io.EOF for FIN
	held    bool  // the suite does not read
	total   int   // octets that came
	atRead  int   // what total was when the suite went on to read
	written int   // octets that went out
	stopped bool  // nothing more goes out
	dropped bool  // the case is over
	charged int   // octets that it has in keptInAll
	queue   []func()
	writing bool

	back  []byte // kept back by >>
	keep  bool   // what is sent is kept back
	cut   int    // octets in a write; 0: all at once
	pause time.Duration
	dec   decoder
}

func newWire(nc net.Conn, n int, rec *recorder) *wire {
	w := &wire{nc: nc, n: n, rec: rec, changed: make(chan struct{})}
	rec.add(Event{Conn: n, Kind: Opened, What: nc.LocalAddr().String() + " - " + nc.RemoteAddr().String()})
	go w.read()
	return w
}

// change wakes who waits. w.mu is held.
func (w *wire) change() {
	close(w.changed)
	w.changed = make(chan struct{})
}

func (w *wire) read() {
	buf := make([]byte, 64<<10)
	for {
		w.room()
		n, err := w.nc.Read(buf)
		w.mu.Lock()
		w.in = append(w.in, buf[:n]...)
		w.total += n
		w.charge(n)
		if err != nil {
			w.ended = err
			kind := EndOfWrite
			if err != io.EOF {
				kind = Reset
			}
			if !errors.Is(err, net.ErrClosed) {
				w.rec.add(Event{Conn: w.n, Kind: kind, What: endWords(err)})
			}
		}
		w.change()
		w.mu.Unlock()
		if err != nil {
			return
		}
	}
}

func endWords(err error) string {
	if err == io.EOF {
		return "end of the stream"
	}
	return err.Error()
}

// hold makes the suite stop reading, or go on. One read that has begun still
// takes what comes.
func (w *wire) hold(on bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.held && !on {
		w.atRead = w.total
	}
	w.held = on
	w.change()
}

// await waits until enough says so, with the octets that have come, or the
// stream has ended (the reason is returned), or it is late, or the case is over.
func (w *wire) await(deadline time.Time, enough func(in []byte) bool) error {
	timer := time.NewTimer(time.Until(deadline))
	defer timer.Stop()
	for {
		w.mu.Lock()
		if w.dropped {
			w.mu.Unlock()
			return errOver
		}
		if enough(w.in) {
			w.mu.Unlock()
			return nil
		}
		ch, ended := w.changed, w.ended
		w.mu.Unlock()
		if ended != nil {
			return ended
		}
		select {
		case <-ch:
		case <-timer.C:
			return errTimeout
		}
	}
}

// need waits for n octets and returns them; they stay.
func (w *wire) need(n int, deadline time.Time) ([]byte, error) {
	if err := w.await(deadline, func(in []byte) bool { return len(in) >= n }); err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.in[:n:n], nil
}

// take gives up the first n octets.
func (w *wire) take(n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.in = w.in[n:]
	w.charge(-n)
}

// waiting returns the octets that have come and not been taken.
func (w *wire) waiting() []byte {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.in
}

// do hands something to the goroutine that writes.
func (w *wire) do(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.queue = append(w.queue, f)
	if w.writing {
		return
	}
	w.writing = true
	go func() {
		for {
			w.mu.Lock()
			if len(w.queue) == 0 {
				w.writing = false
				w.change()
				w.mu.Unlock()
				return
			}
			f := w.queue[0]
			w.queue = w.queue[1:]
			w.mu.Unlock()
			f()
		}
	}()
}

// sinceRead returns how much came since the suite went on to read.
func (w *wire) sinceRead() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.total - w.atRead
}

// stop waits until all is written, or nothing more has been for d, and drops what
// is left.
func (w *wire) stop(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	for before := -1; ; {
		w.mu.Lock()
		ch, now, over := w.changed, w.written, !w.writing || w.ended != nil
		w.mu.Unlock()
		switch {
		case over:
			return
		case now != before:
			before = now
			timer.Reset(d)
		}
		select {
		case <-ch:
		case <-timer.C:
			w.mu.Lock()
			w.stopped = w.written == before
			timer.Reset(d)
			stopped := w.stopped
			w.mu.Unlock()
			if stopped {
				_ = w.nc.SetWriteDeadline(time.Unix(1, 0))
				return
			}
		}
	}
}

// drained waits until all that was handed over is written, but not longer than d.
func (w *wire) drained(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	for {
		w.mu.Lock()
		ch, writing := w.changed, w.writing
		w.mu.Unlock()
		if !writing {
			return
		}
		select {
		case <-ch:
		case <-timer.C:
			return
		}
	}
}

// send writes b as the cut says, times times, with what was kept back in front
// of it. Nobody is told that the other end does not take it: what it answered
// tells more.
func (w *wire) send(b []byte, times int, what string) {
	w.rec.add(Event{Conn: w.n, Sent: true, Kind: Octets, Octets: b, What: what})
	b = append(w.back, b...)
	w.back = nil
	if w.keep {
		w.back = b
		return
	}
	cut, pause := w.cut, w.pause
	if times > 1 && cut == 0 && len(b) > 0 {
		n := max(1, min(times, 64<<10/len(b)))
		block := make([]byte, 0, n*len(b))
		for range n {
			block = append(block, b...)
		}
		w.do(func() {
			for left := times; left > 0; left -= n {
				if !w.write(block[:min(n, left)*len(b)], 0, 0) {
					return
				}
			}
		})
		return
	}
	w.do(func() {
		for range times {
			if !w.write(b, cut, pause) {
				return
			}
		}
	})
}

func (w *wire) write(b []byte, cut int, pause time.Duration) bool {
	if cut <= 0 {
		cut = max(len(b), 1)
	}
	for len(b) > 0 {
		n := min(cut, len(b))
		done, err := w.nc.Write(b[:n])
		w.mu.Lock()
		w.written += done
		stopped := w.stopped
		w.mu.Unlock()
		if err != nil || stopped {
			return false
		}
		if b = b[n:]; pause > 0 && len(b) > 0 {
			<-time.After(pause)
		}
	}
	return true
}

// closeWrite ends the suite's direction.
func (w *wire) closeWrite() {
	w.rec.add(Event{Conn: w.n, Sent: true, Kind: EndOfWrite, What: "end of the stream"})
	w.do(func() {
		if c, ok := w.nc.(interface{ CloseWrite() error }); ok {
			_ = c.CloseWrite()
		}
	})
}

// reset ends the connection with a reset.
func (w *wire) reset() {
	w.rec.add(Event{Conn: w.n, Sent: true, Kind: Reset, What: "reset"})
	w.do(func() {
		if c, ok := w.nc.(interface{ SetLinger(int) error }); ok {
			_ = c.SetLinger(0)
		}
		_ = w.nc.Close()
	})
}

func (w *wire) close() {
	_ = w.nc.Close()
	w.hold(false)
}

// isReset reports whether the stream ended otherwise than by FIN.
func isReset(err error) bool {
	return err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, errTimeout) && !errors.Is(err, errOver) && !errors.Is(err, os.ErrDeadlineExceeded)
}
