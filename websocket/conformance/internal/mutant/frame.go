package mutant

import (
	"encoding/binary"
	"io"
	"math"
	"time"
)

// Opcodes, RFC 6455 §5.2.
const (
	opContinuation = 0x0
	opText         = 0x1
	opBinary       = 0x2
	opClose        = 0x8
	opPing         = 0x9
	opPong         = 0xa
)

// header is what stands in front of a payload.
type header struct {
	fin    bool
	rsv    byte // 4, 2 and 1 are RSV1, RSV2 and RSV3
	op     byte
	masked bool
	key    [4]byte
	length int
}

func (h *header) control() bool { return h.op >= 8 }

// readHeader reads a header. What is wrong with it is found at the first octet that
// shows it.
func (c *conn) readHeader() (h header, err error) {
	b, err := c.in.ReadByte()
	if err != nil {
		return h, err
	}
	c.begin()
	if c.breaks("WS-5.2-10") && c.in.Buffered() == 0 {
		return h, failf(1002, "the frame has not come whole")
	}
	h.fin, h.rsv, h.op = b&0x80 != 0, b>>4&7, b&0x0f
	lazy := c.breaks("WS-5.2-12") || c.breaks("WS-7.1-09")
	wrong := c.judgeFirst(&h)
	if wrong != nil && !lazy {
		return h, wrong
	}
	if b, err = c.in.ReadByte(); err != nil {
		return h, err
	}
	h.masked = b&0x80 != 0
	if wrong == nil {
		wrong = c.judgeSecond(&h, int(b&0x7f))
	}
	if wrong != nil && !lazy {
		return h, wrong
	}
	if err := c.readLength(&h, b&0x7f); err != nil {
		return h, err
	}
	if h.masked {
		if _, err := io.ReadFull(c.in, h.key[:]); err != nil {
			return h, err
		}
	}
	if wrong != nil { // a fault judges only now
		if _, err = io.CopyN(io.Discard, c.in, int64(h.length)); err == nil {
			err = wrong
		}
		return h, err
	}
	if c.breaks("WS-5.2-04") {
		if h.length--; h.length < 0 {
			h.length = 1
		}
	}
	return h, nil
}

// judgeFirst judges the first octet.
func (c *conn) judgeFirst(h *header) error {
	allowed := byte(0)
	if c.unpack != nil && (h.op == opText || h.op == opBinary) {
		allowed = 4
	}
	if h.rsv&^allowed != 0 && !c.allowsReserved(h) {
		return failf(1002, "a reserved bit is set")
	}
	switch h.op {
	case opContinuation:
		if c.open == nil && !c.breaks("WS-5.4-07") {
			return failf(1002, "there is no message to continue")
		}
	case opText, opBinary:
		if c.open != nil && !c.breaks("WS-5.4-06") {
			return failf(1002, "the message before has not ended")
		}
		c.open = nil
	case opClose, opPing, opPong:
		if !h.fin && !c.breaks("WS-5.4-08") {
			return failf(1002, "control frames are not fragmented")
		}
	default:
		switch {
		case h.control() && c.breaks("WS-5.2-03"):
			h.op = opPing
		case !h.control() && c.breaks("WS-5.2-02"):
			h.op, h.fin, c.open = opBinary, true, nil
		default:
			return failf(1002, "the opcode is reserved")
		}
	}
	return nil
}

func (c *conn) allowsReserved(h *header) bool {
	switch {
	case c.unpack == nil:
		return c.breaks("WS-5.2-01") || c.breaks("PD-7.1-02/taken") && h.rsv == 4
	case h.op == opContinuation:
		return c.breaks("PD-6-02")
	}
	return c.breaks("PD-6-03")
}

// judgeSecond judges the second octet.
func (c *conn) judgeSecond(h *header, length int) error {
	switch {
	case c.client && h.masked && !c.breaks("WS-5.1-02"):
		return failf(1002, "a server's frames are not masked")
	case !c.client && !h.masked && !c.breaks("WS-5.1-01"):
		return failf(1002, "a client's frames are masked")
	case h.control() && length > 125 && !c.breaks("WS-5.5-02") && !c.breaks("WS-5.5-02/short"):
		return failf(1002, "the payload of a control frame is too long")
	}
	return nil
}

