package mutant

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"slices"
	"time"
)

// send sends a message. The application's text has to be UTF-8.
func (c *conn) send(op byte, p []byte) error {
	return c.sendAs(op, p, true)
}

func (c *conn) sendAs(op byte, p []byte, compressed bool) error {
	if op == opText && !c.checksNothing() && !isText(p, "") {
		return errors.New("mutant: the text is not UTF-8")
	}
	c.out.Lock()
	defer c.out.Unlock()
	if c.closed && !c.breaks("WS-5.5.1-06") && !c.breaks("WS-6-01") && !c.breaks("WS-7.1-09") {
		return errClosing
	}
	rsv := byte(0)
	if c.pack != nil && (compressed || c.breaks("PD-8-04/message")) {
		p, rsv = c.pack.message(p), 4
		if c.breaks("PD-7.2-01") {
			p = append(p, 0x00, 0x00, 0xff, 0xff)
		}
	}
	return c.put(0x80|rsv<<4|op, p)
}

// checksNothing reports whether a fault lets the application's text pass as it is;
// one that takes wrong text sends it back, too.
func (c *conn) checksNothing() bool {
	return slices.Contains([]string{
		"WS-8.1-03", "WS-8.1-03/overlong", "WS-8.1-03/surrogate", "WS-8.1-03/range", "WS-8.1-05", "WS-8.1-05/across", "WS-8.1-09/wrong",
		"WS-8.1-10", "PD-7.2-14/wrong", "WS-5.4-01", "PD-6-01",
	}, string(c.fault))
}

// sendControl sends a control frame.
func (c *conn) sendControl(op byte, p []byte) error {
	c.out.Lock()
	defer c.out.Unlock()
	if c.closed && op != opPong {
		return errClosing
	}
	return c.put(0x80|op, p)
}

// stream sends a message of n octets in fragments. Between two of them others may
// send control frames.
func (c *conn) stream(n int) error {
	if c.breaks("WS-5.4-10") {
		c.out.Lock()
		defer c.out.Unlock()
	}
	first := byte(opBinary)
	p := make([]byte, 16<<10)
	for n > 0 {
		p = p[:min(n, len(p))]
		n -= len(p)
		if n == 0 {
			first |= 0x80
		}
		if err := c.fragment(first, p); err != nil {
			return err
		}
		first = opContinuation
	}
	return nil
}

func (c *conn) fragment(first byte, p []byte) error {
	if !c.breaks("WS-5.4-10") {
		c.out.Lock()
		defer c.out.Unlock()
	}
	if c.closed {
		return errClosing
	}
	return c.put(first, p)
}

// put writes one frame. The caller holds out.
func (c *conn) put(first byte, p []byte) error {
	if c.broken {
		return errClosing
	}
	b := c.frame(first, p)
	if c.behind != nil {
		c.behind.add(b)
		return nil
	}
	if c.others != nil {
		c.others.Lock()
		defer c.others.Unlock()
	}
	c.nc.SetWriteDeadline(time.Now().Add(writeTime))
	if _, err := c.nc.Write(b); err != nil {
		c.broken = true
		return err
	}
	return nil
}

// frame returns a frame.
func (c *conn) frame(first byte, p []byte) []byte {
	masked := c.client
	switch {
	case c.breaks("WS-5.1-03") && !c.client, c.breaks("WS-5.1-04"):
		masked = !masked
	}
	b := c.appendLength([]byte{first}, len(p))
	if masked {
		b[1] |= 0x80
		key := c.newKey(first)
		b = append(b, key[:]...)
		at := len(b)
		if b = append(b, p...); c.breaks("WS-5.3-03") {
			c.mask(p, key, 0)
		}
		c.mask(b[at:], key, 0)
		return b
	}
	return append(b, p...)
}

// appendLength writes the length in its shortest form.
func (c *conn) appendLength(b []byte, n int) []byte {
	control := b[0]&0x08 != 0
	long := c.breaks("WS-5.2-05") && !control || c.breaks("WS-5.2-05/control") && control
	switch {
	case n < 126 && !long:
		return append(b, byte(n))
	case n < 1<<16 && (!long || n < 126):
		return binary.BigEndian.AppendUint16(append(b, 126), uint16(n))
	case n >= 1<<16 && long: // no form is longer: the length is wrong altogether
		return binary.BigEndian.AppendUint16(append(b, 126), 0xffff)
	}
	return binary.BigEndian.AppendUint64(append(b, 127), uint64(n))
}

// newKey returns a fresh masking key, RFC 6455 §5.3.
func (c *conn) newKey(first byte) (key [4]byte) {
	control, fragment := first&0x08 != 0, first&0x0f == opContinuation
	if c.breaks("WS-5.3-01") || c.breaks("WS-5.3-01/control") && control || c.breaks("WS-5.3-01/fragment") && fragment {
		return [4]byte{1, 2, 3, 4}
	}
	_, _ = rand.Read(key[:])
	return key
}
