package proto

import (
	"errors"
	"math"

	"github.com/openline/openline/websocket/internal/deflate"
	"github.com/openline/openline/websocket/internal/frame"
)

// Inflate makes the receiver inflate messages whose first frame has RSV1 set
// (RFC 7692 §6.2). It is called before the first Receive.
func (r *Receiver) Inflate(d *deflate.Inflater) { r.inflate, r.rsv1 = d, true }

// Pending reports whether Receive may have an event without further input.
func (r *Receiver) Pending() bool { return r.pending }

// Release gives up what the last event's Payload may be a view of, if that was
// memory of the receiver's. The driver calls it when it is done with a message
// and before it waits.
func (r *Receiver) Release() {
	if r.inflate != nil {
		r.inflate.Release()
	}
}

// compressed reports whether the open message is to be inflated.
func (r *Receiver) compressed() bool { return r.firstRSV1 && r.inflate != nil }

// inflated takes what comes of the compressed octets that have been taken in.
func (r *Receiver) inflated() (Event, error) {
	out, more, err := r.inflate.Next()
	// What is wrong first is what fails, however much was inflated at once.
	within := out
	left, beyond := r.inflateLeft()
	if int64(len(out)) > left {
		within = out[:left]
	}
	if r.opcode == frame.Text && !r.text.Write(within) {
		return Event{}, ErrText
	}
	switch {
	case len(within) < len(out):
		return Event{}, beyond
	case err != nil:
		return Event{}, deflateError(err)
	}
	r.size += int64(len(out))
	r.pending = more
	last := !more && !r.payload && r.cur.Fin
	if last {
		if err := r.inflate.End(); err != nil {
			return Event{}, deflateError(err)
		}
		if r.size > r.ratioLimit(r.packed) {
			return Event{}, ErrRatio
		}
	}
	if len(out) == 0 && !last {
		return Event{}, nil
	}
	return r.piece(out, last)
}

// ratioStep is how many compressed octets are judged together by what they inflate
// to, so that it does not matter how they arrived. At a message's end it is exact.
const ratioStep = 1 << 10

// inflateRoom is how many octets may be given to inflate before what comes of
// them is judged.
func (r *Receiver) inflateRoom() int {
	room := r.inflate.Room()
	if r.limits.Ratio > 0 {
		room = min(room, int(ratioStep-r.packed%ratioStep))
	}
	return room
}

// inflateLeft is how much more the message may inflate to with what has come of
// it, and what is wrong with more.
func (r *Receiver) inflateLeft() (left int64, beyond error) {
	left = math.MaxInt64
	if r.limits.MessageSize > 0 {
		left, beyond = r.limits.MessageSize-r.size, ErrMessageTooBig
	}
	if most := r.ratioLimit((r.packed + ratioStep - 1) / ratioStep * ratioStep); most-r.size < left {
		left, beyond = most-r.size, ErrRatio
	}
	return left, beyond
}

// ratioLimit is the most that so many octets may inflate to.
func (r *Receiver) ratioLimit(packed int64) int64 {
	if r.limits.Ratio <= 0 || packed > math.MaxInt64/r.limits.Ratio {
		return math.MaxInt64
	}
	return max(r.limits.RatioFloor, r.limits.Ratio*packed)
}

func deflateError(err error) error {
	switch {
	case errors.Is(err, deflate.ErrCut):
		return ErrDeflateCut
	case errors.Is(err, deflate.ErrWindow):
		return ErrDeflateWindow
	}
	return ErrDeflate
}

// drop gives up the message that is being inflated.
func (r *Receiver) drop() {
	r.pending = false
	if r.inflate != nil {
		r.inflate.Drop()
	}
}
