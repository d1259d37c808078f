package mutant

import (
	"errors"
	"os"
	"time"
)

// message is a message as it comes.
type message struct {
	op        byte
	packed    bool
	data      []byte
	text      text
	fragments int
}

// next returns the next whole message. It answers control frames on the way.
func (c *conn) next() (*message, error) {
	for {
		if err := c.release(); err != nil {
			return nil, err
		}
		h, err := c.readHeader()
		if err != nil {
			return nil, c.cut(err)
		}
		if h.control() {
			if err := c.control(&h); err != nil {
				return nil, c.cut(err)
			}
			continue
		}
		m, err := c.part(&h)
		if err != nil {
			return nil, c.cut(err)
		}
		if m == nil {
			continue
		}
		if !c.weAreClosing() || c.breaks("WS-5.5.1-06") || c.breaks("WS-6-01") || c.breaks("WS-7.1-09") {
			return m, nil
		}
		if c.breaks("WS-7.1-03/data") {
			c.clock.set(&c.clock.close, time.Now().Add(c.set.close))
		}
	}
}

// cut tells a frame that has not come in time from a connection that has ended.
func (c *conn) cut(err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) && !c.clock.closing() {
		return failf(1008, "the rest of a frame has not come in time")
	}
	return err
}

// part takes a data frame, and returns the message if that was the last of it.
func (c *conn) part(h *header) (*message, error) {
	if c.open == nil {
		c.open = &message{op: h.op, packed: h.rsv&4 != 0 && c.unpack != nil, text: text{fault: c.fault}}
		if h.op == opContinuation { // a fault lets it begin a message
			c.open.op = opText
		}
	}
	m := c.open
	m.fragments++
	if err := c.judgeFragment(h, m); err != nil {
		return nil, err
	}
	began := len(m.data)
	err := c.readPayload(h, func(p []byte) error {
		m.data = append(m.data, p...)
		if m.op == opText && !m.packed && !c.checksLate(m, h) && !m.text.takeAll(p) {
			return failf(1007, "the text is not UTF-8")
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if err := c.spoilFragment(h, m, m.data[began:]); err != nil {
		return nil, err
	}
	if !h.fin {
		return nil, nil
	}
	c.open = nil
	return m, c.judgeWhole(m)
}

// release does what a fault has put off until the message has ended.
func (c *conn) release() error {
	if c.open != nil {
		return nil
	}
	held := c.held
	c.held = nil
	for _, f := range held {
		if err := f(); err != nil {
			return err
		}
	}
	return nil
}

// judgeFragment has the faults that look at a fragment's header.
func (c *conn) judgeFragment(h *header, m *message) error {
	n := m.fragments
	switch {
	case c.breaks("WS-5.4-02") && h.length == 0 && (n > 1 || !h.fin):
		return failf(1002, "the fragment is empty")
	case c.breaks("WS-5.4-03") && n > 1000:
		return failf(1008, "the message has too many fragments")
	case c.breaks("WS-5.4-03/quadratic") && n > 5000:
		return c.stall()
	case c.breaks("WS-5.4-12") && n > 100000:
		return errors.New("mutant: out of memory")
	case c.breaks("WS-5.2-09") && h.length == 0 && h.fin && n == 1, c.breaks("PD-7.2-07/plain") && h.length == 0:
		return failf(1002, "the message is empty")
	case c.breaks("PD-6-01") && m.packed:
		m.packed = false
	case c.breaks("PD-6-01/plain") && c.unpack != nil:
		m.packed = true
	case c.breaks("WS-8.1-04/empty") && h.length == 0:
		m.text = text{fault: c.fault}
	}
	return nil
}

// spoilFragment has the faults that look at a whole fragment.
func (c *conn) spoilFragment(h *header, m *message, p []byte) error {
	switch {
	case c.breaks("WS-5.4-01"):
		h.fin = true
	case c.breaks("WS-8.1-04") && m.op == opText && !m.text.whole():
		return failf(1007, "the fragment ends inside a character")
	case c.breaks("WS-8.1-07/frame") && m.op == opText && !m.text.takeAll(p):
		return failf(1007, "the text is not UTF-8")
	case c.breaks("PD-6-04") && m.packed:
		if _, err := c.unpack.message(p, c.set.limit); err != nil || len(p) == 0 {
			return failf(1007, "the fragment is not compressed by itself")
		}
	case c.breaks("PD-7.2-14") && m.packed && m.op == opText && !isText(p, ""):
		return failf(1007, "the text is not UTF-8")
	}
	return nil
}

// checksLate reports whether a fault leaves the check of a text for later, or out.
func (c *conn) checksLate(m *message, h *header) bool {
	fragmented := m.fragments > 1 || !h.fin
	return c.breaks("WS-8.1-03") || c.breaks("WS-8.1-07") || c.breaks("WS-8.1-07/frame") ||
		c.breaks("WS-8.1-09") || c.breaks("WS-8.1-09/wrong") || c.breaks("WS-8.1-05/across") && fragmented
}

// judgeWhole inflates a message and judges it.
func (c *conn) judgeWhole(m *message) error {
	if m.packed {
		return c.inflate(m)
	}
	if c.breaks("PD-6-05") && c.unpack != nil {
		c.unpack.history = c.unpack.window(m.data)
	}
	if m.op != opText {
		if c.breaks("WS-8.1-08") && !isText(m.data, "") {
			return failf(1007, "the data is not UTF-8")
		}
		return nil
	}
	again := text{fault: c.fault}
	switch {
	case c.breaks("WS-8.1-03"), c.breaks("WS-8.1-07/frame"), c.breaks("WS-8.1-05/across") && m.fragments > 1, c.breaks("WS-8.1-05") && m.fragments > 1:
		return nil
	case c.breaks("WS-8.1-09/wrong"):
		if !again.takeAll(m.data[:max(len(m.data)-64, 0)]) {
			return failf(1007, "the text is not UTF-8")
		}
		return nil
	case c.breaks("WS-8.1-09"):
		for p := m.data; len(p) > 0; p = p[min(4096, len(p)):] {
			if !isText(p[:min(4096, len(p))], "") {
				return failf(1007, "the text is not UTF-8")
			}
		}
	case c.breaks("WS-8.1-07") && !again.takeAll(m.data):
		return failf(1007, "the text is not UTF-8")
	case c.breaks("WS-8.1-02") && atTheEdge(m.data):
		return failf(1007, "the text has a character that is none")
	}
	if !m.text.whole() {
		return failf(1007, "the text ends inside a character")
	}
	return nil
}

// inflate puts what was sent in the place of what came.
func (c *conn) inflate(m *message) error {
	limit := c.set.limit
	if c.breaks("PD-8-01/limit") {
		limit--
	}
	data, err := c.unpack.message(m.data, limit)
	if err == errTooBig && (c.breaks("PD-8-01") || c.breaks("PD-8-02") || c.breaks("WS-10.4-01/inflated")) {
		err = nil
	}
	switch err {
	case nil:
	case errTooBig:
		return failf(1009, "the message is larger than the limit")
	default:
		return failf(1007, "the data cannot be inflated")
	}
	m.data = data
	checked := m.op == opText && !c.breaks("PD-7.2-14/wrong") || m.op == opBinary && c.breaks("PD-7.2-14/binary")
	if checked && !isText(data, "") {
		return failf(1007, "the text is not UTF-8")
	}
	if c.breaks("PD-8-03") && len(m.data) == 0 {
		return c.stall()
	}
	return nil
}

// atTheEdge reports whether there is a character that begins or ends a range of
// UTF-8, or is no character for Unicode.
func atTheEdge(p []byte) bool {
	for _, r := range string(p) {
		switch r {
		case 0, 0x7f, 0x80, 0x7ff, 0x800, 0xd7ff, 0xe000, 0xfffd, 0x10000, 0x10ffff:
			return true
		}
		if r&0xfffe == 0xfffe {
			return true
		}
	}
	return false
}
