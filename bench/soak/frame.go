package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Opcodes (RFC 6455 §5.2).
const (
	opContinue = 0
	opText     = 1
	opBinary   = 2
	opClose    = 8
	opPing     = 9
	opPong     = 10

	fin = 0x80
)

// mostPayload is longer than any message that a server sends here.
const mostPayload = 4 << 20

// frame is one frame from the server.
type frame struct {
	first   byte
	payload []byte
}

func (f frame) opcode() byte { return f.first & 15 }

// appendHeader appends the header of a masked frame; length is what it claims.
func appendHeader(dst []byte, first byte, length uint64, key [4]byte) []byte {
	switch {
	case length < 126:
		dst = append(dst, first, 0x80|byte(length))
	case length < 1<<16:
		dst = binary.BigEndian.AppendUint16(append(dst, first, 0x80|126), uint16(length))
	default:
		dst = binary.BigEndian.AppendUint64(append(dst, first, 0x80|127), length)
	}
	return append(dst, key[:]...)
}

// appendFrame appends a masked frame.
func appendFrame(dst []byte, first byte, payload []byte, key [4]byte) []byte {
	dst = appendHeader(dst, first, uint64(len(payload)), key)
	for i, b := range payload {
		dst = append(dst, b^key[i%4])
	}
	return dst
}

// readFrame reads a frame from a server. What none may send is an error (RFC 6455
// §5).
func readFrame(r *bufio.Reader) (f frame, err error) {
	var h [10]byte
	if _, err := io.ReadFull(r, h[:2]); err != nil {
		return f, err
	}
	f.first = h[0]
	length := uint64(h[1] & 0x7f)
	switch length {
	case 126:
		_, err = io.ReadFull(r, h[2:4])
		length = uint64(binary.BigEndian.Uint16(h[2:]))
	case 127:
		_, err = io.ReadFull(r, h[2:10])
		length = binary.BigEndian.Uint64(h[2:])
	}
	switch {
	case err != nil:
		return f, err
	case h[1]&0x80 != 0:
		return f, errors.New("the server masked a frame")
	case f.first&0x70 != 0:
		return f, fmt.Errorf("the server sent a frame that begins with %#x", f.first)
	case length > mostPayload:
		return f, fmt.Errorf("the server announced a frame of %d octets", length)
	case f.first&8 != 0 && (length > 125 || f.first&fin == 0):
		return f, errors.New("the server sent a control frame that is none")
	}
	f.payload = make([]byte, length)
	_, err = io.ReadFull(r, f.payload)
	return f, err
}

// closeCode reads the payload of a Close, 1005 if there is none.
func closeCode(payload []byte) int {
	if len(payload) < 2 {
		return 1005
	}
	return int(binary.BigEndian.Uint16(payload))
}

// closePayload makes the payload of a Close.
func closePayload(code int, reason string) []byte {
	return append(binary.BigEndian.AppendUint16(nil, uint16(code)), reason...)
}
