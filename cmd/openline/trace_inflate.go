package main

import (
	"bytes"
	"compress/flate"
	"errors"
	"fmt"
	"io"

	"github.com/openline/openline/websocket"
)

const (
	deflateWindow = 32 << 10 // the largest that a message refers back to (RFC 7692 §7.1.2)
	maxPacked     = 1 << 20  // of a compressed message in fragments, what is kept until its end
)

// inflater shows what compressed messages of one direction say. It keeps the end of
// what it has inflated, since later messages may refer to it.
type inflater struct {
	packed []byte // of the message that is open
	open   bool   // that is a compressed one
	binary bool
	window []byte
	lost   bool // something was too long to keep, so what refers to it cannot be inflated
}

var errTooLong = errors.New("it, or a message before it, is too long to keep")

// inflated is a message that an inflater has made something of.
type inflated struct {
	begin []byte // as much as is printed
	size  int
	err   error
}

// format prints the next frame: with the last one of a compressed message, what that
// inflates to.
func (i *inflater) format(arrow string, f *websocket.Frame) string {
	control := f.Opcode >= opcodeClose
	if !control && f.Opcode != 0 {
		i.open, i.binary, i.packed = f.RSV1, f.OpcodeName() == "binary", i.packed[:0]
	}
	if control || !i.open {
		return formatFrame(arrow, f)
	}
	text := formatHeader(arrow, f)
	line := func(format string, args ...any) { text += arrow + "   " + fmt.Sprintf(format, args...) + "\n" }
	m := i.frame(f)
	if len(f.Payload) > 0 && (m == nil || m.err != nil || f.Opcode == 0) {
		line("%s", formatBinary(f.Payload, f.Length))
	}
	switch {
	case m == nil:
	case m.err != nil:
		line("not inflated: %v", m.err)
	case i.binary:
		line("inflated to %d: %s", m.size, formatBinary(m.begin, uint64(m.size)))
	default:
		line("inflated to %d: %s", m.size, formatData(m.begin, uint64(m.size)))
	}
	return text
}

// frame takes the next frame of a compressed message, and returns the message if it
// is the last.
func (i *inflater) frame(f *websocket.Frame) *inflated {
	if uint64(len(f.Payload)) < f.Length || len(i.packed)+len(f.Payload) > maxPacked {
		i.lost = true
	} else {
		i.packed = append(i.packed, f.Payload...)
	}
	if !f.Fin {
		return nil
	}
	i.open = false
	if i.lost {
		return &inflated{err: errTooLong}
	}
	m := &inflated{}
	// What every sender leaves out (RFC 7692 §7.2.1), and a block that is the last.
	in := bytes.NewReader(append(i.packed, "\x00\x00\xff\xff\x01\x00\x00\xff\xff"...))
	for m.err == nil && in.Len() > 0 { // again behind a block that is marked as the last in the middle
		_, m.err = io.Copy(io.MultiWriter(m, i), flate.NewReaderDict(in, bytes.Clone(i.window)))
	}
	i.lost = m.err != nil
	return m
}

// Write adds to the window.
func (i *inflater) Write(p []byte) (int, error) {
	i.window = append(i.window, p...)
	if over := len(i.window) - deflateWindow; over > 0 {
		i.window = i.window[:copy(i.window, i.window[over:])]
	}
	return len(p), nil
}

// Write adds to the message.
func (m *inflated) Write(p []byte) (int, error) {
	m.begin = append(m.begin, p[:min(len(p), maxTraced-len(m.begin))]...)
	m.size += len(p)
	return len(p), nil
}
