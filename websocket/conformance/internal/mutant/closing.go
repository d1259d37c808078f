package mutant

import (
	"encoding/binary"
	"errors"
	"io"
	"time"
)

// judgeClose judges the body of the peer's Close. It returns a *peerClose if it is
// right.
func (c *conn) judgeClose(p []byte) error {
	switch {
	case len(p) == 0:
		if c.breaks("WS-5.5.1-02") {
			return failf(1002, "a Close says why")
		}
		return &peerClose{code: 1005}
	case len(p) == 1:
		if c.breaks("WS-5.5.1-03") {
			return &peerClose{code: 1005}
		}
		return failf(1002, "a close code has two octets")
	case len(p) > 124 && c.breaks("WS-5.5.1-04"):
		return failf(1002, "the reason is too long")
	}
	code, reason := int(binary.BigEndian.Uint16(p)), p[2:]
	if !c.takesCode(code) {
		return failf(1002, "the close code is not for the wire")
	}
	if !isText(reason, "") && !c.breaks("WS-5.5.1-05") {
		return failf(1007, "the reason is not UTF-8")
	}
	return &peerClose{code, string(reason)}
}

// onTheWire reports whether a code may be sent (RFC 6455 §7.4, and what IANA has
// registered since).
func onTheWire(code int) bool {
	switch {
	case code == 1004, code == 1005, code == 1006, code == 1015:
		return false
	case code >= 1000 && code <= 1014, code >= 3000 && code <= 4999:
		return true
	}
	return false
}

func (c *conn) takesCode(code int) bool {
	switch {
	case c.breaks("WS-7.4-02") && code >= 1012 && code <= 1014,
		c.breaks("WS-7.4-03") && code >= 3000:
		return false
	case c.breaks("WS-7.4-04") && (code == 1004 || code == 1005 || code == 1006 || code == 1015), c.breaks("WS-7.4-05"):
		return true
	}
	return onTheWire(code)
}

// close starts the closing handshake, for the application. The code has to be one that
// can be sent.
func (c *conn) close(code int, reason string) error {
	if !onTheWire(code) && !c.breaks("WS-7.4-06") && !c.breaks("WS-7.4-06/none") {
		return failf(code, "the close code is not for the wire")
	}
	right := len(reason) <= 123 && isText([]byte(reason), "")
	if !right && !c.breaks("WS-5.5.1-10") && !c.breaks("WS-8.1-10/reason") {
		return failf(code, "the reason has to be UTF-8, of 123 octets at most")
	}
	return c.sayClose(append(binary.BigEndian.AppendUint16(nil, uint16(code)), reason[:min(len(reason), 123)]...))
}

// sayClose sends our Close, once.
func (c *conn) sayClose(body []byte) error {
	c.out.Lock()
	defer c.out.Unlock()
	if c.closed && !c.breaks("WS-5.5.1-09") {
		return errClosing
	}
	c.closed = true
	if !c.breaks("WS-7.1-03") && !c.breaks("WS-7.1-12/silent") {
		c.clock.set(&c.clock.close, time.Now().Add(c.set.close))
	}
	err := c.put(0x80|opClose, body)
	if c.breaks("WS-5.5.1-06") || c.breaks("WS-6-01/remote") || c.breaks("WS-6-01/failure") {
		_ = c.put(0x80|opBinary, []byte("more")) // it was under way
	}
	return err
}

func (c *conn) weAreClosing() bool {
	c.out.Lock()
	defer c.out.Unlock()
	return c.closed
}

// answerClose answers the peer's Close and ends the connection.
func (c *conn) answerClose(p *peerClose) ending {
	e := ending{p.code, p.reason}
	var body []byte
	switch {
	case p.code == 1005:
	case c.breaks("WS-7.4-01"):
		body = binary.BigEndian.AppendUint16(nil, 1001)
		if p.code == 1001 {
			body[1] += 2
		}
	case p.code == 1010 && !c.client: // which only a client sends (RFC 6455 §7.4.1)
		body = binary.BigEndian.AppendUint16(nil, 1000)
	default:
		body = binary.BigEndian.AppendUint16(nil, uint16(p.code))
	}
	switch {
	case c.breaks("WS-5.5.1-01"):
		return e
	case c.breaks("WS-7.1-07"):
		if _, err := c.in.Peek(1); err != nil {
			return e
		}
	case c.breaks("WS-5.5.1-07"), c.breaks("WS-5.5.2-04"), c.breaks("WS-7.1-08"):
		if later := c.goOn(); later != nil {
			e = *later
		}
	case c.breaks("WS-5.5.1-07/wrong"):
		if b, err := c.in.Peek(1); err == nil && b[0]&0x0f == 3 {
			return c.fail(&failure{1002, "the opcode is reserved"})
		}
	}
	ours := c.weAreClosing()
	_ = c.sayClose(body)
	switch {
	case c.breaks("WS-5.5.1-08"):
		c.out.Lock()
		_ = c.put(0x80|opClose, body)
		c.out.Unlock()
	case ours && (c.breaks("WS-5.5.2-03/end") || c.breaks("WS-7.1-01/own")):
		c.hang()
	}
	c.leave(false)
	return e
}

// goOn reads on although the connection is at its end, for as long as octets come.
func (c *conn) goOn() *ending {
	c.clock.final(time.Now().Add(50 * time.Millisecond))
	for {
		m, err := c.next()
		if err == nil {
			c.messages++
			_ = c.sendBack(m)
			continue
		}
		if e, ok := errors.AsType[*peerClose](err); ok {
			return &ending{e.code, e.reason}
		}
		return nil
	}
}

// fail fails the connection, RFC 6455 §7.1.7.
func (c *conn) fail(f *failure) ending {
	e := ending{f.code, ""}
	if c.breaks("WS-10.7-01") {
		c.crash()
		return e
	}
	_ = c.sayClose(append(binary.BigEndian.AppendUint16(nil, uint16(c.codeFor(f.code))), f.why...))
	if c.breaks("WS-7.1-09") || c.breaks("WS-7.1-09/seen") {
		if later := c.goOn(); later != nil {
			e = *later
			c.out.Lock()
			_ = c.put(0x80|opClose, binary.BigEndian.AppendUint16(nil, uint16(e.code)))
			c.out.Unlock()
		}
	}
	c.leave(true)
	return e
}

func (c *conn) codeFor(code int) int {
	switch {
	case c.breaks("WS-7.1-10") && code == 1002, c.breaks("WS-7.1-10/1007") && code == 1007,
		c.breaks("WS-7.1-10/1008") && code == 1008, c.breaks("WS-7.1-10/1009") && code == 1009:
		return 1000
	}
	return code
}

// leave ends TCP when the closing handshake is over. The server goes first; a client
// waits for that (RFC 6455 §7.1.1), unless it has failed the connection.
func (c *conn) leave(failed bool) {
	if c.behind != nil {
		c.behind.flush()
	}
	switch {
	case c.breaks("WS-7.1-04"), c.breaks("WS-5.5.1-07/junk"):
		reset(c.nc)
		return
	case c.client && !failed:
		if !c.breaks("WS-7.1-02") {
			c.drain(c.set.close)
		}
		return
	case c.breaks("WS-7.1-01") && !failed, c.breaks("WS-7.1-11") && failed:
		c.clock.final(time.Time{})
		_, _ = io.Copy(io.Discard, c.in) // until the peer closes
		return
	}
	halfClose(c.nc)
	c.drain(drainTime)
}
