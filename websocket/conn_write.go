package websocket

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"github.com/openline/openline/websocket/internal/frame"
	"github.com/openline/openline/websocket/internal/proto"
	"github.com/openline/openline/websocket/internal/utf8x"
)

// writeApart is the payload from which a server writes from the caller's memory
// instead of copying it behind its header. Below that a copy costs less than what
// a write of two parts needs.
const writeApart = 64 << 10

var errType = errors.New("websocket: a message is Text or Binary")

// Write sends one message, whole and as one frame. It may be called from any
// goroutine; messages do not mix. p is only read and is the caller's again on
// return. Text that is not UTF-8 is refused and nothing is sent (RFC 6455
// §8.1).
//
// When ctx ends before the first octet of the message is out, Write returns its
// error and the connection stays usable; after that the connection ends, for
// half a frame cannot be taken back.
//
// While a loop over [Conn.Messages] has further messages in hand, Write may hold
// the message back for up to a millisecond, to send several at once. It returns nil
// then, and the message is sent whatever becomes of ctx; if it cannot be, the next
// call says so with the connection's end.
func (c *Conn) Write(ctx context.Context, typ MessageType, p []byte) error {
	return c.write(ctx, typ, p, true)
}

// WriteUncompressed is Write without compression, for messages that hold both a
// secret and what an attacker chooses: the length of a compressed one can tell
// the secret.
func (c *Conn) WriteUncompressed(ctx context.Context, typ MessageType, p []byte) error {
	return c.write(ctx, typ, p, false)
}

// packs reports whether a message of the application's is compressed before it
// is framed. One that cannot be sent is not. c.mu is held.
func (c *Conn) packs(typ MessageType, p []byte) bool {
	return !c.out.Closing() && (typ != Text || utf8x.Valid(p))
}

func (c *Conn) write(ctx context.Context, typ MessageType, p []byte, compress bool) error {
	if typ != Text && typ != Binary {
		return errType
	}
	if err := c.acquire(ctx, &c.messages); err != nil {
		return err
	}
	err := c.acquire(ctx, &c.sending)
	if err == nil {
		compress = compress && c.pack != nil && len(p) >= c.pack.threshold
		if !compress && !c.client && len(p) >= writeApart {
			err = c.writeInPlace(ctx, typ, p)
		} else {
			err = c.writeCopied(ctx, typ, p, compress)
		}
		c.sendingDone()
	}
	c.messages.release()
	return err
}

// writeCopied sends a message from a buffer, or holds it back. Nearly always the
// socket takes all at once. The messages and sending locks are held.
func (c *Conn) writeCopied(ctx context.Context, typ MessageType, p []byte, compress bool) error {
	buf, own, err := c.appendMessage(typ, p, compress)
	if err != nil {
		return c.refused(ctx, buf, own, err)
	}
	if c.mayHold.Load() && c.hold(buf) {
		return nil
	}
	if c.raw == nil || len(c.unsent) > 0 {
		return c.sendBuffer(ctx, buf, own, nil)
	}
	n, err := c.writeRaw(*buf)
	if n != len(*buf) {
		return c.sendRest(ctx, buf, own, n, err)
	}
	c.bufferSent(buf)
	return nil
}

// appendMessage returns heldOrEmpty's buffer with a message behind own octets of
// others. It is apart from what sends that, so that a goroutine which does no more
// than answer keeps the small stack that it began with. The messages and sending
// locks are held.
//
//go:noinline
func (c *Conn) appendMessage(typ MessageType, p []byte, compress bool) (buf *[]byte, own int, err error) {
	if compress {
		return c.appendPacked(typ, p)
	}
	buf = c.heldOrEmpty()
	own = c.appendWaiting(buf)
	*buf, err = c.out.AppendPacked(*buf, frame.Opcode(typ), p, nil)
	c.mu.Unlock()
	return buf, own, err
}

