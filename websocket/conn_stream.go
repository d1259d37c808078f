package websocket

import (
	"context"
	"errors"
	"io"

	"github.com/openline/openline/websocket/internal/frame"
	"github.com/openline/openline/websocket/internal/proto"
	"github.com/openline/openline/websocket/internal/utf8x"
)

// NextReader waits for the next message to begin and returns a reader of it,
// which gives io.EOF at the message's end. Text is checked as it arrives: the
// reader fails at the first octet that cannot be UTF-8. ctx holds for the
// reader too. The rest of a message that was not read to its end is skipped by
// the next read of any kind; the reader is then of no use.
func (c *Conn) NextReader(ctx context.Context) (MessageType, io.Reader, error) {
	if err := c.acquire(ctx, &c.reading); err != nil {
		return 0, nil, err
	}
	defer c.readingDone()
	if s := c.stream; s != nil {
		if s.resumable { // what a Read began whose context ended
			r := &messageReader{c: c, ctx: ctx, typ: s.typ, rest: s.rest}
			c.stream = r
			return r.typ, r, nil
		}
		if err := s.skip(ctx); err != nil {
			return 0, nil, err
		}
	}
	var ev proto.Event
	err := c.nextData(ctx, &ev)
	if err != nil {
		return 0, nil, err
	}
	r := &messageReader{c: c, ctx: ctx, typ: MessageType(ev.Opcode), rest: ev.Payload, last: ev.Last}
	c.stream = r
	return r.typ, r, nil
}

// messageReader reads one message. While it is its connection's current stream,
// its fields are guarded by the connection's reading lock.
type messageReader struct {
	c         *Conn
	ctx       context.Context
	typ       MessageType
	rest      []byte // received and not read; a view of the connection's input
	last      bool   // rest ends the message
	skipped   bool   // another read has begun: rest has been given up
	resumable bool   // not a reader at all but what a cut-short Read left behind
}

var errStaleReader = errors.New("websocket: this reader's message is over, another read has begun")

