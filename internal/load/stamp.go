package load

import "bytes"

// A stamp is what a published message says about itself, so that whoever gets it
// knows how long it was under way and whether one before it is missing:
//
//	~ol~ | run 8 | publisher 4 | number 8 | nanoseconds 16   in hexadecimal digits
//
// It stands somewhere in the message, whatever a server wraps around it.
type stamp struct {
	run       uint32 // tells the messages of several loads on one channel apart
	publisher uint16
	number    uint32 // of this publisher's messages to this receiver, from 0
	sent      uint64 // on the clock of the fleet
}

const (
	stampMark = "~ol~"
	stampSize = len(stampMark) + 8 + 4 + 8 + 16
)

var mark = []byte(stampMark)

// append appends the stamp.
func (s stamp) append(dst []byte) []byte {
	dst = append(dst, stampMark...)
	dst = appendHex(dst, uint64(s.run), 8)
	dst = appendHex(dst, uint64(s.publisher), 4)
	dst = appendHex(dst, uint64(s.number), 8)
	return appendHex(dst, s.sent, 16)
}

// findStamp returns the stamp in a message.
func findStamp(msg []byte) (s stamp, ok bool) {
	i := bytes.Index(msg, mark)
	if i < 0 || len(msg)-i < stampSize {
		return stamp{}, false
	}
	b := msg[i+len(stampMark):]
	return stamp{
		run: uint32(hexValue(b[:8])), publisher: uint16(hexValue(b[8:12])),
		number: uint32(hexValue(b[12:20])), sent: hexValue(b[20:36]),
	}, true
}

func appendHex(dst []byte, v uint64, digits int) []byte {
	for i := digits - 1; i >= 0; i-- {
		dst = append(dst, "0123456789abcdef"[v>>(4*i)&15])
	}
	return dst
}

func hexValue(b []byte) (v uint64) {
	for _, c := range b {
		if c > '9' {
			c -= 'a' - '9' - 1
		}
		v = v<<4 | uint64((c-'0')&15)
	}
	return v
}

// body is a JSON string of that many bytes with the stamp in it.
func (s stamp) body(size int) []byte {
	b := append(make([]byte, 0, size), '"')
	b = s.append(b)
	for len(b) < size-1 {
		b = append(b, 'x')
	}
	return append(b, '"')
}
