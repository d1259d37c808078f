package proto

import (
	"github.com/openline/openline/websocket/internal/deflate"
	"github.com/openline/openline/websocket/internal/frame"
)

// packing is the part of a Sender that compresses (RFC 7692 §6.1).
//
// Its methods Pack, PackFragment, AppendPrepared and Forget, and those that take
// what the first two return, are to be called in the order of the wire, by one at
// a time. Pack and PackFragment change nothing else of the Sender, so that a
// driver may let its other methods be called meanwhile: compressing takes time.
type packing struct {
	deflate   *deflate.Deflater // nil: compression has not been agreed on
	threshold int               // octets from which on a message is compressed
	message   bool              // the fragmented message that is open is compressed
}

// Deflate makes the sender compress messages of threshold octets or more. It is
// called before anything is sent.
func (s *Sender) Deflate(d *deflate.Deflater, threshold int) {
	s.pack.deflate, s.pack.threshold = d, threshold
}

// Pack compresses a message and appends the result to dst, which is empty. It
// returns nil if the message is to be sent as it is: it is short, or would not
// become shorter.
func (s *Sender) Pack(dst, payload []byte) []byte {
	if s.pack.deflate == nil || len(payload) < s.pack.threshold {
		return nil
	}
	packed := s.pack.deflate.Append(dst, payload)
	if len(packed) >= len(payload) && s.pack.threshold > 0 {
		return nil
	}
	return packed
}

// PackFragment does the same for the next fragment of a message. Whether the
// message is compressed is decided with the first: if it is the last too, as for
// a whole message.
func (s *Sender) PackFragment(dst, payload []byte, last bool) []byte {
	switch {
	case s.pack.deflate == nil, s.opcode != 0 && !s.pack.message:
		return nil
	case s.opcode == 0 && last:
		return s.Pack(dst, payload)
	}
	return s.pack.deflate.AppendFragment(dst, payload, last)
}

// Forget says that what has been appended last may not be sent: nothing that
// follows refers to it or to what was before.
func (s *Sender) Forget() {
	if s.pack.deflate != nil {
		s.pack.deflate.Forget()
	}
}

// appendDeflatedHeader appends the header of a compressed message's first frame.
func (s *Sender) appendDeflatedHeader(dst []byte, fin bool, op frame.Opcode, n int) []byte {
	return s.appendRSV(dst, fin, frame.RSV1, op, n)
}

// AppendPrepared appends a message that was framed and checked beforehand as a
// server sends it: framed is the whole frame, its payload behind header octets.
// If it is compressed, without looking back at any other message, data is what
// it was before: the messages that follow may refer to it. The driver makes sure
// that no Close and no open fragment comes before it.
func (s *Sender) AppendPrepared(dst []byte, op frame.Opcode, framed []byte, header int, data []byte) []byte {
	compressed := framed[0]&frame.RSV1 != 0
	if compressed {
		s.pack.deflate.Sent(data, true, true)
	}
	if !s.client {
		return append(dst, framed...)
	}
	payload := framed[header:]
	if compressed {
		dst = s.appendDeflatedHeader(dst, true, op, len(payload))
	} else {
		dst = s.appendHeader(dst, true, op, len(payload))
	}
	return s.appendPayload(dst, payload)
}
