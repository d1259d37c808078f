package websocket

import (
	"context"
	"errors"
	"iter"

	"github.com/openline/openline/websocket/internal/frame"
	"github.com/openline/openline/websocket/internal/proto"
)

// Messages iterates over the messages as they arrive, in one buffer that is
// used again: a message's data is valid until the next iteration. It ends when
// the loop is left or the connection ends. The last iteration yields the error
// of ctx or of the connection, but for a connection that the peer closed with
// CloseNormal, CloseGoingAway or without a code, which just ends the loop.
//
// Replies leave together where messages came together: while the loop's body runs
// and the next whole message is in hand already, a [Conn.Write] is held back, and
// what is held leaves in one write as soon as nothing more is in hand, before
// anybody waits for input, and whenever anything else is sent or the loop is left.
// A body that takes longer delays it by a millisecond at most, so it may wait for
// what its message brings about.
func (c *Conn) Messages(ctx context.Context) iter.Seq2[Message, error] {
	return func(yield func(Message, error) bool) {
		it := &iteration{c: c}
		defer it.end()
		for {
			err := it.wait(ctx)
			if err == nil {
				err = it.take(ctx)
			}
			if err != nil {
				it.over(err, yield)
				return
			}
			if !yield(it.message, nil) {
				return
			}
		}
	}
}

// tellsClose reports whether err is an end that Messages does not yield.
//
//go:noinline
func tellsClose(err error) bool {
	e, ok := errors.AsType[*CloseError](err)
	return ok && e.Err == nil && (e.Code == CloseNormal || e.Code == CloseGoingAway || e.Code == CloseNoStatus)
}

// iteration is one over a connection's messages.
type iteration struct {
	c       *Conn
	message Message // what was taken last
	lent    *block  // where the message lies that the application has; nil: elsewhere
	buf     []byte  // a message that did not come in one piece
}

// wait waits until there is input, and returns with the reading lock. A
// connection's goroutine spends its life in here: what stands on the stack is kept
// for each of them, so it is little, and all that is not needed while waiting is
// done in functions apart.
func (it *iteration) wait(ctx context.Context) error {
	if ready, err := it.ready(ctx); ready || err != nil {
		return err
	}
	err := it.c.fill(ctx)
	if err != nil {
		it.c.readingDone()
	}
	return err
}

// over is for when there is no further message, because of err.
//
//go:noinline
func (it *iteration) over(err error, yield func(Message, error) bool) {
	it.c.stopHolding()
	if !tellsClose(err) {
		yield(Message{}, err)
	}
}

// ready takes the reading lock, and reports whether there is input already.
//
//go:noinline
func (it *iteration) ready(ctx context.Context) (bool, error) {
	c := it.c
	if err := c.acquire(ctx, &c.reading); err != nil {
		return false, err
	}
	it.takeBack()
	if len(c.input) > 0 || c.stream != nil || c.in.Pending() || c.in.InFrame() {
		return true, nil
	}
	c.in.Release()
	return false, nil
}

// take returns the next message, and gives back the reading lock. A message that
// lies whole in the connection's input is not copied: the iteration takes the input's memory out
// of the connection until it is called again, so that no other reader puts anything
// there.
//
//go:noinline
func (it *iteration) take(ctx context.Context) error {
	c := it.c
	var ev proto.Event
	var err error
	fresh := c.stream == nil && !c.in.InMessage()
	if fresh {
		err = c.nextData(ctx, &ev)
	}
	switch {
	case err != nil:
	case fresh && ev.First && ev.Last && c.block != nil && (c.pack == nil || !ev.RSV1):
		it.lent, c.block = c.block, nil
		it.message = Message{MessageType(ev.Opcode), ev.Payload}
	default:
		err = it.collect(ctx, &ev)
	}
	if whole := err == nil && len(c.input) > 0 && c.wholeInHand(); whole != c.mayHold.Load() {
		c.mayHold.Store(whole)
	}
	c.readingDone()
	return err
}

// collect copies a message together, of which ev is the first piece, if it is any.
func (it *iteration) collect(ctx context.Context, ev *proto.Event) error {
	c := it.c
	if cap(it.buf) > bufferKeep {
		putLarge(it.buf) // one large message is no reason to hold its size for ever
		it.buf = nil
	}
	c.own = true
	defer func() { c.own = false }()
	var typ MessageType
	var msg []byte
	var err error
	if ev.Kind != proto.Data {
		typ, msg, err = c.readMessage(ctx, it.buf[:0])
	} else {
		typ, msg, err = c.readRest(ctx, MessageType(ev.Opcode), append(it.buf[:0], ev.Payload...), 0, ev.Last)
	}
	if err != nil {
		return err
	}
	it.buf = msg
	it.message = Message{typ, msg}
	return nil
}

// takeBack gives the connection the memory that was taken out of it, where what
// is left of its input lies, unless another reader has used that up. The
// reading lock is held.
func (it *iteration) takeBack() {
	switch c := it.c; {
	case it.lent == nil:
	case c.block == nil:
		c.block = it.lent
	default:
		putBlock(it.lent)
	}
	it.lent = nil
}

// end is for when the loop is left, however. The last message is the
// application's then, with the memory it lies in.
func (it *iteration) end() { it.c.stopHolding() }

// wholeInHand reports whether the input holds another message to its end, so that
// it will be read without waiting. The reading lock is held.
func (c *Conn) wholeInHand() bool {
	if frame.HasShort(c.input) {
		return true
	}
	for b := c.input; ; {
		h, n, err := frame.ParseHeader(b)
		switch {
		case err != nil, n == 0, uint64(len(b)-n) < h.Length, h.Opcode == frame.Close:
			return false
		case h.Fin && !h.Opcode.Control():
			return true
		}
		b = b[n+int(h.Length):]
	}
}