// writeInPlace sends a message from where it is. The messages and sending locks are
// held.
func (c *Conn) writeInPlace(ctx context.Context, typ MessageType, p []byte) error {
	buf := c.heldOrEmpty()
	own, err := c.appendWaiting(buf), error(nil)
	*buf, err = c.out.AppendMessageHeader(*buf, frame.Opcode(typ), p)
	c.mu.Unlock()
	if err != nil {
		return c.refused(ctx, buf, own, err)
	}
	return c.sendBuffer(ctx, buf, own, p)
}

// appendPacked is appendMessage for a message that is compressed, if it becomes
// shorter by that.
//
//go:noinline
func (c *Conn) appendPacked(typ MessageType, p []byte) (buf *[]byte, own int, err error) {
	space := getBuffer()
	defer putBuffer(space)
	buf = c.heldOrEmpty()
	own = c.appendWaiting(buf)
	var packed []byte
	if c.packs(typ, p) {
		c.mu.Unlock() // compressing takes time, and only the sending lock matters to it
		if packed = c.out.Pack((*space)[:0], p); packed != nil {
			*space = packed
		}
		c.mu.Lock()
	}
	*buf, err = c.out.AppendPacked(*buf, frame.Opcode(typ), p, packed)
	c.mu.Unlock()
	return buf, own, err
}

// appendWaiting locks c.mu and appends what was sent before and comes before; own
// is all that is in buf then. The sending lock is held.
func (c *Conn) appendWaiting(buf *[]byte) (own int) {
	c.mu.Lock()
	if c.out.HasControl() {
		*buf = c.out.AppendControl(*buf)
	}
	if c.queue.len() > 0 {
		*buf = c.queue.appendAll(*buf, &c.out, c.pack)
	}
	return len(*buf)
}

// refused is what becomes of a message that the protocol does not let go out, with
// own octets of others before it. The sending lock is held.
func (c *Conn) refused(ctx context.Context, buf *[]byte, own int, err error) error {
	if own > 0 {
		_ = c.sendBuffer(ctx, buf, own, nil)
	} else {
		putBuffer(buf)
	}
	return c.sendError(err)
}

// sendError is what the application gets for a message that the protocol does
// not let it send.
func (c *Conn) sendError(err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.ended() != nil:
		return c.ended()
	case c.closing != nil && errors.Is(err, proto.ErrClosing):
		return &CloseError{Code: c.closing.Code, Reason: c.closing.Reason, Err: err}
	}
	return fmt.Errorf("websocket: %w", err)
}

// errWriteTimeout is a peer that takes nothing for WriteTimeout.
var errWriteTimeout = errors.New("peer does not read: write timed out")

// bufferSent gives back a buffer of heldOrEmpty's whose octets are on their way.
// The sending lock is held.
func (c *Conn) bufferSent(buf *[]byte) {
	if c.held != nil {
		c.held = nil
		c.noneHeld()
	}
	putBuffer(buf)
}

// sendBuffer is send for a buffer of heldOrEmpty's, which it gives back.
func (c *Conn) sendBuffer(ctx context.Context, buf *[]byte, own int, apart []byte) error {
	err := c.send(ctx, *buf, own, apart)
	c.bufferSent(buf)
	return err
}

// sendRest is sendBuffer when a first write took n octets and returned err.
func (c *Conn) sendRest(ctx context.Context, buf *[]byte, own, n int, err error) error {
	n, err = c.writeRest(ctx, *buf, nil, n, err)
	if err != nil {
		err = c.notSent(ctx, *buf, own, n, err)
	}
	c.bufferSent(buf)
	return err
}

// send writes b and apart to the socket. The first own octets of b belong to
// others and survive the end of ctx: they are kept and sent later. The sending
// lock is held.
func (c *Conn) send(ctx context.Context, b []byte, own int, apart []byte) error {
	if len(c.unsent) > 0 {
		own += len(c.unsent)
		b = append(c.unsent, b...)
		c.unsent = nil
	}
	n, err := c.writeSocket(ctx, b, apart)
	if err == nil {
		return nil
	}
	return c.notSent(ctx, b, own, n, err)
}

