package conformance

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"
)

// frame is one that came, unmasked.
type frame struct {
	fin     bool
	rsv     byte // as in frameSpec
	opcode  byte
	masked  bool
	key     [4]byte
	header  []byte // as it was on the wire
	payload []byte
}

// arrivalKind is what an arrival is.
type arrivalKind uint8

const (
	gotMessage arrivalKind = iota + 1
	gotPing
	gotPong
	gotClose
	gotEnd
)

// arrival is what the frames that came make up: a message, a control frame, or
// the end.
type arrival struct {
	kind       arrivalKind
	opcode     byte // of a message
	data       []byte
	code       int // of a Close: 0 for no body
	compressed bool
	alone      bool // it looks back at no message before it
	reset      bool // of an end: not by FIN
	inside     bool // of an end: a frame had begun
	prefix     bool // of what may come: data is its beginning
}

func (a *arrival) String() string {
	switch a.kind {
	case gotMessage:
		return fmt.Sprintf("the %s message %s", opcodeName(a.opcode), short(a.data))
	case gotPing:
		return "a Ping " + short(a.data)
	case gotPong:
		return "a Pong " + short(a.data)
	case gotClose:
		if a.code == 0 {
			return "a Close without a body"
		}
		return fmt.Sprintf("Close %d %s", a.code, short(a.data))
	}
	switch {
	case a.reset:
		return "a reset of the connection"
	case a.inside:
		return "the end of the stream, inside a frame"
	}
	return "the end of the stream"
}

// decoder puts frames together and holds each against what its sender may send.
// It shares no code with any implementation.
type decoder struct {
	client  bool // the frames are a client's
	lenient bool // a server may send a client's 1010 back
	terms   *terms

	open       byte // opcode of the message that has begun; 0: none
	data       []byte
	compressed bool
	closed     bool
	inflate    inflater
	farthest   int       // how far back any message looked
	masks      [][4]byte // of all frames, but no more than mostMasks
}

// violation is a frame that its sender may not send.
type violation struct{ text string }

func (v violation) Error() string { return v.text }

func violates(header []byte, format string, args ...any) error {
	return violation{fmt.Sprintf(format, args...) + fmt.Sprintf("; the frame's header is % x", header)}
}

// frame reads the next one. io.EOF: the stream ended between two frames.
func (w *wire) frame(deadline time.Time) (*frame, error) {
	b, err := w.need(2, deadline)
	if err != nil {
		if len(w.waiting()) > 0 && err != errTimeout {
			err = w.inside(err)
		}
		return nil, err
	}
	f := &frame{fin: b[0]&0x80 != 0, rsv: b[0] >> 4 & 7, opcode: b[0] & 15, masked: b[1]&0x80 != 0}
	size, length := 2, uint64(b[1]&0x7F)
	switch b[1] & 0x7F {
	case 126:
		size += 2
	case 127:
		size += 8
	}
	if f.masked {
		size += 4
	}
	if b, err = w.need(size, deadline); err != nil {
		return nil, w.inside(err)
	}
	f.header = bytes.Clone(b)
	switch form := length; form {
	case 126:
		if length = uint64(binary.BigEndian.Uint16(b[2:])); length < 126 {
			return nil, violates(b, "a length of %d in the 16-bit form (RFC 6455 §5.2)", length)
		}
	case 127:
		if length = binary.BigEndian.Uint64(b[2:]); length <= 0xFFFF || length > 1<<63-1 {
			return nil, violates(b, "a length of %d in the 64-bit form (RFC 6455 §5.2)", length)
		}
	}
	if length > mostMessage {
		return nil, violates(b, "a frame of %d octets, longer than anything that the suite asks for", length)
	}
	if f.masked {
		f.key = [4]byte(b[size-4:])
	}
	if b, err = w.need(size+int(length), deadline); err != nil {
		return nil, w.inside(err)
	}
	f.payload = bytes.Clone(b[size:])
	whole := b
	if f.masked {
		for i := range f.payload {
			f.payload[i] ^= f.key[i&3]
		}
	}
	w.rec.add(Event{Conn: w.n, Kind: Octets, Octets: whole, What: f.String()})
	w.take(len(whole))
	return f, nil
}

// inside says that a frame has begun and does not go on.
func (w *wire) inside(err error) error {
	left := w.waiting()
	w.rec.add(Event{Conn: w.n, Kind: Octets, Octets: left, What: "part of a frame"})
	return fmt.Errorf("inside a frame, after %s: %w", count(len(left), "octet"), err)
}

// arrival reads frames until they make up something.
func (w *wire) arrival(deadline time.Time) (*arrival, error) {
	for {
		f, err := w.frame(deadline)
		switch {
		case errors.As(err, new(violation)):
			return nil, err
		case errors.Is(err, io.EOF) || isReset(err):
			return &arrival{kind: gotEnd, reset: isReset(err), inside: err != io.EOF && !isReset(err)}, nil
		case err != nil:
			return nil, err
		}
		before := len(w.dec.data)
		a, err := w.dec.add(f)
		w.account(len(w.dec.data) - before)
		if a != nil || err != nil {
			return a, err
		}
		if time.Now().After(deadline) {
			return nil, errTimeout // fragments without end
		}
	}
}

