package mutant

import (
	"bytes"
	"sync"
)

// do does what the setting do asks for. What is refused is said to the peer.
func (c *conn) do() {
	var err error
	switch c.set.Get("do") {
	case "close":
		err = c.close(c.set.number("code", 1000), c.set.Get("reason"))
	case "send":
		err = c.send(opText, c.set.octets())
	case "plain":
		err = c.sendAs(opText, c.set.octets(), false)
	case "binary":
		err = c.send(opBinary, c.set.octets())
	case "twice":
		p := c.set.octets()
		if err = c.send(opBinary, p); err == nil {
			err = c.send(opBinary, p)
		}
	case "stream":
		err = c.stream(c.set.number("bytes", 1<<20))
	case "flood":
		c.flood()
	case "writers":
		c.writers(c.set.number("n", 4), c.set.number("each", 10))
	case "panic":
		c.panics()
	case "shutdown":
		c.shutDown()
	}
	if err != nil && err != errClosing {
		_ = c.send(opText, []byte("error: "+err.Error()))
	}
}

// flood sends until nothing can be sent any more.
func (c *conn) flood() {
	p := bytes.Repeat([]byte{'.'}, 16<<10)
	if c.behind != nil {
		for b := c.frame(0x80|opBinary, p); c.behind.roomy(c.gone) && !c.weAreClosing(); {
			c.behind.add(b)
		}
		return
	}
	for c.send(opBinary, p) == nil {
	}
}

// writers has n goroutines send messages at once, each of one octet value and of a
// size of its own.
func (c *conn) writers(n, each int) {
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			for j := range each {
				p := bytes.Repeat([]byte{byte(i)}, 1+(i*7919+j*104729)%200000)
				if c.breaks("WS-5.4-09") {
					c.halves(p)
				} else {
					_ = c.send(opBinary, p)
				}
			}
		})
	}
	all.Wait()
}

// halves sends a message in two fragments and lets others write between them.
func (c *conn) halves(p []byte) {
	_ = c.fragment(opBinary, p[:len(p)/2])
	_ = c.fragment(0x80, p[len(p)/2:])
}

// panics is what happens when the application has: the peer is told that there was an
// error, and no more.
func (c *conn) panics() {
	switch {
	case c.breaks("WS-7.1-13"):
		_ = c.close(1011, "panic: goroutine 1 [running]")
	case c.breaks("WS-7.1-10/1011"):
		_ = c.close(1000, "")
	default:
		_ = c.close(1011, "internal error")
	}
}

// shutDown ends the connection as a server does that stops.
func (c *conn) shutDown() {
	if c.breaks("WS-7.1-12") {
		c.nc.Close()
		return
	}
	_ = c.close(1001, "the server stops")
}

// crash is what a program does that its peer can bring down: a server takes everybody
// with it, a client writes what is in its memory.
func (c *conn) crash() {
	if c.ruin != nil {
		c.ruin()
		return
	}
	_, _ = c.nc.Write(bytes.Repeat([]byte{0xff}, 64))
	halfClose(c.nc)
	c.drain(drainTime)
}
