package proto

import (
	"github.com/openline/openline/websocket/internal/frame"
	"github.com/openline/openline/websocket/internal/mask"
	"github.com/openline/openline/websocket/internal/utf8x"
)

// Whole is the short way for what most messages are: one frame that lies whole at
// the front of p, not compressed and with at most 65,535 octets. n is how many octets
// of p it took. It is 0 when p begins with anything else, or with something that is
// wrong: p and the receiver are as they were then, and Receive has to look.
//
// The payload is unmasked in place and is a view of p. A driver that calls Receive
// only is told the same, as a Data event that is First and Last.
func (r *Receiver) Whole(p []byte) (op frame.Opcode, payload []byte, n int) {
	if len(p) < 2 || r.open || r.payload || r.have > 0 || r.ended || r.failure != nil {
		return 0, nil, 0
	}
	b0, b1 := p[0], p[1]
	if b0 != frame.FIN|byte(frame.Binary) && b0 != frame.FIN|byte(frame.Text) {
		return 0, nil, 0
	}
	from := 2
	if !r.client {
		b1 ^= frame.MASK // clear now if the frame is masked, as it has to be (RFC 6455 §5.1)
		from += 4
	}
	size := int(b1)
	if size > frame.MaxControl {
		if size != 126 || len(p) < 4 {
			return 0, nil, 0
		}
		if size = int(p[2])<<8 | int(p[3]); size <= frame.MaxControl {
			return 0, nil, 0 // not the shortest form (RFC 6455 §5.2)
		}
		from += 2
	}
	n = from + size
	if len(p) < n || r.limits.MessageSize > 0 && int64(size) > r.limits.MessageSize {
		return 0, nil, 0
	}
	payload = p[from:n:n]
	if op = frame.Opcode(b0 & 0x0F); op == frame.Text {
		if !r.wholeText(payload, p[:from]) {
			return 0, nil, 0
		}
		return op, payload, n
	}
	if !r.client {
		mask.Apply(payload, [4]byte(p[from-4:from]), 0)
	}
	return op, payload, n
}

// wholeText unmasks a text with the key that ends its header, and reports whether
// it is UTF-8. If not it is left as it came.
func (r *Receiver) wholeText(payload, header []byte) bool {
	if r.client {
		return utf8x.Valid(payload)
	}
	key := [4]byte(header[len(header)-4:])
	if _, ascii := mask.ApplyASCII(payload, key, 0); ascii || utf8x.Valid(payload) {
		return true
	}
	mask.Apply(payload, key, 0)
	return false
}
