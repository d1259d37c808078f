package mutant

import (
	"time"
)

// control reads the payload of a control frame and does what it asks for.
func (c *conn) control(h *header) error {
	var p []byte
	err := c.readPayload(h, func(q []byte) error {
		p = append(p, q...)
		return nil
	})
	if err != nil {
		return err
	}
	act := func() error {
		switch h.op {
		case opPing:
			return c.pong(p)
		case opPong:
			if c.breaks("WS-5.5.3-01") {
				return failf(1002, "nobody has asked")
			}
			return nil
		}
		return c.judgeClose(p)
	}
	switch {
	case c.open != nil && (c.breaks("WS-5.4-04") || c.breaks("WS-5.4-05") && h.op == opClose):
		c.held = append(c.held, act)
		return nil
	case c.open != nil && c.breaks("WS-8.1-06"):
		c.open.text = text{fault: c.fault}
	case c.breaks("WS-8.1-08/ping") && h.op != opClose && !isText(p, ""):
		return failf(1007, "the payload is not UTF-8")
	case c.breaks("PD-6-05") && c.unpack != nil:
		c.unpack.history = c.unpack.window(p)
	}
	return act()
}

// pong answers a Ping.
func (c *conn) pong(p []byte) error {
	switch {
	case c.breaks("WS-5.5-01") && len(p) > 124:
		return failf(1002, "the payload of a control frame is too long")
	case c.breaks("WS-5.5.2-01"):
		p = append(p, '!')
	case c.breaks("WS-5.5.2-02"):
		c.ping, p = p, c.ping
		if p == nil {
			return nil
		}
	case c.breaks("WS-5.5.2-03") && c.weAreClosing():
		return nil
	case c.breaks("WS-5.5.2-05"):
		for range 10 { // so that a slow machine keeps enough
			if c.behind.total() < 40<<20 {
				_ = c.sendControl(opPong, p)
			}
		}
		return nil
	}
	if err := c.sendControl(opPong, p); err != nil && err != errClosing {
		return err
	}
	return nil
}

// keepAlive asks with Pings, and gives up on a peer from whom nothing has come for
// too long.
func (c *conn) keepAlive() {
	tick := time.NewTicker(c.set.ping)
	defer tick.Stop()
	for {
		select {
		case <-c.gone:
			return
		case <-tick.C:
		}
		if c.breaks("WS-5.5.2-06") {
			continue
		}
		if !c.breaks("WS-5.5.2-06/answers") {
			_ = c.sendControl(opPing, []byte("?"))
		}
		if time.Since(time.Unix(0, c.heard.Load())) > c.set.pong {
			c.nc.Close()
			return
		}
	}
}
