package websocket

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"

	"github.com/openline/openline/websocket/internal/frame"
	"github.com/openline/openline/websocket/internal/poll"
	"github.com/openline/openline/websocket/internal/proto"
)

// LoopConn is a connection that a [Loop] drives. All methods may be called from
// any goroutine, and none of them waits.
type LoopConn struct {
	loop   *Loop
	h      EventHandler
	shared *loopShared
	other  *Conn // a goroutine drives it; nil for the loop
	gone   []func()

	// What only the loop uses.
	read       *loopRead // nil: between messages, nothing to remember
	prev, next *LoopConn // in the wheel
	due        uint32    // the tick at which the wheel has something to do with it
	keep       uint32    // the tick at which keep-alive looks
	limit      uint32    // the tick by which something has to have happened; 0: none
	lingered   uint32    // octets that were read after the end
	fd         int32     // -1: closed
	slot       uint32
	want       poll.Ready // what the poller waits for
	heard      bool       // something has arrived since keep-alive looked last
	asked      bool       // a Ping is out and nothing has arrived since
	lingers    bool       // it has ended, and its Close is still to reach the peer
	halfClosed bool       // the outgoing direction has been ended
	told       bool       // this end's Close has been sent, and was the first
	paused     bool       // it is not read

	mu      sync.Mutex // guards the following
	held    bool       // the loop is at it: what is written is corked
	dirty   bool       // the loop is to flush it
	abort   bool       // it is to be closed without ceremony
	write   *loopWrite // nil: nothing waits, nothing to remember
	closing *CloseError
	err     *CloseError
}

// loopWrite is what is to be sent, and what there is to remember about it.
type loopWrite struct {
	out        proto.Sender
	keep       bool    // out is needed as long as the connection is
	pieces     []piece // in order
	off        int     // octets of the first one that have been sent
	bytes      int     // in all pieces
	messages   int     // that TrySend and Write added
	overflowed bool    // a message did not fit
	blocked    uint32  // the tick by which the socket has to take something; 0: it is not full
}

// piece is octets that are to be sent.
type piece struct {
	own      []byte    // the connection's memory; more may be appended
	prepared *Prepared // or a message that is shared
}

func (p *piece) octets() []byte {
	if p.prepared != nil {
		return p.prepared.frame
	}
	return p.own
}

func (c *LoopConn) id() uint64 {
	return uint64(c.slot) | uint64(c.loop.slots[c.slot].generation)<<32
}

// Loop returns the loop that drives the connection.
func (c *LoopConn) Loop() *Loop { return c.loop }

// Subprotocol returns the subprotocol that was agreed on, "" for none. It is
// known from OnOpen on.
func (c *LoopConn) Subprotocol() string {
	if c.other != nil {
		return c.other.Subprotocol()
	}
	return c.shared.subprotocol
}

// Err returns how the connection ended, as a [*CloseError], or nil while it has
// not.
func (c *LoopConn) Err() error {
	if c.other != nil {
		return c.other.Err()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return c.err
	}
	return nil
}

// Write queues one message, which is sent as one frame, and returns at once.
// data is copied, or sent before Write returns. Text must be UTF-8 (RFC 6455
// §8.1). ErrQueueFull says that the peer is behind by QueueMessages or
// QueueBytes; nothing was queued then.
func (c *LoopConn) Write(typ MessageType, data []byte) error {
	if typ != Text && typ != Binary {
		return errType
	}
	if c.other != nil {
		p, err := Prepare(typ, data)
		if err == nil {
			err = c.other.TrySend(p)
		}
		return err
	}
	c.mu.Lock()
	if err := c.mayWrite(len(data)); err != nil {
		c.mu.Unlock()
		return err
	}
	w := c.write
	if w == nil && len(data) < writeApart {
		return c.writeShort(typ, data)
	}
	return c.writeLong(typ, data)
}

// mayWrite says why nothing can be written. c.mu is held.
func (c *LoopConn) mayWrite(n int) error {
	switch {
	case c.err != nil:
		return c.err
	case c.closing != nil:
		return &CloseError{Code: c.closing.Code, Reason: c.closing.Reason, Err: proto.ErrClosing}
	}
	w, cfg := c.write, c.shared.cfg
	if w == nil || w.bytes == 0 {
		return nil
	}
	full := cfg.queueMax > 0 && w.messages >= cfg.queueMax || cfg.queueBytes > 0 && w.bytes+n > cfg.queueBytes
	if c.held {
		// An answer always fits: the connection is not read while its queue is half
		// full.
		full = cfg.queueBytes > 0 && w.bytes > cfg.queueBytes
	}
	if full {
		w.overflowed = true
		return ErrQueueFull
	}
	return nil
}

