package load

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// The first octet of a frame (RFC 6455 §5.2).
const (
	fin        = 0x80
	rsv1       = 0x40
	opcodeText = 1
	opcodeBin  = 2
	opcodeEnd  = 8
)

// AppendFrame appends a message in one masked frame, whose first octet is given.
func AppendFrame(dst []byte, first byte, payload []byte) []byte {
	switch n := len(payload); {
	case n < 126:
		dst = append(dst, first, 0x80|byte(n))
	case n < 1<<16:
		dst = binary.BigEndian.AppendUint16(append(dst, first, 0x80|126), uint16(n))
	default:
		dst = binary.BigEndian.AppendUint64(append(dst, first, 0x80|127), uint64(n))
	}
	key := [4]byte{0x12, 0x34, 0x56, 0x78}
	dst = append(dst, key[:]...)
	for i, b := range payload {
		dst = append(dst, b^key[i%4])
	}
	return dst
}

// scanner finds the ends of messages in what a server sends, however it is cut into
// frames and reads.
type scanner struct {
	header  [10]byte
	have    int    // octets of header that have come
	left    uint64 // octets of the frame's payload that have not come
	inside  bool   // the header is complete, the payload is not
	message uint64 // octets of the message so far
	length  uint64 // octets of the last complete message
}

var errClosed = errors.New("load: the server sent a Close frame")

// scan takes what was read and returns how many messages ended in it. Each must be
// want octets long, unless want is negative.
func (s *scanner) scan(b []byte, want int) (messages int, err error) {
	for {
		if s.inside {
			n := min(uint64(len(b)), s.left)
			s.left -= n
			b = b[n:]
			if s.left > 0 {
				return messages, nil
			}
			s.inside = false
			if s.header[0]&8 == 0 && s.header[0]&fin != 0 {
				s.length, s.message = s.message, 0
				if want >= 0 && s.length != uint64(want) {
					return messages, fmt.Errorf("load: a message of %d octets came instead of %d", s.length, want)
				}
				messages++
			}
			s.have = 0
		}
		for s.have < 2 || s.have < s.size() {
			if len(b) == 0 {
				return messages, nil
			}
			s.header[s.have] = b[0]
			s.have++
			b = b[1:]
		}
		if s.header[0]&15 == opcodeEnd {
			return messages, errClosed
		}
		if s.header[1]&0x80 != 0 {
			return messages, errors.New("load: the server masked a frame")
		}
		switch s.header[1] {
		case 126:
			s.left = uint64(binary.BigEndian.Uint16(s.header[2:]))
		case 127:
			s.left = binary.BigEndian.Uint64(s.header[2:])
		default:
			s.left = uint64(s.header[1])
		}
		if s.header[0]&8 == 0 {
			s.message += s.left
		}
		s.inside = true
	}
}

// size is how long the header is, by its second octet.
func (s *scanner) size() int {
	switch s.header[1] & 0x7f {
	case 126:
		return 4
	case 127:
		return 10
	}
	return 2
}
