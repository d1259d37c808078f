package wstest

import (
	"bufio"
	"bytes"
	"compress/flate"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/openline/openline/websocket"
)

// Opcodes (RFC 6455 §5.2).
const (
	opContinuation = 0x0
	opText         = 0x1
	opBinary       = 0x2
	opClose        = 0x8
	opPing         = 0x9
	opPong         = 0xA
)

// errAfterClose is a frame behind a Close (RFC 6455 §5.5.1).
var errAfterClose = errors.New("frame after the Close frame (RFC 6455 §5.5.1)")

// decoder reads frames and judges them. It shares no code with what it is there
// to test.
type decoder struct {
	r      *bufio.Reader
	masked bool // as the frames have to be

	open    byte // opcode of the message that is open, 0 for none
	data    []byte
	closed  bool
	message []byte // the last one that ended

	deflate    bool // RFC 7692 has been agreed on
	takeover   bool // with what the other end sends it keeps its context
	window     []byte
	compressed bool // the message that is open
}

// next reads one frame, whole. io.EOF: the stream ended between two frames.
func (d *decoder) next() (websocket.Frame, error) {
	f, err := d.header()
	if err != nil {
		return f, err
	}
	var payload bytes.Buffer // grows with what comes: a wrong length reserves nothing
	if n, err := io.CopyN(&payload, d.r, int64(f.Length)); err != nil {
		return f, fmt.Errorf("stream ends after %d of the %d octets of a frame (header %x): %w", n, f.Length, f.Header, noEOF(err))
	}
	f.Payload = payload.Bytes()
	if f.Masked {
		for i := range f.Payload {
			f.Payload[i] ^= f.MaskKey[i%4]
		}
	}
	return f, d.judge(f)
}

func (d *decoder) header() (websocket.Frame, error) {
	b, err := d.r.Peek(1)
	if err != nil {
		return websocket.Frame{}, err
	}
	f := websocket.Frame{
		Fin: b[0]&0x80 != 0, RSV1: b[0]&0x40 != 0, RSV2: b[0]&0x20 != 0, RSV3: b[0]&0x10 != 0, Opcode: b[0] & 15,
	}
	if b, err = d.r.Peek(2); err != nil {
		return f, noEOF(err)
	}
	f.Masked, f.Length = b[1]&0x80 != 0, uint64(b[1]&0x7F)
	size, form := 2, f.Length
	switch form {
	case 126:
		size += 2
	case 127:
		size += 8
	}
	if f.Masked {
		size += 4
	}
	if b, err = d.r.Peek(size); err != nil {
		return f, noEOF(err)
	}
	f.Header = bytes.Clone(b)
	switch form {
	case 126:
		f.Length = uint64(binary.BigEndian.Uint16(b[2:]))
	case 127:
		f.Length = binary.BigEndian.Uint64(b[2:])
	}
	if f.Masked {
		f.MaskKey = [4]byte(b[size-4:])
	}
	if form == 126 && f.Length < 126 || form == 127 && f.Length < 65536 || f.Length > 1<<62 {
		return f, fmt.Errorf("length form of header %x (RFC 6455 §5.2)", b)
	}
	_, _ = d.r.Discard(size) // just peeked
	return f, nil
}

