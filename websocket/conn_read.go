package websocket

import (
	"context"
	"errors"
	"io"
	"iter"
	"os"
	"time"

	"github.com/openline/openline/websocket/internal/proto"
)

// Read returns the next message whole. The slice is the caller's.
//
// When ctx ends, Read returns its error and the connection stays usable: what
// has arrived of a message is kept for the next call. Otherwise the error is
// how the connection ended, a [*CloseError]. A message that was begun with
// NextReader and not read to its end is skipped.
func (c *Conn) Read(ctx context.Context) (MessageType, []byte, error) {
	return c.ReadAppend(ctx, nil)
}

// ReadAppend is Read with the message appended to dst, for callers who use
// their memory again. On error it returns dst as it was.
func (c *Conn) ReadAppend(ctx context.Context, dst []byte) (MessageType, []byte, error) {
	if err := c.acquire(ctx, c.reading); err != nil {
		return 0, dst, err
	}
	defer c.readingDone()
	typ, msg, err := c.readMessage(ctx, dst)
	if err != nil {
		return 0, dst, err
	}
	return typ, msg, nil
}

// Messages iterates over the messages as they arrive, in one buffer that is
// used again: a message's data is valid until the next iteration. It ends when
// the loop is left or the connection ends. The last iteration yields the error
// of ctx or of the connection, but for a connection that the peer closed with
// CloseNormal, CloseGoingAway or without a code, which just ends the loop.
func (c *Conn) Messages(ctx context.Context) iter.Seq2[Message, error] {
	return func(yield func(Message, error) bool) {
		var buf []byte
		for {
			typ, msg, err := c.readOwn(ctx, buf[:0])
			if err != nil {
				e, ok := errors.AsType[*CloseError](err)
				if ok && e.Err == nil && (e.Code == CloseNormal || e.Code == CloseGoingAway || e.Code == CloseNoStatus) {
					return
				}
				yield(Message{}, err)
				return
			}
			if !yield(Message{typ, msg}, nil) {
				return
			}
			if buf = msg; cap(buf) > bufferKeep {
				putLarge(buf) // one large message is no reason to hold its size for ever
				buf = nil
			}
		}
	}
}

// readOwn is ReadAppend for memory that is this package's own.
func (c *Conn) readOwn(ctx context.Context, dst []byte) (MessageType, []byte, error) {
	if err := c.acquire(ctx, c.reading); err != nil {
		return 0, dst, err
	}
	defer c.readingDone()
	c.own = true
	typ, msg, err := c.readMessage(ctx, dst)
	c.own = false
	if err != nil {
		return 0, dst, err
	}
	return typ, msg, nil
}

// readingDone lets the reading lock go. A Pong that came up is not left to the
// next read, which may be long in coming.
func (c *Conn) readingDone() {
	c.sendAnswer()
	c.reading.release()
}

// sendAnswer has Pongs sent that were queued since it was called last. The
// reading lock is held.
func (c *Conn) sendAnswer() {
	if c.answer {
		c.answer = false
		c.kick()
	}
}

// readMessage collects one message behind dst. It keeps what it has in
// c.stream when ctx ends in the middle. c.reading is held.
func (c *Conn) readMessage(ctx context.Context, dst []byte) (MessageType, []byte, error) {
	if s := c.stream; s != nil && !s.resumable {
		if err := s.skip(ctx); err != nil {
			return 0, nil, err
		}
	}
	start := len(dst)
	var typ MessageType
	if s := c.stream; s != nil { // an earlier call was cut short by its context
		typ, dst = s.typ, append(dst, s.rest...)
		c.stream = nil
	}
	for {
		ev, err := c.nextPiece(ctx, &dst)
		if err != nil {
			if typ != 0 && c.ended() == nil {
				c.stream = &messageReader{c: c, typ: typ, rest: append([]byte(nil), dst[start:]...), resumable: true}
			}
			return 0, nil, err
		}
		typ = MessageType(ev.Opcode)
		if ev.Last {
			c.in.Release()
			return typ, dst, nil
		}
	}
}

