package proto

import (
	"errors"

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
	if left := r.limits.MessageSize - r.size; r.limits.MessageSize > 0 && int64(len(out)) > left {
		within = out[:left]
	}
	if r.opcode == frame.Text && !r.text.Write(within) {
		return Event{}, ErrText
	}
	switch {
	case len(within) < len(out):
		return Event{}, ErrMessageTooBig
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
	}
	if len(out) == 0 && !last {
		return Event{}, nil
	}
	return r.piece(out, last)
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
