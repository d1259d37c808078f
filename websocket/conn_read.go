package websocket

import (
	"context"
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
	if err := c.acquire(ctx, &c.reading); err != nil {
		return 0, dst, err
	}
	defer c.readingDone()
	typ, msg, err := c.readMessage(ctx, dst)
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
	return c.readRest(ctx, typ, dst, start, false)
}

// readRest does the rest of readMessage when dst has what is behind start, of a
// message of that type, 0 for nothing yet, and last says that this is all.
func (c *Conn) readRest(ctx context.Context, typ MessageType, dst []byte, start int, last bool) (MessageType, []byte, error) {
	for !last {
		ev, err := c.nextPiece(ctx, &dst)
		if err != nil {
			if typ != 0 && c.ended() == nil {
				c.stream = &messageReader{c: c, typ: typ, rest: append([]byte(nil), dst[start:]...), resumable: true}
			}
			return 0, nil, err
		}
		typ, last = MessageType(ev.Opcode), ev.Last
	}
	c.in.Release()
	return typ, dst, nil
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
	var ev proto.Event
	err := c.nextData(ctx, &ev)
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

// nextData sets *ev to the next event that carries data and deals with all others
// on the way. The event's payload is valid until the next call; after an error
// *ev means nothing. c.reading is held.
func (c *Conn) nextData(ctx context.Context, ev *proto.Event) error {
	for {
		if len(c.input) == 0 && !c.in.Pending() {
			c.in.Release()
			if err := c.fill(ctx); err != nil {
				return err
			}
		}
		if op, payload, n := c.in.Whole(c.input); n > 0 {
			c.input = c.input[n:]
			*ev = proto.Event{Kind: proto.Data, Opcode: op, First: true, Last: true, Payload: payload}
			return c.counted()
		}
		n, err := 0, error(nil)
		n, *ev, err = c.in.Receive(c.input)
		c.input = c.input[n:]
		if err != nil {
			return c.fail(err)
		}
		if !c.in.InFrame() {
			c.stall.renew()
		}
		if ev.Kind == proto.Data {
			if ev.First {
				return c.counted()
			}
			return nil
		}
		if err := c.takeControl(ev); err != nil {
			return err
		}
	}
}

// counted counts a message, and ends the connection if the peer may not send it now.
// The reading lock is held.
func (c *Conn) counted() error {
	if c.cfg.rate.interval == 0 {
		return nil
	}
	if c.due == nil {
		c.due = new(time.Time)
	}
	if !c.cfg.rate.take(c.due, time.Now()) {
		return c.fail(errRate)
	}
	return nil
}

// takeControl deals with what is no data.
func (c *Conn) takeControl(ev *proto.Event) error {
	switch ev.Kind {
	case proto.Ping:
		c.mu.Lock()
		c.out.QueuePong(ev.Payload)
		c.mu.Unlock()
		c.answer = true // before the next wait at the latest
	case proto.Pong:
		c.pong(ev.Payload)
	case proto.Close:
		return c.peerClosed(CloseCode(ev.Code), string(ev.Payload))
	}
	return nil
}

// errRate is a peer over its MessageRate.
var errRate = &proto.Error{Code: proto.CodePolicy, Reason: "too many messages a second"}