// directRead is how much of a frame's payload must be missing for it to be read
// straight into the message.
const directRead = 4 << 10

// nextPiece appends the next piece of data to *dst. Large payloads are read
// from the socket into it without a buffer between. The memory grows with what
// arrives, never with what the frame claims.
func (c *Conn) nextPiece(ctx context.Context, dst *[]byte) (proto.Event, error) {
	if left := c.in.DataLeft(); len(c.input) == 0 && left >= directRead {
		d := *dst
		if cap(d)-len(d) < directRead {
			d = grow(d, left, c.own)
		}
		room := d[len(d):cap(d)]
		if uint64(len(room)) > left {
			room = room[:left]
		}
		n, err := c.wait(ctx, room)
		if err != nil {
			return proto.Event{}, err
		}
		_, ev, err := c.in.Receive(room[:n])
		if err != nil {
			return proto.Event{}, c.fail(err)
		}
		if !c.in.InFrame() {
			c.stall.renew()
		}
		*dst = d[:len(d)+n]
		return ev, nil
	}
	ev, err := c.nextData(ctx)
	if err == nil {
		if d := *dst; ev.First && ev.Last && d == nil {
			d = make([]byte, 0, len(ev.Payload)) // the usual case: the exact size, once
			*dst = append(d, ev.Payload...)
		} else {
			*dst = append(d, ev.Payload...)
		}
	}
	return ev, err
}

// grow makes room behind d: as much as d already holds, so that what is
// reserved is in proportion to what has arrived. own says that d is this package's
// memory, and so is what is returned.
func grow(d []byte, left uint64, own bool) []byte {
	room := max(blockSize, len(d))
	if uint64(room) > left {
		room = int(left)
	}
	if !own {
		return append(make([]byte, 0, len(d)+room), d...)
	}
	g := append(getLarge(len(d)+room), d...)
	putLarge(d)
	return g
}

// nextData returns the next event that carries data and deals with all others
// on the way. The event's payload is valid until the next call. c.reading is
// held.
func (c *Conn) nextData(ctx context.Context) (proto.Event, error) {
	for {
		if len(c.input) == 0 && !c.in.Pending() {
			c.in.Release()
			if err := c.fill(ctx); err != nil {
				return proto.Event{}, err
			}
		}
		n, ev, err := c.in.Receive(c.input)
		c.input = c.input[n:]
		if err != nil {
			return proto.Event{}, c.fail(err)
		}
		if !c.in.InFrame() {
			c.stall.renew()
		}
		switch ev.Kind {
		case proto.Data:
			if ev.First && !c.cfg.rate.take(&c.due, c.now()) {
				return proto.Event{}, c.fail(errRate)
			}
			return ev, nil
		case proto.Ping:
			c.mu.Lock()
			c.out.QueuePong(ev.Payload)
			c.mu.Unlock()
			c.answer = true // before the next wait at the latest
		case proto.Pong:
			c.pong(ev.Payload)
		case proto.Close:
			return proto.Event{}, c.peerClosed(CloseCode(ev.Code), string(ev.Payload))
		}
	}
}

// errRate is a peer over its MessageRate.
var errRate = &proto.Error{Code: proto.CodePolicy, Reason: "too many messages a second"}

// now is only asked for where a limit needs it.
func (c *Conn) now() time.Time {
	if c.cfg.rate.interval == 0 {
		return time.Time{}
	}
	return time.Now()
}

// fill waits for input and puts it into c.input. The buffer is taken when there
// is something to put into it, if the socket can tell.
func (c *Conn) fill(ctx context.Context) error {
	if c.raw == nil && c.block == nil {
		c.block = blocks.Get().(*block)
	}
	n, err := c.wait(ctx, nil)
	if err != nil {
		c.releaseBlock()
		return err
	}
	c.input = c.block[:n]
	return nil
}

