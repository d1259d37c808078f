// Package frame encodes and decodes the header of a WebSocket frame
// (RFC 6455 §5.2). It knows the layout and the rules that a header can break
// by itself; what depends on the connection (is a message open, which side is
// this, how large may a message be) is the business of package proto.
//
//	 0                   1                   2                   3
//	 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//	+-+-+-+-+-------+-+-------------+-------------------------------+
//	|F|R|R|R| opcode|M| length      |  length, 16 bit (when 126)    |
//	|I|S|S|S|  (4)  |A|    (7)      |  or 64 bit (when 127)         |
//	|N|V|V|V|       |S|             |                               |
//	| |1|2|3|       |K|             |                               |
//	+-+-+-+-+-------+-+-------------+-------------------------------+
//	|  masking key, 4 octets, when MASK is set                      |
//	+---------------------------------------------------------------+
package frame

import "encoding/binary"

// Opcode says what a frame is (RFC 6455 §5.2, §11.8).
type Opcode uint8

// The opcodes that RFC 6455 defines. 3–7 and 11–15 are reserved.
const (
	Continuation Opcode = 0x0
	Text         Opcode = 0x1
	Binary       Opcode = 0x2
	Close        Opcode = 0x8
	Ping         Opcode = 0x9
	Pong         Opcode = 0xA
)

// Control reports whether op is a control frame's: its top bit is set
// (RFC 6455 §5.5).
func (op Opcode) Control() bool { return op&0x8 != 0 }

// Defined reports whether RFC 6455 gives op a meaning.
func (op Opcode) Defined() bool { return op <= Binary || op >= Close && op <= Pong }

// String gives the RFC's name of the opcode.
func (op Opcode) String() string {
	switch op {
	case Continuation:
		return "continuation"
	case Text:
		return "text"
	case Binary:
		return "binary"
	case Close:
		return "close"
	case Ping:
		return "ping"
	case Pong:
		return "pong"
	}
	return "reserved"
}

// Bits of a header's first two octets.
const (
	FIN     = 0x80
	RSV1    = 0x40
	RSV2    = 0x20
	RSV3    = 0x10
	RSV     = RSV1 | RSV2 | RSV3
	MASK    = 0x80
	length7 = 0x7F
)

// MaxHeader is the size of the longest header: two octets, a 64-bit length
// and a masking key.
const MaxHeader = 14

// MaxControl is the largest payload of a control frame (RFC 6455 §5.5).
const MaxControl = 125

// MaxLength is the largest payload length that can be declared: the top bit of
// the 64-bit form must be clear (RFC 6455 §5.2).
const MaxLength = 1<<63 - 1

// Header is a frame header.
type Header struct {
	Fin    bool
	RSV    uint8 // the RSV1, RSV2 and RSV3 bits where they stand in the first octet
	Opcode Opcode
	Masked bool
	Key    [4]byte // meaningful when Masked
	Length uint64  // octets of payload
}

// Size returns the number of octets that AppendHeader would add for a payload
// of n octets.
func Size(n int, masked bool) int {
	size := 2
	switch {
	case n > 0xFFFF:
		size += 8
	case n > MaxControl:
		size += 2
	}
	if masked {
		size += 4
	}
	return size
}

// AppendHeader appends h to dst, its length in the shortest form as RFC 6455
// §5.2 demands of a sender, and returns the extended slice.
func AppendHeader(dst []byte, h Header) []byte {
	b0 := byte(h.Opcode) | h.RSV
	if h.Fin {
		b0 |= FIN
	}
	var b1 byte
	if h.Masked {
		b1 = MASK
	}
	switch {
	case h.Length <= MaxControl:
		dst = append(dst, b0, b1|byte(h.Length))
	case h.Length <= 0xFFFF:
		dst = append(dst, b0, b1|126, byte(h.Length>>8), byte(h.Length))
	default:
		dst = append(dst, b0, b1|127)
		dst = binary.BigEndian.AppendUint64(dst, h.Length)
	}
	if h.Masked {
		dst = append(dst, h.Key[:]...)
	}
	return dst
}

// AppendWhole appends a frame without a mask that is a whole message: its header
// and payload, which is only read.
func AppendWhole(dst []byte, op Opcode, payload []byte) []byte {
	switch n := len(payload); {
	case n <= MaxControl:
		dst = append(dst, FIN|byte(op), byte(n))
	case n <= 0xFFFF:
		dst = append(dst, FIN|byte(op), 126, byte(n>>8), byte(n))
	default:
		dst = AppendHeader(dst, Header{Fin: true, Opcode: op, Length: uint64(n)})
	}
	return append(dst, payload...)
}

// HasShort reports whether b begins with a frame, whole, that is a text or binary
// message of at most 125 octets. It looks at nothing else, so that it costs less
// than to parse the header.
func HasShort(b []byte) bool {
	if len(b) < 2 || b[0] != FIN|byte(Binary) && b[0] != FIN|byte(Text) {
		return false
	}
	n := int(b[1] & length7)
	return n <= MaxControl && len(b) >= 2+4*int(b[1]>>7)+n
}

// HeaderLen returns how long the header is whose second octet is b1.
func HeaderLen(b1 byte) int {
	n := 2
	switch b1 & length7 {
	case 126:
		n += 2
	case 127:
		n += 8
	}
	if b1&MASK != 0 {
		n += 4
	}
	return n
}

// ParseHeader reads one header from the front of b. n is the number of octets
// it took; n is 0 when b does not hold the whole header yet. The only rules it
// enforces are those of the length field (RFC 6455 §5.2): the shortest form,
// and a 64-bit length below 2^63.
func ParseHeader(b []byte) (h Header, n int, err error) {
	if len(b) < 2 {
		return Header{}, 0, nil
	}
	h = Header{
		Fin:    b[0]&FIN != 0,
		RSV:    b[0] & RSV,
		Opcode: Opcode(b[0] & 0x0F),
		Masked: b[1]&MASK != 0,
		Length: uint64(b[1] & length7),
	}
	n = 2
	switch h.Length {
	case 126:
		if len(b) < 4 {
			return Header{}, 0, nil
		}
		h.Length = uint64(binary.BigEndian.Uint16(b[2:]))
		n = 4
		if h.Length <= MaxControl {
			return Header{}, 0, ErrLengthForm
		}
	case 127:
		if len(b) < 10 {
			return Header{}, 0, nil
		}
		h.Length = binary.BigEndian.Uint64(b[2:])
		n = 10
		if h.Length > MaxLength {
			return Header{}, 0, ErrLengthRange
		}
		if h.Length <= 0xFFFF {
			return Header{}, 0, ErrLengthForm
		}
	}
	if h.Masked {
		if len(b) < n+4 {
			return Header{}, 0, nil
		}
		copy(h.Key[:], b[n:])
		n += 4
	}
	return h, n, nil
}

// Error is a violation of the length field's rules.
type Error string

func (e Error) Error() string { return string(e) }

// What ParseHeader refuses.
const (
	ErrLengthForm  Error = "payload length not in the shortest form (RFC 6455 §5.2)"
	ErrLengthRange Error = "payload length has its top bit set (RFC 6455 §5.2)"
)