// noEOF makes the end of the stream inside a frame what it is.
func noEOF(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// judge holds f against the rules for what an end may send.
func (d *decoder) judge(f websocket.Frame) error {
	bad := func(rule string) error { return fmt.Errorf("%s (header %x)", rule, f.Header) }
	rsv1 := d.deflate && (f.Opcode == opText || f.Opcode == opBinary)
	switch {
	case f.RSV1 && !rsv1 || f.RSV2 || f.RSV3:
		return bad("reserved bit set (RFC 6455 §5.2)")
	case f.Masked != d.masked:
		return bad("clients mask every frame, servers none (RFC 6455 §5.1)")
	case d.closed && f.Opcode != opPong:
		return errAfterClose
	}
	if f.Opcode >= opClose {
		if !f.Fin || f.Length > 125 {
			return bad("control frame that is fragmented or over 125 octets (RFC 6455 §5.5)")
		}
		return d.judgeControl(f)
	}
	if f.Opcode > opBinary {
		return bad("reserved opcode (RFC 6455 §5.2)")
	}
	if (f.Opcode == opContinuation) != (d.open != 0) {
		return bad("series of fragments (RFC 6455 §5.4)")
	}
	if f.Opcode != opContinuation {
		d.open, d.data, d.compressed = f.Opcode, nil, f.RSV1
	}
	d.data = append(d.data, f.Payload...)
	if f.Fin {
		text := d.open == opText
		d.open, d.message = 0, d.data
		if d.compressed {
			if err := d.inflate(); err != nil {
				return bad(err.Error())
			}
		}
		if text && !utf8.Valid(d.message) {
			return bad("text that is not UTF-8 (RFC 6455 §8.1)")
		}
	}
	return nil
}

// deflateTail is what a sender leaves out (RFC 7692 §7.2.1).
const deflateTail = "\x00\x00\xff\xff"

// inflate replaces the message by what it was before it was compressed.
func (d *decoder) inflate() error {
	if bytes.HasSuffix(d.message, []byte(deflateTail)) {
		return errors.New("compressed message that ends in 00 00 ff ff (RFC 7692 §7.2.1)")
	}
	const last = "\x01\x00\x00\xff\xff" // an empty block that ends the stream
	r := flate.NewReaderDict(io.MultiReader(bytes.NewReader(d.message), strings.NewReader(deflateTail+last)), d.window)
	plain, err := io.ReadAll(r)
	if err != nil {
		return fmt.Errorf("compressed message: %w (RFC 7692 §7.2.1)", err)
	}
	d.message = plain
	if d.takeover {
		d.window = append(d.window, plain...)
		d.window = bytes.Clone(d.window[max(0, len(d.window)-1<<15):])
	}
	return nil
}

// agree takes note of the extensions that were agreed on.
func (d *decoder) agree(answer string) {
	d.deflate = strings.Contains(answer, "permessage-deflate")
	side := "client_no_context_takeover"
	if !d.masked {
		side = "server_no_context_takeover"
	}
	d.takeover = !strings.Contains(answer, side)
}

func (d *decoder) judgeControl(f websocket.Frame) error {
	switch f.Opcode {
	case opPing, opPong:
		return nil
	case opClose:
		d.closed = true
		if len(f.Payload) == 1 || len(f.Payload) > 1 && !utf8.Valid(f.Payload[2:]) {
			return fmt.Errorf("body %x of a Close frame (RFC 6455 §5.5.1)", f.Payload)
		}
		switch code, _ := closeBody(f.Payload); {
		case len(f.Payload) == 0:
		case code < 1000, code == 1004, code == 1005, code == 1006, code > 1014 && code < 3000, code > 4999, code == 1010 && !f.Masked:
			return fmt.Errorf("close code %d (RFC 6455 §7.4)", code)
		}
		return nil
	}
	return fmt.Errorf("reserved opcode (RFC 6455 §5.2), header %x", f.Header)
}

// closeBody takes the body of a Close frame apart.
func closeBody(b []byte) (websocket.CloseCode, string) {
	if len(b) < 2 {
		return websocket.CloseNoStatus, ""
	}
	return websocket.CloseCode(binary.BigEndian.Uint16(b)), string(b[2:])
}

// testKey masks what a peer sends as a client, so that scripts can be read.
var testKey = [4]byte{0x12, 0x34, 0x56, 0x78}

// appendFrame appends a frame, its length in the shortest form.
func appendFrame(b []byte, fin bool, opcode byte, masked bool, payload []byte) []byte {
	if fin {
		opcode |= 0x80
	}
	var bit byte
	if masked {
		bit = 0x80
	}
	switch n := len(payload); {
	case n < 126:
		b = append(b, opcode, bit|byte(n))
	case n < 65536:
		b = binary.BigEndian.AppendUint16(append(b, opcode, bit|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, opcode, bit|127), uint64(n))
	}
	if !masked {
		return append(b, payload...)
	}
	b = append(b, testKey[:]...)
	at := len(b)
	b = append(b, payload...)
	for i := range payload {
		b[at+i] ^= testKey[i%4]
	}
	return b
}
