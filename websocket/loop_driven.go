package websocket

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/openline/openline/websocket/internal/frame"
	"github.com/openline/openline/websocket/internal/proto"
	"github.com/openline/openline/websocket/internal/utf8x"
)

// driven is a connection that no loop can drive: a goroutine does it.
type driven struct {
	*Conn
	turn sync.Mutex  // held while a method of the handler is being called
	told bool        // the last one has been; guarded by turn
	held atomic.Bool // a method of the handler is being called
	mu   sync.Mutex  // guards the following, about a message that is written in fragments
	part []byte      // what has been collected of it
	typ  MessageType // 0: none is
	text utf8x.Validator
	last *CloseError // Close has been called: nothing is queued any more

	resumed chan struct{} // to be closed by Resume; nil: not paused
}

// drive is the loop's part, done by a goroutine.
func (l *Loop) drive(lc *LoopConn) {
	c := lc.other.Conn
	ended := false
	defer func() {
		if !ended { // a handler has ended the goroutine
			l.log.Error(goneExit)
			_ = c.CloseNow()
			l.others.Go(func() { l.driveEnd(lc) })
		}
	}()
	call := func(f func()) bool { return l.call(lc, f) }
	if call(func() { lc.h.OnOpen(lc) }) && lc.other.awaitResume() {
		for m, err := range c.Messages(context.Background()) {
			if err != nil || !call(func() { lc.h.OnMessage(lc, m) }) {
				break
			}
			c.catchUp() // who answers faster than its peer reads is read no faster either
			if !lc.other.awaitResume() {
				break
			}
		}
	}
	ended = true
	l.driveEnd(lc)
}

// driveEnded has h told of a connection that has ended, or ends now, before it was
// attached.
func (l *Loop) driveEnded(c *Conn, h EventHandler) {
	_ = c.CloseNow()
	l.open.Add(1)
	l.drive(&LoopConn{loop: l, h: h, fd: -1, other: &driven{Conn: c}})
}

// driveEnd waits until the connection has ended and tells the handler.
func (l *Loop) driveEnd(lc *LoopConn) {
	c := lc.other.Conn
	defer func() {
		gone := make(chan struct{})
		c.whenGone(func() { close(gone) })
		<-gone
		l.open.Add(-1)
		l.mu.Lock()
		delete(l.driven, lc)
		l.mu.Unlock()
	}()
	<-c.Done()
	e, _ := errors.AsType[*CloseError](c.Err())
	l.call(lc, func() {
		lc.other.told = true
		lc.h.OnClose(lc, e)
	})
}

// call calls a method of the handler, one at a time and none after OnClose. It
// reports false when the method panicked, which ends the connection.
func (l *Loop) call(lc *LoopConn, f func()) (ok bool) {
	d := lc.other
	d.turn.Lock()
	defer d.turn.Unlock()
	defer func() {
		if v := recover(); v != nil {
			l.panicked(lc, v)
			go func() { _ = d.Close(CloseInternalError, "internal error") }()
		}
	}()
	if d.told {
		return false
	}
	d.held.Store(true)
	defer d.held.Store(false)
	f()
	return true
}

// tell has the handler told of what the connection itself deals with. It is called
// before anything is read.
func (d *driven) tell(lc *LoopConn) {
	d.Conn.mu.Lock()
	defer d.Conn.mu.Unlock()
	if h, ok := lc.h.(PongHandler); ok {
		d.seldom().onPong = func(payload []byte) {
			if len(payload) > 0 { // else it answers keep-alive
				lc.loop.call(lc, func() { h.OnPong(lc, payload) })
			}
		}
	}
	if h, ok := lc.h.(DrainHandler); ok {
		d.seldom().onDrain = func() { // the connection is locked here
			lc.loop.others.Go(func() { lc.loop.call(lc, func() { h.OnDrain(lc) }) })
		}
	}
}