func (r *messageReader) Read(p []byte) (int, error) {
	// Not c.acquire: what has been received of the message can be read even if
	// the connection has ended since.
	if !r.c.reading.tryAcquire() && !r.c.reading.acquire(r.ctx.Done(), nil) {
		return 0, r.c.orEnd(r.ctx.Err())
	}
	defer r.c.readingDone()
	switch {
	case r.skipped:
		return 0, errStaleReader
	case len(r.rest) == 0 && r.last:
		if r.c.stream == r {
			r.c.stream = nil
		}
		return 0, io.EOF
	case r.c.stream != r:
		return 0, errStaleReader
	case len(p) == 0:
		return 0, nil
	}
	for len(r.rest) == 0 {
		if err := r.c.Err(); err != nil {
			return 0, err
		}
		var ev proto.Event
		err := r.c.nextData(r.ctx, &ev)
		if err != nil {
			return 0, err
		}
		if r.rest, r.last = ev.Payload, ev.Last; r.last && len(r.rest) == 0 {
			r.c.stream = nil
			return 0, io.EOF
		}
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// skip reads to the end of the message, in several attempts if ctx ends one. The
// reading lock is held.
func (r *messageReader) skip(ctx context.Context) error {
	r.skipped, r.rest = true, nil // the input it points to may be gone by the next attempt
	for !r.last {
		var ev proto.Event
		err := r.c.nextData(ctx, &ev)
		if err != nil {
			return err
		}
		r.last = ev.Last
	}
	r.c.stream = nil
	return nil
}

// NextWriter begins a message that is sent in fragments as it is written; Close
// ends it. Until then other messages wait, control frames do not. Text may be
// cut anywhere, also inside a character; a Write that makes it impossible for
// the text to be UTF-8 fails, adds nothing and leaves the message open. A
// fragment is sent for each 4 KiB that are written; if ctx ends after the first,
// the connection is failed, for half a message cannot be taken back.
func (c *Conn) NextWriter(ctx context.Context, typ MessageType) (io.WriteCloser, error) {
	return c.nextWriter(ctx, typ, true)
}

// NextWriterUncompressed is NextWriter without compression, see
// [Conn.WriteUncompressed].
func (c *Conn) NextWriterUncompressed(ctx context.Context, typ MessageType) (io.WriteCloser, error) {
	return c.nextWriter(ctx, typ, false)
}

func (c *Conn) nextWriter(ctx context.Context, typ MessageType, compress bool) (io.WriteCloser, error) {
	if typ != Text && typ != Binary {
		return nil, errType
	}
	if err := c.acquire(ctx, &c.messages); err != nil {
		return nil, err
	}
	return &messageWriter{c: c, ctx: ctx, op: frame.Opcode(typ), compress: compress && c.pack != nil}, nil
}

// fragmentSize is how much a messageWriter collects before it sends.
const fragmentSize = 4 << 10

type messageWriter struct {
	c     *Conn
	ctx   context.Context
	op    frame.Opcode
	text  utf8x.Validator // of all that was written, if it is a text
	buf   []byte
	begun bool // a fragment may have been sent
	end   bool

	compress bool
}

var errWriterClosed = errors.New("websocket: write to a message that was closed")

// Write adds p to the message. p is the caller's again on return.
func (w *messageWriter) Write(p []byte) (int, error) {
	if w.end {
		return 0, errWriterClosed
	}
	text := w.text
	if w.op == frame.Text && !text.Write(p) {
		return 0, w.c.sendError(proto.ErrNotUTF8)
	}
	if len(w.buf)+len(p) < fragmentSize {
		w.buf, w.text = append(w.buf, p...), text
		return len(p), w.c.Err()
	}
	whole := p
	if len(w.buf) > 0 {
		whole = append(w.buf, p...)
	}
	if err := w.send(false, whole); err != nil {
		return 0, err
	}
	w.buf, w.text = w.buf[:0], text
	return len(p), nil
}

// Close sends what is left as the message's last fragment. If it cannot and the
// message has begun, the connection fails: the peer has part of a message that
// will not end.
func (w *messageWriter) Close() error {
	if w.end {
		return errWriterClosed
	}
	w.end = true
	defer w.c.messages.release()
	err := w.send(true, w.buf)
	if err != nil && w.begun && w.c.Err() == nil && !errors.Is(err, proto.ErrClosing) {
		return w.c.fail(&abandoned{err})
	}
	return err
}

func (w *messageWriter) send(last bool, p []byte) error {
	if err := w.c.acquire(w.ctx, &w.c.sending); err != nil {
		return err
	}
	defer func() {
		w.c.sending.ask() // what could not interrupt the message can go now
		w.c.sendingDone()
	}()
	begun, err := w.c.writeFragment(w.ctx, w.op, last, p, w.compress)
	w.begun = w.begun || begun
	return err
}

// abandoned is a message of this end's that could not be finished.
type abandoned struct{ cause error }

func (e *abandoned) Error() string { return "message abandoned: " + e.cause.Error() }
func (e *abandoned) Unwrap() error { return e.cause }

// writeFragment sends one fragment, and reports whether the protocol's state
// has moved on by that. The messages and sending locks are held.
func (c *Conn) writeFragment(ctx context.Context, op frame.Opcode, last bool, p []byte, compress bool) (begun bool, err error) {
	buf := c.takeHeld()
	defer putBuffer(buf)
	var packed []byte
	if compress {
		space := getBuffer()
		defer putBuffer(space)
		if packed = c.out.PackFragment((*space)[:0], p, last); packed != nil {
			*space = packed
		}
	}
	c.mu.Lock()
	b := c.out.AppendControl(*buf)
	own := len(b)
	b, err = c.out.AppendPackedFragment(b, op, last, p, packed)
	c.mu.Unlock()
	*buf = b
	if err != nil {
		if own > 0 {
			_ = c.send(ctx, b, own, nil) // the control frames that were taken along
		}
		return false, c.sendError(err)
	}
	err = c.send(ctx, b, own, nil)
	if err != nil && c.Err() == nil {
		err = c.fail(&abandoned{err}) // the protocol's state is one fragment ahead of the wire
	}
	return true, err
}