// writeShort is for the usual case: nothing waits to be sent. c.mu is held and
// let go.
func (c *LoopConn) writeShort(typ MessageType, data []byte) (err error) {
	out := proto.NewSender(c.shared.client)
	if c.held {
		l := c.loop
		l.cork, err = out.AppendMessage(l.cork, frame.Opcode(typ), data)
		c.mu.Unlock()
	} else {
		var b []byte
		if b, err = out.AppendMessage(nil, frame.Opcode(typ), data); err == nil {
			c.queueOwn(b)
			c.count()
		}
		c.dirtied()
	}
	if err != nil {
		return fmt.Errorf("websocket: %w", err)
	}
	return nil
}

// writeLong is Write in all other cases. c.mu is held and let go.
func (c *LoopConn) writeLong(typ MessageType, data []byte) error {
	c.uncork()
	out := c.sender()
	w := c.write
	header, packed := [frame.MaxHeader]byte{}, []byte(nil)
	if c.shared.pack != nil {
		packed = out.Pack(nil, data)
	}
	// What is long goes out from where it is, if nothing stands in front of it.
	if packed == nil && w.bytes == 0 && !c.shared.client && len(data) >= writeApart {
		h, err := out.AppendMessageHeader(header[:0], frame.Opcode(typ), data)
		if err != nil {
			c.dirtied()
			return fmt.Errorf("websocket: %w", err)
		}
		n, err := poll.Write2(int(c.fd), h, data)
		if err != nil {
			n = 0 // the loop will find out why
		}
		if n < len(h)+len(data) {
			rest := getLarge(len(h) + len(data) - n)
			if n < len(h) {
				rest = append(rest, h[n:]...)
			}
			c.queueOwn(append(rest, data[max(0, n-len(h)):]...))
			c.count()
		} else if !out.HasControl() && !out.Closing() {
			c.dropWrite()
			c.mu.Unlock()
			return nil
		}
		c.dirtied()
		return nil
	}
	b, err := out.AppendPacked(c.tail(), frame.Opcode(typ), data, packed)
	if err == nil {
		c.setTail(b)
		c.count()
	}
	c.dirtied()
	if err != nil {
		return fmt.Errorf("websocket: %w", err)
	}
	return nil
}

// TrySend queues p and returns at once, as [Conn.TrySend] does.
func (c *LoopConn) TrySend(p *Prepared) error {
	if c.other != nil {
		return c.other.TrySend(p)
	}
	c.mu.Lock()
	if err := c.mayWrite(len(p.frame)); err != nil {
		c.mu.Unlock()
		return err
	}
	if c.held && c.write == nil && len(p.frame) < writeApart && !c.shared.client {
		c.loop.cork = append(c.loop.cork, p.frame...)
		c.mu.Unlock()
		return nil
	}
	c.uncork()
	out := c.sender()
	w := c.write
	if c.shared.pack == nil && !c.shared.client {
		w.pieces = append(w.pieces, piece{prepared: p})
		w.bytes += len(p.frame)
	} else {
		wire, header := p.frame, p.header
		if c.shared.pack != nil {
			if form := p.form(c.shared.pack); form != nil {
				wire, header = form.frame, form.header
			}
		}
		c.setTail(out.AppendPrepared(c.tail(), frame.Opcode(p.typ), wire, header, p.Data()))
	}
	c.count()
	c.dirtied()
	return nil
}

// sender returns the sender, with a place for what waits. c.mu is held.
func (c *LoopConn) sender() *proto.Sender {
	if c.write == nil {
		c.write = loopWrites.Get().(*loopWrite)
		c.write.out = proto.NewSender(c.shared.client)
	}
	return &c.write.out
}

// loopWrites are those that no connection needs now.
var loopWrites = sync.Pool{New: func() any { return new(loopWrite) }}

// dropWrite gives the sending half up, if there is nothing to remember. c.mu is
// held.
func (c *LoopConn) dropWrite() {
	w := c.write
	if w == nil || c.fd >= 0 && (w.keep || w.bytes > 0 || w.out.Closing() || w.out.HasControl()) {
		return
	}
	c.write = nil
	clear(w.pieces)
	*w = loopWrite{pieces: w.pieces[:0]}
	loopWrites.Put(w)
}

// uncork puts what is corked into the queue, so that what comes next stands
// behind it. c.mu is held.
func (c *LoopConn) uncork() {
	if l := c.loop; c.held && len(l.cork) > 0 {
		c.queueOwn(append([]byte(nil), l.cork...))
		l.cork = l.cork[:0]
	}
}

// queueOwn adds octets that are the connection's. c.mu is held.
func (c *LoopConn) queueOwn(b []byte) {
	c.sender()
	w := c.write
	w.pieces = append(w.pieces, piece{own: b})
	w.bytes += len(b)
}