func (d *driven) write(typ MessageType, data []byte, compress bool) error {
	p, err := Prepare(typ, data)
	if err != nil {
		return err
	}
	p.plain = !compress
	return d.trySend(p)
}

func (d *driven) trySend(p *Prepared) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.typ != 0 {
		return fmt.Errorf("websocket: %w", proto.ErrFragment)
	}
	return d.queueUp(p)
}

func (d *driven) room() bool {
	c := d.Conn
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended() != nil || !c.cfg.halfFull(c.queue.len(), c.queue.bytes) {
		return true
	}
	c.queue.asked = true
	return false
}

// queueUp queues p. An answer always fits: see drive. d.mu is held.
func (d *driven) queueUp(p *Prepared) error {
	if d.last != nil {
		return d.last
	}
	return d.Conn.trySend(p, d.held.Load())
}

// writeFragment queues a part of a message as a frame of its own. A client, which
// masks each frame anew, collects the parts: where a message is cut means nothing
// (RFC 6455 §5.4).
func (d *driven) writeFragment(typ MessageType, data []byte, last bool) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	text, op := d.text, frame.Continuation
	switch d.typ {
	case 0:
		text.Reset()
		op = frame.Opcode(typ)
	case typ:
	default:
		return fmt.Errorf("websocket: %w", proto.ErrFragment)
	}
	if typ == Text && (!text.Write(data) || last && !text.Complete()) {
		return fmt.Errorf("websocket: %w", proto.ErrNotUTF8)
	}
	whole := data
	if d.client {
		if whole = append(d.part, data...); !last {
			d.part, d.typ, d.text = whole, typ, text
			return nil
		}
		op = frame.Opcode(typ)
	}
	p := &Prepared{typ: typ, plain: true, header: frame.Size(len(whole), false)}
	p.frame = frame.AppendHeader(make([]byte, 0, p.header+len(whole)), frame.Header{Fin: last, Opcode: op, Length: uint64(len(whole))})
	p.frame = append(p.frame, whole...)
	if err := d.queueUp(p); err != nil {
		return err
	}
	d.text, d.typ, d.part = text, typ, nil
	if last {
		d.typ = 0
	}
	return nil
}

func (d *driven) ping(payload []byte) error {
	c := d.Conn
	c.mu.Lock()
	if n := c.out.QueuedPings(); n > 0 && c.cfg.queueBytes > 0 && n+len(payload) > c.cfg.queueBytes {
		c.queue.overflowed = true
		c.mu.Unlock()
		return ErrQueueFull
	}
	err := c.out.QueuePing(payload)
	c.mu.Unlock()
	if err != nil {
		return c.sendError(err)
	}
	c.kick()
	return nil
}

func (d *driven) close(code CloseCode, reason string) error {
	c := d.Conn
	c.mu.Lock()
	err := c.out.CheckClose(uint16(code), reason)
	c.mu.Unlock()
	if err != nil {
		return fmt.Errorf("websocket: cannot close with %s: %w", code, err)
	}
	d.mu.Lock() // the goroutine may come too late to keep messages from it
	d.last = &CloseError{Code: code, Reason: reason, Err: proto.ErrClosing}
	d.mu.Unlock()
	go func() { _ = c.Close(code, reason) }()
	return nil
}

// catchUp waits until the queue is empty, if it is half full.
func (c *Conn) catchUp() {
	c.mu.Lock()
	behind := c.cfg.halfFull(c.queue.len(), c.queue.bytes)
	c.mu.Unlock()
	if !behind || c.acquire(context.Background(), &c.sending) != nil {
		return
	}
	defer c.sendingDone()
	buf := c.takeHeld()
	defer putBuffer(buf)
	c.mu.Lock()
	*buf = c.queue.appendAll(c.out.AppendControl(*buf), &c.out, c.pack)
	c.mu.Unlock()
	_ = c.send(context.Background(), *buf, len(*buf), nil) // an error ends the connection
}