// notSent deals with a write of b, of which n octets have left.
func (c *Conn) notSent(ctx context.Context, b []byte, own, n int, err error) error {
	if e := c.Err(); e != nil {
		return e
	}
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		return c.cannotWrite(ctx, err)
	}
	ctxErr := ctx.Err()
	switch {
	case ctxErr == nil:
		return c.lost(errWriteTimeout)
	case n <= own && !errors.Is(err, errCutRecord):
		c.out.Forget() // the message is not sent, the peer does not have it in its window
		c.unsent = append([]byte(nil), b[n:own]...)
		return ctxErr
	}
	return c.lost(&abandoned{ctxErr})
}

// cannotWriteWait is how long a connection that cannot be written to is kept for
// somebody to read from it.
const cannotWriteWait = time.Second

// cannotWrite deals with a peer that is gone. What it sent before that may lie
// unread, with a Close that tells why, so it is left to the reader to end the
// connection. The sending lock is held.
func (c *Conn) cannotWrite(ctx context.Context, err error) error {
	if !c.broken {
		c.broken = true
		time.AfterFunc(cannotWriteWait, func() { _ = c.lost(err) })
	}
	if c.waiting.Load() {
		select { // the reader is about to find out
		case <-c.Done():
		case <-ctx.Done():
		}
	}
	return c.orEnd(&CloseError{Code: CloseAbnormal, Remote: true, Err: err})
}

// writeSocket writes b and then apart. Nearly always the socket takes all at
// once.
func (c *Conn) writeSocket(ctx context.Context, b, apart []byte) (n int, err error) {
	if c.raw != nil && apart == nil {
		n, err = c.writeRaw(b)
		if n == len(b) {
			return n, nil
		}
	}
	return c.writeRest(ctx, b, apart, n, err)
}

// writeRest writes what is behind the first n octets of b, and then apart, with
// the deadlines and the context that matter when a socket does not take all at
// once. err is what the first try said.
func (c *Conn) writeRest(ctx context.Context, b, apart []byte, n int, err error) (int, error) {
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		return n, err
	}
	b = b[n:] // a deadline that has passed is an earlier context's: see below
	w := c.wwatch.Load()
	if w == nil {
		w = &watch{c: c, write: true}
		c.wwatch.Store(w)
	}
	if err := w.arm(ctx); err != nil {
		return n, errors.Join(os.ErrDeadlineExceeded, err)
	}
	if c.cfg.writeTimeout > 0 {
		w.setDeadline(time.Now().Add(c.cfg.writeTimeout))
	}
	var k int64
	if apart == nil {
		var m int
		m, err = c.nc.Write(b)
		k = int64(m)
	} else {
		bufs := net.Buffers{b, apart}
		k, err = bufs.WriteTo(c.nc)
	}
	w.reset()
	if err != nil && c.tls {
		err = errors.Join(err, errCutRecord)
	}
	return n + int(k), err
}

// errCutRecord is a TLS stream that cannot go on, since a write to it was cut
// short.
var errCutRecord = errors.New("TLS record cut short")

// rawOutput writes to a descriptor without waiting. A connection has one only
// while it writes.
type rawOutput struct {
	try  func(fd uintptr) bool // made once: an allocation for each write would be felt
	from []byte
	n    int
	err  error
}

var rawOutputs = sync.Pool{New: func() any {
	r := new(rawOutput)
	r.try = func(fd uintptr) bool {
		r.n, r.err = writeDescriptor(fd, r.from)
		return true
	}
	return r
}}

// writeRaw writes as much of b as the socket takes at once. The sending lock is
// held, and c.raw is not nil.
func (c *Conn) writeRaw(b []byte) (n int, err error) {
	r := rawOutputs.Get().(*rawOutput)
	r.from = b
	if err = c.raw.Write(r.try); err == nil {
		n, err = r.n, r.err
	}
	r.from, r.n, r.err = nil, 0, nil
	rawOutputs.Put(r)
	return n, err
}
