package proto

import (
	"github.com/openline/openline/websocket/internal/deflate"
	"github.com/openline/openline/websocket/internal/frame"
	"github.com/openline/openline/websocket/internal/mask"
	"github.com/openline/openline/websocket/internal/utf8x"
)

// Kind says what an Event is.
type Kind uint8

// The kinds of event.
const (
	NeedMore Kind = iota // the input is used up and nothing came of it yet
	Data                 // a piece of a text or binary message
	Ping
	Pong
	Close
)

// Event is what Receive found. Payload and Reason are views of the input given
// to Receive, or of the receiver's own memory: valid until the next call.
type Event struct {
	Kind    Kind
	Opcode  frame.Opcode // Data: Text or Binary, the type of the message
	First   bool         // Data: the message begins with this piece
	Last    bool         // Data: the message ends with this piece
	RSV1    bool         // Data: the message's first frame had RSV1 set, it came compressed
	Code    uint16       // Close: the peer's code, CodeNoStatus for an empty body
	Payload []byte       // Data, Ping, Pong: unmasked octets; Close: the reason
}

// Limits bound what a peer may make this end hold or do.
type Limits struct {
	MessageSize int64 // octets of one message, when inflated; 0 or less: none
	Fragments   int   // frames of one message; 0 or less: none

	// Ratio is how many octets one octet of a compressed message may inflate to,
	// once more than RatioFloor have come of the message; 0 or less: any number.
	Ratio      int64
	RatioFloor int64
}

// Receiver reads one direction of a connection.
type Receiver struct {
	limits  Limits
	client  bool  // this end is the client, so what arrives must not be masked
	rsv1    bool  // an extension gives RSV1 a meaning on the first frame of a message
	ended   bool  // the peer's Close has been read
	pending bool  // inflate has been given octets that it may make something of
	failure error // what Receive returned once, it returns for ever

	// The message that is being read. What is small stands together: a receiver is
	// part of every connection.
	open      bool
	opcode    frame.Opcode
	firstRSV1 bool
	begun     bool // its first piece has been reported
	text      utf8x.Validator

	// The frame that is being read.
	have    uint8                 // how many octets header has
	header  [frame.MaxHeader]byte // its first octets, when the input was cut inside the header
	payload bool                  // the header is complete, the payload is not
	cur     frame.Header
	left    uint64 // octets of payload still to come
	pos     int    // position in the masking key
	control []byte // payload of a control frame, when the input was cut inside it

	// The message again.
	size      int64
	packed    int64 // octets that have been given to inflate
	fragments int

	inflate *deflate.Inflater // nil: compression has not been agreed on
}

// NewReceiver returns the receiving half of a connection's client or server
// end. rsv1 is true when a negotiated extension defines RSV1 on the first
// frame of a message (RFC 7692 §6 does).
func NewReceiver(client, rsv1 bool, limits Limits) Receiver {
	return Receiver{client: client, rsv1: rsv1, limits: limits}
}

// Ended reports whether the peer's Close has been read.
func (r *Receiver) Ended() bool { return r.ended }

// InFrame reports whether part of a frame has arrived and part of it has not.
func (r *Receiver) InFrame() bool { return r.payload || r.have > 0 }

// InMessage reports whether a message has begun and not ended.
func (r *Receiver) InMessage() bool { return r.open }

// DataLeft returns how many octets of the current data frame's payload are
// still to come: what a driver may read straight to where it wants them. It is
// the peer's claim and no reason to reserve memory.
func (r *Receiver) DataLeft() uint64 {
	if !r.payload || r.cur.Opcode.Control() || r.compressed() {
		return 0
	}
	return r.left
}

