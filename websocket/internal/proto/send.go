package proto

import (
	"errors"

	"github.com/openline/openline/websocket/internal/frame"
	"github.com/openline/openline/websocket/internal/mask"
	"github.com/openline/openline/websocket/internal/utf8x"
)

// What the Sender refuses to its own application. Nothing is sent then.
var (
	ErrClosing    = errors.New("the closing handshake has begun, no message can follow it (RFC 6455 §5.5.1)")
	ErrNotUTF8    = errors.New("text message is not UTF-8, send it as binary (RFC 6455 §8.1)")
	ErrFragment   = errors.New("a fragmented message is open, no other message can begin (RFC 6455 §5.4)")
	ErrBadCode    = errors.New("this close code must not be sent (RFC 6455 §7.4)")
	ErrBadReason  = errors.New("close reason is not UTF-8 (RFC 6455 §5.5.1)")
	ErrLongReason = errors.New("close reason is over 123 octets (RFC 6455 §5.5)")
	ErrNoCode     = errors.New("a close reason needs a close code (RFC 6455 §5.5.1)")
	ErrLongPing   = errors.New("ping payload is over 125 octets (RFC 6455 §5.5)")
)

// MaxCloseReason is the longest reason that a Close frame holds beside its
// code.
const MaxCloseReason = frame.MaxControl - 2

// queuedPongs bounds the octets of Pongs that wait to be sent. A peer that
// sends Pings faster than it reads gets the answer to its latest only, as RFC
// 6455 §5.5.3 allows.
const queuedPongs = 8 * (frame.MaxHeader + frame.MaxControl)

// Sender writes one direction of a connection.
type Sender struct {
	client bool // this end is the client, so what it sends is masked

	closing bool // a Close has been queued or sent: no data may follow
	ended   bool // the peer's Close has been seen: no Pong may follow either
	opcode  frame.Opcode
	text    utf8x.Validator // of the fragmented message that is open
	pongs   []byte          // Pong frames to be sent with the next write
	pings   []byte          // Ping frames to be sent with the next write
	close   []byte          // the Close frame, to be sent when all data that was before it has been
	pack    packing
}

// NewSender returns the sending half of a connection's client or server end.
func NewSender(client bool) Sender { return Sender{client: client} }

// Closing reports whether a Close has been queued or sent.
func (s *Sender) Closing() bool { return s.closing }

// Fragmenting reports whether a fragmented message has begun and not ended.
func (s *Sender) Fragmenting() bool { return s.opcode != 0 }

// AppendMessage appends a whole message as one frame. payload is only read.
func (s *Sender) AppendMessage(dst []byte, op frame.Opcode, payload []byte) ([]byte, error) {
	return s.AppendPacked(dst, op, payload, s.Pack(nil, payload))
}

// AppendPacked is AppendMessage with what Pack has made of the payload.
func (s *Sender) AppendPacked(dst []byte, op frame.Opcode, payload, packed []byte) ([]byte, error) {
	if err := s.checkMessage(op, payload); err != nil {
		return dst, err
	}
	switch {
	case packed == nil && !s.client:
		return frame.AppendWhole(dst, op, payload), nil
	case packed == nil:
		return s.appendPayload(s.appendHeader(dst, true, op, len(payload)), payload), nil
	}
	s.pack.deflate.Sent(payload, true, false)
	return s.appendPayload(s.appendDeflatedHeader(dst, true, op, len(packed)), packed), nil
}

// AppendMessageHeader appends the header only, for a driver that writes the
// payload from where it is; that works for a server, whose frames are not
// masked.
func (s *Sender) AppendMessageHeader(dst []byte, op frame.Opcode, payload []byte) ([]byte, error) {
	if err := s.checkMessage(op, payload); err != nil {
		return dst, err
	}
	return s.appendHeader(dst, true, op, len(payload)), nil
}

func (s *Sender) checkMessage(op frame.Opcode, payload []byte) error {
	switch {
	case s.closing:
		return ErrClosing
	case s.opcode != 0:
		return ErrFragment
	case op == frame.Text && !utf8x.Valid(payload):
		return ErrNotUTF8
	}
	return nil
}

// AppendFragment appends the next frame of a fragmented message: op names the
// type of the message (each time), last ends it. payload is only read.
func (s *Sender) AppendFragment(dst []byte, op frame.Opcode, last bool, payload []byte) ([]byte, error) {
	return s.AppendPackedFragment(dst, op, last, payload, s.PackFragment(nil, payload, last))
}

// AppendPackedFragment is AppendFragment with what PackFragment has made of the
// payload.
func (s *Sender) AppendPackedFragment(dst []byte, op frame.Opcode, last bool, payload, packed []byte) ([]byte, error) {
	if s.closing {
		return dst, ErrClosing
	}
	wire, text := frame.Continuation, s.text
	switch s.opcode {
	case 0:
		wire = op
		text.Reset()
	case op:
	default:
		return dst, ErrFragment
	}
	if op == frame.Text && (!text.Write(payload) || last && !text.Complete()) {
		return dst, ErrNotUTF8 // nothing has changed: the message may go on with better octets
	}
	s.opcode, s.text = op, text
	if last {
		s.opcode = 0
	}
	s.pack.message = packed != nil
	if packed != nil {
		s.pack.deflate.Sent(payload, last, false)
		if wire == frame.Continuation {
			dst = s.appendHeader(dst, last, wire, len(packed))
		} else {
			dst = s.appendDeflatedHeader(dst, last, wire, len(packed))
		}
		return s.appendPayload(dst, packed), nil
	}
	return s.appendPayload(s.appendHeader(dst, last, wire, len(payload)), payload), nil
}