// wait reads once, into p or for nil into c.block, under the rules of ctx and
// of the stall limit, and turns an error into what the caller of the public
// method gets.
func (c *Conn) wait(ctx context.Context, p []byte) (int, error) {
	c.sendAnswer()
	if err := c.rwatch.arm(ctx); err != nil {
		return 0, c.orEnd(err)
	}
	c.stall.before(c)
	c.waiting.Store(true)
	n, err := c.readSocket(p)
	c.waiting.Store(false)
	if n > 0 {
		c.heard.Store(true)
		c.stall.after(n)
		return n, nil
	}
	if e := c.Err(); e != nil {
		return 0, e
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		if ctxErr := ctx.Err(); ctxErr != nil {
			return 0, ctxErr
		}
		return 0, c.fail(errStalled)
	}
	if err == nil {
		err = io.ErrNoProgress
	}
	return 0, c.lost(err)
}

func (c *Conn) readSocket(p []byte) (int, error) {
	switch {
	case c.raw != nil:
		return c.rawIn.read(c, p)
	case p == nil:
		p = c.block[:]
	}
	return c.nc.Read(p)
}

// rawInput reads from a descriptor when there is something to read. Without a
// destination it takes a block then and gives it back before it waits, so that
// an idle connection holds none.
type rawInput struct {
	try  func(fd uintptr) bool // made once: an allocation for each read would be felt
	into []byte
	n    int
	err  error
}

func (r *rawInput) read(c *Conn, p []byte) (int, error) {
	if r.try == nil {
		r.try = func(fd uintptr) bool {
			into := r.into
			if into == nil {
				if c.block == nil {
					c.block = blocks.Get().(*block)
				}
				into = c.block[:]
			}
			var again bool
			r.n, again, r.err = readDescriptor(fd, into)
			if again && r.into == nil {
				c.releaseBlock()
			}
			return !again
		}
	}
	r.into, r.n, r.err = p, 0, nil
	err := c.raw.Read(r.try)
	r.into = nil
	switch {
	case err != nil:
		return 0, err
	case r.err != nil:
		return 0, r.err
	case r.n == 0:
		return 0, io.EOF
	}
	return r.n, nil
}

func (c *Conn) releaseBlock() {
	if c.block != nil {
		putBlock(c.block)
		c.block, c.input = nil, nil
	}
}

// errStalled is a peer that stopped, or nearly stopped, inside a frame.
var errStalled = &proto.Error{Code: proto.CodePolicy, Reason: "frame arrives too slowly"}

// stallBytes is what has to arrive of an unfinished frame in each StallTimeout.
const stallBytes = 256

// stallGuard watches that a frame which has begun goes on. Between frames a
// peer may be silent for as long as keep-alive allows. Only time in which
// somebody waits for input counts: that the application is slow is not the
// peer's fault.
type stallGuard struct {
	armed bool // a deadline is set on the socket
	got   int  // octets since the limit was last met
	left  time.Duration
	since time.Time // when the wait began
}

func (g *stallGuard) before(c *Conn) {
	switch inFrame := c.in.InFrame() && c.cfg.stallTimeout > 0; {
	case inFrame:
		if !g.armed || g.got >= stallBytes {
			g.armed, g.got, g.left = true, 0, c.cfg.stallTimeout
		}
		g.since = time.Now()
		c.rwatch.setDeadline(g.since.Add(g.left))
	case g.armed:
		g.armed = false
		c.rwatch.setDeadline(time.Time{})
	}
}

func (g *stallGuard) after(n int) {
	if g.armed {
		g.got += n
		g.left = max(g.left-time.Since(g.since), time.Nanosecond)
	}
}

// renew says that the frame which the deadline was set for has ended.
func (g *stallGuard) renew() { g.got = stallBytes }