// readLength reads the length in the form that the second octet announces.
func (c *conn) readLength(h *header, first byte) error {
	var n, least uint64
	var buf [8]byte
	switch first {
	case 126:
		if _, err := io.ReadFull(c.in, buf[:2]); err != nil {
			return err
		}
		n, least = uint64(binary.BigEndian.Uint16(buf[:])), 126
	case 127:
		if _, err := io.ReadFull(c.in, buf[:]); err != nil {
			return err
		}
		n, least = binary.BigEndian.Uint64(buf[:]), 1<<16
	default:
		n = uint64(first)
	}
	if n>>63 != 0 {
		if !c.breaks("WS-5.2-07") {
			return failf(1002, "the length's highest bit is set")
		}
		n, least = n<<1>>1, 0
	}
	if n < least && !c.breaks("WS-5.2-06") && !(h.control() && c.breaks("WS-5.5-02/short")) {
		return failf(1002, "the length has a shorter form")
	}
	if h.control() && n > 125 && !c.breaks("WS-5.5-02") {
		return failf(1002, "the payload of a control frame is too long")
	}
	if !h.control() && n > uint64(c.room()) && !c.breaks("WS-5.2-08") && !c.breaks("WS-5.4-11/header") {
		return failf(1009, "the message is larger than the limit")
	}
	h.length = int(n)
	return nil
}

// room is how many octets more the present message may have.
func (c *conn) room() int {
	so := 0
	if c.open != nil && !c.breaks("WS-5.4-11") && !c.breaks("WS-10.4-01/fragments") {
		so = len(c.open.data)
	}
	limit := c.set.limit
	switch {
	case c.breaks("WS-10.4-01"):
		limit = math.MaxInt
	case c.breaks("WS-10.4-01/limit"), c.breaks("WS-5.4-11/limit"):
		limit--
	}
	return max(limit-so, 0)
}

// begin gives the rest of a frame its time, if it has not all come.
func (c *conn) begin() {
	c.inside = true
	c.heard.Store(time.Now().UnixNano())
	if c.in.Buffered() < 16 || c.breaks("WS-5.2-13/steady") {
		c.grant()
	}
}

// grant gives a frame its time, from now on.
func (c *conn) grant() {
	switch {
	case c.breaks("WS-5.2-13"), c.breaks("WS-10.4-02/stall"):
		return
	case c.breaks("WS-5.2-13/steady") && c.granted:
		return
	}
	c.granted = true
	c.clock.set(&c.clock.frame, time.Now().Add(c.set.stall))
}

// readPayload reads the payload in the pieces in which it comes, unmasks them, and
// gives each to take.
func (c *conn) readPayload(h *header, take func([]byte) error) error {
	at, fresh := 0, 0
	for left := h.length; left > 0; {
		if c.in.Buffered() == 0 {
			if _, err := c.in.Peek(1); err != nil {
				return err
			}
			c.heard.Store(time.Now().UnixNano())
		}
		p, err := c.in.Peek(min(left, c.in.Buffered()))
		if err != nil {
			return err
		}
		p = append([]byte(nil), p...)
		if _, err := c.in.Discard(len(p)); err != nil {
			return err
		}
		// A peer that is slow goes on as long as it brings more than drops.
		if fresh += len(p); fresh >= 256 && c.in.Buffered() == 0 {
			fresh = 0
			c.grant()
		}
		if h.masked {
			c.mask(p, h.key, at)
		}
		at += len(p)
		left -= len(p)
		if err := take(p); err != nil {
			return err
		}
	}
	c.inside = false
	if c.breaks("WS-5.2-10") {
		_, _ = c.in.Discard(c.in.Buffered())
	}
	if c.breaks("WS-5.2-13/steady") && !h.fin {
		return nil
	}
	if c.granted {
		c.granted = false
		c.clock.set(&c.clock.frame, time.Time{})
	}
	return nil
}

// mask combines a payload with its key, RFC 6455 §5.3; at is the place of p's first
// octet in it.
func (c *conn) mask(p []byte, key [4]byte, at int) {
	spoils := c.breaks("WS-5.3-02")
	for i := range p {
		p[i] ^= key[(at+i)%4]
		if spoils && (at+i)%4 == 0 {
			p[i] ^= 1
		}
	}
}