func (c *LoopConn) count() { c.write.messages++ }

// tail returns the last piece to append to, or nothing. c.mu is held.
func (c *LoopConn) tail() []byte {
	w := c.write
	if n := len(w.pieces); n > 0 && w.pieces[n-1].prepared == nil {
		b := w.pieces[n-1].own
		w.pieces = w.pieces[:n-1]
		w.bytes -= len(b)
		return b
	}
	return nil
}

// setTail puts it back.
func (c *LoopConn) setTail(b []byte) {
	if len(b) > 0 {
		c.queueOwn(b)
	}
}

// dirtied lets c.mu go and has the loop flush.
func (c *LoopConn) dirtied() {
	first := !c.dirty && !c.held
	if first {
		c.dirty = true
	}
	c.mu.Unlock()
	if first {
		c.loop.touch(c)
	}
}

// Close begins the closing handshake, as [Conn.Close] does, and returns at once.
// OnClose tells how it ended.
func (c *LoopConn) Close(code CloseCode, reason string) error {
	if c.other != nil {
		if err := c.other.mayClose(code, reason); err != nil {
			return err
		}
		go func() { _ = c.other.Close(code, reason) }()
		return nil
	}
	c.mu.Lock()
	s := proto.NewSender(c.shared.client)
	if err := s.CheckClose(uint16(code), reason); err != nil {
		c.mu.Unlock()
		return fmt.Errorf("websocket: cannot close with %s: %w", code, err)
	}
	if c.err != nil || c.closing != nil {
		c.mu.Unlock()
		return nil
	}
	c.uncork()
	_, _ = c.sender().QueueClose(uint16(code), reason) // it was just checked
	c.closing = &CloseError{Code: code, Reason: reason}
	if c.write.overflowed {
		c.clear()
	}
	c.dirtied()
	return nil
}

// clear drops what waits for a peer that is behind, but for a frame that has been
// sent in part; and what is corked, which would come behind it. c.mu is held.
func (c *LoopConn) clear() {
	w := c.write
	if w == nil || w.bytes == 0 {
		return
	}
	if c.held {
		c.loop.cork = c.loop.cork[:0]
	}
	if w.off > 0 && len(w.pieces) > 0 {
		// Which frame the socket has taken the half of is not known for what was
		// appended together: that piece goes out whole.
		clear(w.pieces[1:])
		w.pieces = w.pieces[:1]
		w.bytes = len(w.pieces[0].octets()) - w.off
	} else {
		w.pieces, w.bytes = nil, 0
	}
	w.messages = 0
}

// CloseNow ends the connection at once, without a Close frame.
func (c *LoopConn) CloseNow() error {
	if c.other != nil {
		return c.other.CloseNow()
	}
	c.mu.Lock()
	c.abort = true
	if c.dirty {
		c.mu.Unlock()
		return nil
	}
	c.dirty = true
	c.mu.Unlock()
	c.loop.touch(c)
	return nil
}

// RemoteAddr returns the address of the peer, or nil when the connection is
// closed.
func (c *LoopConn) RemoteAddr() net.Addr {
	if c.other != nil {
		return c.other.RemoteAddr()
	}
	return c.addr()
}

// usable reports whether messages can still arrive.
func (c *LoopConn) usable() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err == nil && !c.abort
}

// mayClose says what is wrong with a code or a reason.
func (c *Conn) mayClose(code CloseCode, reason string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.out.CheckClose(uint16(code), reason); err != nil {
		return fmt.Errorf("websocket: cannot close with %s: %w", code, err)
	}
	return nil
}

// drive is the loop's part, done by a goroutine.
func (l *Loop) drive(lc *LoopConn) {
	c := lc.other
	call := func(f func()) (ok bool) {
		defer func() {
			if v := recover(); v != nil {
				c.cfg.log.Error("websocket: handler panicked", "peer", c.RemoteAddr(), "panic", v)
				go func() { _ = c.Close(CloseInternalError, "internal error") }()
			}
		}()
		f()
		return true
	}
	ctx := context.Background()
	if call(func() { lc.h.OnOpen(lc) }) {
		for m, err := range c.Messages(ctx) {
			if err != nil || !call(func() { lc.h.OnMessage(lc, m) }) {
				break
			}
		}
	}
	<-c.Done()
	e, _ := errors.AsType[*CloseError](c.Err())
	call(func() { lc.h.OnClose(lc, e) })
	gone := make(chan struct{})
	c.whenGone(func() { close(gone) })
	<-gone
	l.open.Add(-1)
	l.mu.Lock()
	delete(l.driven, lc)
	l.mu.Unlock()
}
