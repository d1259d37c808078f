package mutant

import (
	"bufio"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// conn is one end of an open connection.
type conn struct {
	fault
	client bool
	nc     net.Conn
	in     *bufio.Reader
	set    settings
	unpack *inflater // nil: compression was not agreed on

	out    sync.Mutex // held while a frame is written; guards the next four
	pack   *deflater
	closed bool      // our Close has been sent
	broken bool      // nothing can be written any more
	behind *overflow // what a fault keeps without bound

	clock  deadlines
	heard  atomic.Int64    // when the last octets came, in Unix nanoseconds
	ready  chan struct{}   // closed when the setting do has been done
	gone   chan struct{}   // closed when the connection has ended
	ruin   func()          // ends the whole server, as a crash would
	others *sync.Mutex     // a fault holds it while it writes; nil: no fault
	quit   <-chan struct{} // closed when the program ends

	// Of the reader alone.
	open     *message
	messages int
	bucket   bucket
	inside   bool // a frame has begun and not ended
	granted  bool // and has a deadline
	held     []func() error
	ping     []byte // the one before
}

// ending is what the application is told at the end.
type ending struct {
	code   int
	reason string
}

// failure is a violation by the peer: the connection is failed with the code.
type failure struct {
	code int
	why  string
}

func (f *failure) Error() string { return "mutant: " + f.why }

func failf(code int, why string) error { return &failure{code, why} }

// peerClose is the peer's Close.
type peerClose struct {
	code   int // 1005 if there is none
	reason string
}

func (*peerClose) Error() string { return "mutant: the peer has closed" }

var errClosing = errors.New("mutant: nothing is sent behind a Close")

func newConn(f fault, nc net.Conn, in *bufio.Reader, set settings, client bool) *conn {
	c := &conn{fault: f, nc: nc, in: in, set: set, client: client, ready: make(chan struct{}), gone: make(chan struct{})}
	c.clock.nc = nc
	nc.SetWriteDeadline(time.Time{})
	c.heard.Store(time.Now().UnixNano())
	c.bucket = newBucket(set, f)
	if f.breaks("WS-6-03") || f.breaks("WS-5.5.2-05") {
		c.behind = newOverflow(c)
	}
	return c
}

// run serves the connection until it has ended.
func (c *conn) run() ending {
	var running sync.WaitGroup
	switch c.set.Get("do") {
	case "stream", "flood", "writers": // take long
		running.Go(func() {
			defer close(c.ready)
			c.do()
		})
	default:
		c.do()
		close(c.ready)
	}
	if c.set.ping > 0 {
		running.Go(c.keepAlive)
	}
	if d := span(c.set.Values, "session", 0); d > 0 && !c.breaks("WS-10.5-01") {
		expired := time.AfterFunc(d, func() { _ = c.close(1008, "the session has expired") })
		defer expired.Stop()
	}
	e := c.finish(c.echo())
	if c.behind != nil {
		c.behind.flush()
	}
	close(c.gone)
	c.nc.Close()
	if c.behind != nil {
		c.behind.end()
	}
	running.Wait()
	return e
}

// echo sends messages back until something ends it.
func (c *conn) echo() error {
	for {
		m, err := c.next()
		if err != nil {
			return err
		}
		if c.messages++; !c.bucket.take() {
			return failf(1008, "there are more messages than are allowed")
		}
		select {
		case <-c.ready:
		case <-c.gone:
		}
		if err := c.sendBack(m); err != nil && err != errClosing {
			return err
		}
	}
}

func (c *conn) sendBack(m *message) error {
	op, p := m.op, m.data
	if c.breaks("WS-8.1-01") && op == opText {
		for i, b := range p {
			if b < ' ' || b > '~' {
				p[i] = '?'
			}
		}
	}
	if c.breaks("WS-6-02") {
		op ^= opText ^ opBinary
	}
	if c.breaks("PD-7.2-10") && c.pack != nil {
		c.out.Lock()
		c.pack.history = append(c.pack.history, p...) // what came and what goes have one window
		c.out.Unlock()
	}
	return c.send(op, p)
}

// finish ends the connection the way that err calls for, and says what the application
// is told.
func (c *conn) finish(err error) ending {
	e := c.finishFor(err)
	switch {
	case c.breaks("WS-7.1-05/reset") || c.breaks("WS-7.1-05/tls") || c.breaks("WS-7.1-06/seen") || c.breaks("WS-5.2-11/seen"),
		c.breaks("WS-7.1-08/1005") || c.breaks("WS-7.1-08/1006") || c.breaks("WS-5.5.1-02/seen") || c.breaks("WS-5.5.2-06/seen"):
		return ending{1000, ""}
	case c.breaks("WS-7.4-01/seen"), c.breaks("WS-5.5.1-09/seen"), c.breaks("WS-7.1-07/seen"):
		return ending{1006, ""}
	case c.breaks("WS-5.5.1-04/seen"):
		e.reason = e.reason[:min(len(e.reason), 122)]
	}
	return e
}

func (c *conn) finishFor(err error) ending {
	var f *failure
	var p *peerClose
	switch {
	case errors.As(err, &p):
		return c.answerClose(p)
	case errors.As(err, &f):
		return c.fail(f)
	}
	switch {
	case c.breaks("WS-5.2-11") && c.inside, c.breaks("WS-5.4-13") && c.open != nil:
		c.messages++
		m := &message{op: opBinary}
		if c.open != nil {
			m = c.open
		}
		_ = c.send(m.op, m.data)
		return ending{1000, ""}
	case c.breaks("WS-7.1-05"):
		return ending{1000, ""}
	case c.breaks("WS-7.1-06"):
		<-c.ready // goes on writing to somebody who has left
	}
	return ending{1006, ""}
}

// drain reads what still comes, for a while, so that closing does not reset the
// connection before the peer has read our last octets.
func (c *conn) drain(d time.Duration) {
	c.clock.final(time.Now().Add(d))
	_, _ = io.Copy(io.Discard, io.LimitReader(c.in, 256<<20))
}

// stall does nothing more until the connection ends.
func (c *conn) stall() error {
	c.clock.final(time.Time{})
	_, _ = io.Copy(io.Discard, c.in)
	return io.EOF
}

// hang does nothing more until the program ends, not even close the connection.
func (c *conn) hang() { <-c.quit }

// deadlines are the times by which something has to have come. The earliest of
// them is the connection's.
type deadlines struct {
	nc    net.Conn
	mu    sync.Mutex
	frame time.Time // the rest of a frame
	close time.Time // the peer's Close
	fixed bool
}

func (d *deadlines) set(which *time.Time, t time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	*which = t
	if d.fixed {
		return
	}
	first := d.frame
	if first.IsZero() || !d.close.IsZero() && d.close.Before(first) {
		first = d.close
	}
	d.nc.SetReadDeadline(first)
}

// final sets the last deadline of all.
func (d *deadlines) final(t time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fixed = true
	d.nc.SetReadDeadline(t)
}

// closing reports whether the deadline that has passed is that of the closing
// handshake.
func (d *deadlines) closing() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return !d.close.IsZero() && !time.Now().Before(d.close)
}