// Receive takes octets from the peer. It unmasks them in place and stops at the
// first event: n is how many octets of p it took, to be called again with the
// rest, and as long as Pending reports true. Without an event it takes all of p.
// After an error, which is always an
// *Error, nothing further is read; after a Close everything is discarded
// (RFC 6455 §1.4, §5.5.1).
func (r *Receiver) Receive(p []byte) (n int, ev Event, err error) {
	if r.failure != nil {
		return 0, Event{}, r.failure
	}
	if r.ended {
		return len(p), Event{}, nil
	}
	for r.pending || n < len(p) {
		if r.pending {
			if ev, err = r.inflated(); err != nil {
				return n, Event{}, r.fail(err)
			}
			if ev.Kind != NeedMore {
				return n, ev, nil
			}
			continue
		}
		if !r.payload {
			k, err := r.readHeader(p[n:])
			n += k
			if err != nil {
				return n, Event{}, r.fail(err)
			}
			if !r.payload {
				return n, Event{}, nil
			}
		}
		piece := p[n:len(p):len(p)] // without room behind it: that is the next frame's
		if uint64(len(piece)) > r.left {
			piece = piece[:r.left:r.left]
		}
		if r.compressed() && !r.cur.Opcode.Control() {
			piece = piece[:min(len(piece), r.inflateRoom())]
		}
		n += len(piece)
		r.left -= uint64(len(piece))
		if r.cur.Opcode.Control() {
			ev, err = r.controlPiece(piece)
		} else {
			ev, err = r.dataPiece(piece)
		}
		if err != nil {
			return n, Event{}, r.fail(err)
		}
		if ev.Kind != NeedMore {
			return n, ev, nil
		}
	}
	return n, Event{}, nil
}

func (r *Receiver) fail(err error) error {
	r.failure = err
	r.control = nil
	r.drop()
	return err
}

// readHeader takes header octets from p until the header is complete
// (r.payload is then set) or p is used up. What can be refused is refused at
// the octet that shows it.
func (r *Receiver) readHeader(p []byte) (n int, err error) {
	if r.have == 0 && len(p) >= 2 {
		if err := r.checkFirst(p[0]); err != nil {
			return 1, err
		}
		if err := r.checkSecond(p[0], p[1]); err != nil {
			return 2, err
		}
		h, n, err := frame.ParseHeader(p)
		if err != nil {
			return len(p), lengthError(err)
		}
		if n > 0 {
			return n, r.begin(h)
		}
	}
	for ; n < len(p); n++ {
		r.header[r.have] = p[n]
		r.have++
		switch r.have {
		case 1:
			err = r.checkFirst(p[n])
		case 2:
			err = r.checkSecond(r.header[0], p[n])
		}
		if err != nil {
			return n + 1, err
		}
		h, k, err := frame.ParseHeader(r.header[:r.have])
		if err != nil {
			return n + 1, lengthError(err)
		}
		if k > 0 {
			r.have = 0
			return n + 1, r.begin(h)
		}
	}
	return n, nil
}

func lengthError(err error) error {
	if err == frame.ErrLengthRange {
		return ErrLengthRange
	}
	return ErrLengthForm
}

// checkFirst judges a header by its first octet.
func (r *Receiver) checkFirst(b0 byte) error {
	op := frame.Opcode(b0 & 0x0F)
	rsv := b0 & frame.RSV
	if r.rsv1 && (op == frame.Text || op == frame.Binary) {
		rsv &^= frame.RSV1
	}
	switch {
	case rsv != 0:
		return ErrRSV
	case !op.Defined():
		return ErrOpcode
	case op.Control():
		if b0&frame.FIN == 0 {
			return ErrControlFin
		}
	case op == frame.Continuation:
		if !r.open {
			return ErrContinuation
		}
	case r.open:
		return ErrInterleaved
	}
	return nil
}

// checkSecond judges a header by its first two octets.
func (r *Receiver) checkSecond(b0, b1 byte) error {
	switch masked := b1&frame.MASK != 0; {
	case !masked && !r.client:
		return ErrNotMasked
	case masked && r.client:
		return ErrMasked
	case frame.Opcode(b0&0x0F).Control() && b1&^frame.MASK > frame.MaxControl:
		return ErrControlLength
	}
	return nil
}