// add takes one frame in.
func (d *decoder) add(f *frame) (*arrival, error) {
	if f.masked && len(d.masks) < mostMasks {
		d.masks = append(d.masks, f.key)
	}
	compressible := d.terms != nil && (f.opcode == opText || f.opcode == opBinary)
	switch {
	case f.rsv&3 != 0 || f.rsv&4 != 0 && !compressible:
		return nil, violates(f.header, "a reserved bit is set (RFC 6455 §5.2)")
	case f.masked && !d.client:
		return nil, violates(f.header, "a server masks no frame (RFC 6455 §5.1)")
	case !f.masked && d.client:
		return nil, violates(f.header, "a client masks every frame (RFC 6455 §5.1)")
	case d.closed && f.opcode != opPong:
		return nil, violates(f.header, "a frame behind the Close (RFC 6455 §5.5.1)")
	case f.opcode >= opClose:
		return d.control(f)
	case f.opcode > opBinary:
		return nil, violates(f.header, "a reserved opcode (RFC 6455 §5.2)")
	case f.opcode == opContinuation && d.open == 0:
		return nil, violates(f.header, "a continuation with no message open (RFC 6455 §5.4)")
	case f.opcode != opContinuation && d.open != 0:
		return nil, violates(f.header, "a new message while one is open (RFC 6455 §5.4)")
	}
	if f.opcode != opContinuation {
		d.open, d.data, d.compressed = f.opcode, nil, f.rsv&4 != 0
	}
	if len(d.data)+len(f.payload) > mostMessage {
		return nil, violates(f.header, "a message of more than %d octets, longer than anything that the suite asks for", mostMessage)
	}
	d.data = append(d.data, f.payload...)
	if !f.fin {
		return nil, nil
	}
	a := &arrival{kind: gotMessage, opcode: d.open, data: d.data, compressed: d.compressed, alone: true}
	d.open, d.data = 0, nil
	if a.compressed {
		if err := d.unpack(f, a); err != nil {
			return nil, err
		}
	}
	if a.opcode == opText && !utf8.Valid(a.data) {
		return nil, violates(f.header, "a text that is not UTF-8 (RFC 6455 §8.1)")
	}
	return a, nil
}

// unpack inflates a message.
func (d *decoder) unpack(f *frame, a *arrival) error {
	if bytes.HasSuffix(a.data, []byte("\x00\x00\xff\xff")) {
		return violates(f.header, "a compressed message that ends in 00 00 ff ff (RFC 7692 §7.2.1)")
	}
	if !d.terms.takeover {
		d.inflate.forget()
	}
	plain, err := d.inflate.message(a.data)
	if err != nil {
		return violates(f.header, "a compressed message that cannot be inflated, % x…: %v (RFC 7692 §7.2.1)", a.data[:min(len(a.data), 32)], err)
	}
	a.data, a.alone = plain, !d.inflate.lookedBack
	d.farthest = max(d.farthest, d.inflate.farthest)
	if d.inflate.farthest > 1<<d.terms.bits {
		return violates(f.header, "a message looks back %d octets, but the window is %d (RFC 7692 §7.1.2)", d.inflate.farthest, 1<<d.terms.bits)
	}
	return nil
}

func (d *decoder) control(f *frame) (*arrival, error) {
	if !f.fin || len(f.payload) > 125 {
		return nil, violates(f.header, "a control frame that is fragmented or longer than 125 octets (RFC 6455 §5.5)")
	}
	switch f.opcode {
	case opPing:
		return &arrival{kind: gotPing, data: f.payload}, nil
	case opPong:
		return &arrival{kind: gotPong, data: f.payload}, nil
	case opClose:
	default:
		return nil, violates(f.header, "a reserved opcode (RFC 6455 §5.2)")
	}
	d.closed = true
	a := &arrival{kind: gotClose}
	switch {
	case len(f.payload) == 0:
		return a, nil
	case len(f.payload) == 1:
		return nil, violates(f.header, "a Close with a body of one octet (RFC 6455 §5.5.1)")
	}
	a.code, a.data = int(binary.BigEndian.Uint16(f.payload)), f.payload[2:]
	switch {
	case !sendable(a.code) || a.code == 1010 && !d.client && !d.lenient:
		return nil, violates(f.header, "the close code %d, which nobody may send (RFC 6455 §7.4)", a.code)
	case !utf8.Valid(a.data):
		return nil, violates(f.header, "a close reason that is not UTF-8 (RFC 6455 §5.5.1)")
	}
	return a, nil
}

// sendable reports whether a Close may have this code (RFC 6455 §7.4 and the
// registry of close codes).
func sendable(code int) bool {
	switch code {
	case 1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014:
		return true
	}
	return code >= 3000 && code <= 4999
}

func opcodeName(op byte) string {
	switch op {
	case opContinuation:
		return "continuation"
	case opText:
		return "text"
	case opBinary:
		return "binary"
	case opClose:
		return "close"
	case opPing:
		return "ping"
	case opPong:
		return "pong"
	}
	return fmt.Sprintf("opcode %X", op)
}

func (f *frame) String() string {
	var b strings.Builder
	b.WriteString(opcodeName(f.opcode))
	if !f.fin {
		b.WriteString("...")
	}
	for i, name := range []string{" rsv1", " rsv2", " rsv3"} {
		if f.rsv&(4>>i) != 0 {
			b.WriteString(name)
		}
	}
	if f.masked {
		b.WriteString(" key " + hex.EncodeToString(f.key[:]))
	}
	if f.opcode == opClose && len(f.payload) >= 2 {
		fmt.Fprintf(&b, " %d %s", binary.BigEndian.Uint16(f.payload), short(f.payload[2:]))
		return b.String()
	}
	b.WriteString(" " + short(f.payload))
	return b.String()
}

// short shows octets, but not more than fit a line.
func short(b []byte) string {
	const most = 48
	show := func(b []byte) string {
		if utf8.Valid(b) {
			return fmt.Sprintf("%q", b)
		}
		return fmt.Sprintf("% x", b)
	}
	if len(b) > most {
		return fmt.Sprintf("%s… (%s)", show(bytes.ToValidUTF8(b[:most], nil)), count(len(b), "octet"))
	}
	return show(b)
}

// count writes a number of things.
func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