// QueuePong queues the answer to a Ping (RFC 6455 §5.5.2, §5.5.3). The payload
// is copied.
func (s *Sender) QueuePong(payload []byte) {
	if s.ended {
		return
	}
	if len(s.pongs)+frame.MaxHeader+len(payload) > queuedPongs {
		s.pongs = s.pongs[:0]
	}
	s.pongs = s.appendPayload(s.appendHeader(s.pongs, true, frame.Pong, len(payload)), payload)
}

// AppendPong appends the answer to a Ping, for a driver that has nothing queued.
func (s *Sender) AppendPong(dst, payload []byte) []byte {
	return s.appendPayload(s.appendHeader(dst, true, frame.Pong, len(payload)), payload)
}

// QueuePing queues a Ping. The payload is copied.
func (s *Sender) QueuePing(payload []byte) error {
	switch {
	case len(payload) > frame.MaxControl:
		return ErrLongPing
	case s.closing:
		return ErrClosing
	}
	s.pings = s.appendPayload(s.appendHeader(s.pings, true, frame.Ping, len(payload)), payload)
	return nil
}

// QueuedPings is how many octets of Pings wait to be sent.
func (s *Sender) QueuedPings() int { return len(s.pings) }

// QueueClose queues this end's Close, the last frame but for Pongs. Code
// CodeNoStatus with no reason makes an empty body. It reports whether this was
// the first Close; a second is never sent.
func (s *Sender) QueueClose(code uint16, reason string) (bool, error) {
	if err := s.CheckClose(code, reason); err != nil {
		return false, err
	}
	if s.closing {
		return false, nil
	}
	s.closing = true
	var body []byte
	if code != CodeNoStatus {
		body = append([]byte{byte(code >> 8), byte(code)}, reason...)
	}
	s.close = s.appendPayload(s.appendHeader(nil, true, frame.Close, len(body)), body)
	return true, nil
}

// CheckClose tells whether QueueClose would take the code and the reason.
func (s *Sender) CheckClose(code uint16, reason string) error {
	switch {
	case code == CodeNoStatus:
		if reason != "" {
			return ErrNoCode
		}
		return nil
	case !ValidCloseCode(code), code == CodeMandatory && !s.client:
		return ErrBadCode
	case len(reason) > MaxCloseReason:
		return ErrLongReason
	case !utf8x.Valid([]byte(reason)):
		return ErrBadReason
	}
	return nil
}

// PeerClosed takes note of the peer's Close and queues the answer unless this
// end's own Close is already under way (RFC 6455 §5.5.1: one Close a side, the
// code echoed).
func (s *Sender) PeerClosed(code uint16) {
	if code == CodeMandatory && !s.client {
		code = CodeNormal // a server never sends 1010 (RFC 6455 §7.4.1)
	}
	_, _ = s.QueueClose(code, "") // a code that was received may be sent
	s.ended = true
}

// HasControl reports whether Pings or Pongs are queued.
func (s *Sender) HasControl() bool { return len(s.pongs)+len(s.pings) > 0 }

// AppendControl appends the queued Pongs and Pings and empties their queues.
func (s *Sender) AppendControl(dst []byte) []byte {
	dst = append(append(dst, s.pongs...), s.pings...)
	s.pongs, s.pings = nil, nil
	return dst
}

// HasClose reports whether a Close is queued.
func (s *Sender) HasClose() bool { return len(s.close) > 0 }

// AppendClose appends the queued Close, if there is one. The driver calls it
// when the data that it took before the Close is on its way.
func (s *Sender) AppendClose(dst []byte) []byte {
	dst = append(dst, s.close...)
	s.close = nil
	return dst
}

func (s *Sender) appendHeader(dst []byte, fin bool, op frame.Opcode, n int) []byte {
	return s.appendRSV(dst, fin, 0, op, n)
}

func (s *Sender) appendRSV(dst []byte, fin bool, rsv uint8, op frame.Opcode, n int) []byte {
	h := frame.Header{Fin: fin, RSV: rsv, Opcode: op, Masked: s.client, Length: uint64(n)}
	if s.client {
		h.Key = mask.NewKey()
	}
	return frame.AppendHeader(dst, h)
}

// appendPayload appends payload behind its header, masked with the key that
// ends the header.
func (s *Sender) appendPayload(dst, payload []byte) []byte {
	at := len(dst)
	dst = append(dst, payload...)
	if s.client {
		mask.Apply(dst[at:], [4]byte(dst[at-4:at]), 0)
	}
	return dst
}