// begin starts the payload of h, whose two first octets have been judged.
func (r *Receiver) begin(h frame.Header) error {
	r.cur, r.left, r.pos, r.payload = h, h.Length, 0, true
	if h.Opcode.Control() {
		return nil
	}
	if h.Opcode != frame.Continuation {
		r.open, r.begun, r.opcode = true, false, h.Opcode
		r.firstRSV1 = h.RSV&frame.RSV1 != 0
		r.size, r.packed, r.fragments = 0, 0, 0
		r.text.Reset()
	}
	// The limit holds for the whole message and is judged by the claim, before
	// any of the payload is awaited (RFC 6455 §10.4).
	// Of a compressed message it is what comes out that counts.
	if !r.compressed() {
		if r.limits.MessageSize > 0 && h.Length > uint64(r.limits.MessageSize-r.size) {
			return ErrMessageTooBig
		}
		r.size += int64(h.Length)
	}
	r.fragments++
	if r.limits.Fragments > 0 && r.fragments > r.limits.Fragments {
		return ErrFragmentsLimit
	}
	return nil
}

// dataPiece takes octets of the current data frame's payload.
func (r *Receiver) dataPiece(piece []byte) (Event, error) {
	if len(piece) == 0 && r.left > 0 {
		return Event{}, nil
	}
	ascii := false // whether the piece is known to be
	switch {
	case r.cur.Masked && r.opcode == frame.Text && !r.firstRSV1:
		r.pos, ascii = mask.ApplyASCII(piece, r.cur.Key, r.pos)
	case r.cur.Masked:
		r.pos = mask.Apply(piece, r.cur.Key, r.pos)
	}
	r.payload = r.left > 0
	last := !r.payload && r.cur.Fin
	if r.compressed() {
		r.packed += int64(r.inflate.Take(piece))
		r.pending = len(piece) > 0 || last
		return Event{}, nil
	}
	if r.opcode == frame.Text && !r.firstRSV1 && !(ascii && r.text.Complete()) && !r.text.Write(piece) {
		return Event{}, ErrText
	}
	return r.piece(piece, last)
}

// piece reports octets of a message as they are for the application. Text among
// them has been checked.
func (r *Receiver) piece(piece []byte, last bool) (Event, error) {
	if last && r.opcode == frame.Text && (!r.firstRSV1 || r.inflate != nil) && !r.text.Complete() {
		return Event{}, ErrText
	}
	first := !r.begun
	if len(piece) == 0 && !first && !last {
		return Event{}, nil
	}
	r.begun = true
	r.open = !last
	return Event{Kind: Data, Opcode: r.opcode, First: first, Last: last, RSV1: r.firstRSV1, Payload: piece}, nil
}

// controlPiece takes octets of the current control frame's payload and reports
// the frame when it is whole.
func (r *Receiver) controlPiece(piece []byte) (Event, error) {
	if r.left > 0 {
		// Cut inside a control frame: at most 125 octets are kept.
		r.control = append(r.control, piece...)
		return Event{}, nil
	}
	r.payload = false
	if len(r.control) > 0 {
		piece = append(r.control, piece...)
		r.control = nil
	}
	if r.cur.Masked {
		mask.Apply(piece, r.cur.Key, 0)
	}
	switch r.cur.Opcode {
	case frame.Ping:
		return Event{Kind: Ping, Payload: piece}, nil
	case frame.Pong:
		return Event{Kind: Pong, Payload: piece}, nil
	}
	ev, err := parseClose(piece)
	if err == nil {
		r.ended, r.open = true, false
		r.drop()
	}
	return ev, err
}

// parseClose reads the body of a Close frame (RFC 6455 §5.5.1, §7.4).
func parseClose(body []byte) (Event, error) {
	switch len(body) {
	case 0:
		return Event{Kind: Close, Code: CodeNoStatus}, nil
	case 1:
		return Event{}, ErrCloseLength
	}
	code := uint16(body[0])<<8 | uint16(body[1])
	if !ValidCloseCode(code) {
		return Event{}, ErrCloseCode
	}
	if !utf8x.Valid(body[2:]) {
		return Event{}, ErrCloseReason
	}
	return Event{Kind: Close, Code: code, Payload: body[2:]}, nil
}
