package load

import (
	"context"
	"crypto/tls"
	"net"
	"net/netip"
	"sync"
	"time"
)

// portable is an engine with goroutines of its own for each connection, for TLS
// and for systems without epoll. What they read goes through one channel, so
// that the sink still sees one caller.
type portable struct {
	o      *engineOptions
	events chan portableEvent
	done   chan struct{}
	wg     sync.WaitGroup
	slots  map[int]*portableConn
	timer  *time.Timer
}

// portableEvent is what happened to a connection.
type portableEvent struct {
	id   int
	c    *portableConn
	nc   net.Conn // it was opened
	data []byte   // it was read; the reader waits for an answer
	err  error    // it ended
}

// portableConn is one connection. Its writer sends what lies in out.
type portableConn struct {
	nc     net.Conn
	again  chan struct{} // the reader may go on
	paused bool

	mu   sync.Mutex // guards out
	out  []byte
	wake chan struct{} // something lies in out
	gone chan struct{} // closed with the connection
	once sync.Once
}

func newPortable(o *engineOptions) *portable {
	return &portable{
		o: o, events: make(chan portableEvent, 64), done: make(chan struct{}), slots: make(map[int]*portableConn),
		timer: time.NewTimer(time.Hour),
	}
}

func (p *portable) dial(id int, local netip.Addr) bool {
	c := &portableConn{again: make(chan struct{}, 1), wake: make(chan struct{}, 1), gone: make(chan struct{})}
	p.slots[id] = c
	p.wg.Go(func() {
		nc, err := p.connect(c, local)
		if !p.tell(portableEvent{id: id, c: c, nc: nc, err: err}) || err != nil {
			if nc != nil {
				_ = nc.Close()
			}
			return
		}
		p.read(id, c, nc)
	})
	return false
}

func (p *portable) connect(c *portableConn, local netip.Addr) (net.Conn, error) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		select {
		case <-p.done:
		case <-c.gone:
		case <-ctx.Done():
		}
		cancel()
	}()
	d := &net.Dialer{}
	if local.IsValid() {
		d.LocalAddr = &net.TCPAddr{IP: local.AsSlice()}
	}
	if p.o.tls != nil {
		return (&tls.Dialer{NetDialer: d, Config: p.o.tls}).DialContext(ctx, "tcp", p.o.addr.String())
	}
	return d.DialContext(ctx, "tcp", p.o.addr.String())
}

// tell hands an event over, unless the engine has been closed.
func (p *portable) tell(e portableEvent) bool {
	select {
	case p.events <- e:
		return true
	case <-p.done:
		return false
	}
}

func (p *portable) read(id int, c *portableConn, nc net.Conn) {
	buf := make([]byte, 8<<10)
	for {
		select {
		case <-c.again:
		case <-c.gone:
			return
		}
		n, err := nc.Read(buf)
		if n > 0 {
			if !p.tell(portableEvent{id: id, c: c, data: buf[:n]}) {
				return
			}
			continue // what err was comes again
		}
		if err != nil {
			p.tell(portableEvent{id: id, c: c, err: err})
			return
		}
	}
}

func (c *portableConn) send(nc net.Conn) {
	for {
		select {
		case <-c.wake:
		case <-c.gone:
			return
		}
		c.mu.Lock()
		out := c.out
		c.out = nil
		c.mu.Unlock()
		if _, err := nc.Write(out); err != nil {
			return // the reader tells
		}
	}
}

func (p *portable) write(id int, b []byte) {
	c := p.slots[id]
	if c == nil {
		return
	}
	c.mu.Lock()
	c.out = append(c.out, b...)
	c.mu.Unlock()
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

func (p *portable) pause(id int) {
	if c := p.slots[id]; c != nil {
		c.paused = true
	}
}

func (p *portable) drop(id int) {
	if c := p.slots[id]; c != nil {
		delete(p.slots, id)
		c.end()
	}
}

func (c *portableConn) end() {
	c.once.Do(func() {
		close(c.gone)
		if c.nc != nil {
			_ = c.nc.Close()
		}
	})
}

func (p *portable) wait(d time.Duration, to sink) error {
	p.timer.Reset(max(d, 0))
	select {
	case e := <-p.events:
		p.happened(e, to)
	case <-p.timer.C:
		return nil
	}
	for range len(p.events) { // what else is there, without another look at the clock
		p.happened(<-p.events, to)
	}
	return nil
}

func (p *portable) happened(e portableEvent, to sink) {
	if p.slots[e.id] != e.c { // dropped meanwhile
		if e.nc != nil {
			_ = e.nc.Close()
		}
		return
	}
	switch {
	case e.err != nil:
		p.drop(e.id)
		to.ended(e.id, e.err)
	case e.nc != nil:
		e.c.nc = e.nc
		p.wg.Go(func() { e.c.send(e.nc) })
		to.connected(e.id)
		e.c.again <- struct{}{}
	default:
		to.received(e.id, e.data)
		if !e.c.paused {
			e.c.again <- struct{}{}
		}
	}
}

func (p *portable) close() {
	close(p.done)
	for id := range p.slots {
		p.drop(id)
	}
	p.wg.Wait()
}
