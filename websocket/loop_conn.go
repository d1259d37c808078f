package websocket

import (
	"fmt"
	"net"
	"sync"
	"sync/atomic"

	"github.com/openline/openline/websocket/internal/frame"
	"github.com/openline/openline/websocket/internal/poll"
	"github.com/openline/openline/websocket/internal/proto"
	"github.com/openline/openline/websocket/internal/utf8x"
)

// LoopConn is a connection that a [Loop] drives. All methods may be called from
// any goroutine, and none of them waits.
type LoopConn struct {
	loop   *Loop
	h      EventHandler
	shared *loopShared
	other  *driven // a goroutine drives it; nil: the loop does
	gone   func()  // to be called when the socket is closed; may be nil

	// What only the loop uses.
	read       *loopRead // nil: between messages, nothing to remember
	prev, next *LoopConn // in the wheel
	due        uint32    // the tick at which the wheel has something to do with it
	keep       uint32    // the tick at which keep-alive looks
	limit      uint32    // the tick by which something has to have happened; 0: none
	lingered   uint32    // octets that were read after the end
	fd         int32     // -1: closed
	slot       uint32
	role       role
	want       poll.Ready // what the poller waits for
	heard      bool       // something has arrived since keep-alive looked last
	asked      bool       // a Ping is out and nothing has arrived since
	lingers    bool       // it has ended, and its Close is still to reach the peer
	halfClosed bool       // the outgoing direction has been ended
	told       bool       // this end's Close has been sent, and was the first
	paused     bool       // it is not read, because of what waits to be sent
	away       bool       // the poller does not know it: it has hung up and is not to be read yet

	flow atomic.Uint32 // whether the application wants what comes
	over atomic.Bool   // it has ended, or is about to: no further message is wanted

	mu      sync.Mutex // guards the following
	held    bool       // the loop is at it: what is written is corked
	dirty   bool       // the loop is to flush it
	abort   bool       // it is to be closed without ceremony
	large   bool       // what is written to it at once may be large, and the system takes it all
	write   *loopWrite // nil: nothing waits, nothing to remember
	closing *CloseError
	err     *CloseError
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
func (c *LoopConn) Write(typ MessageType, data []byte) error { return c.writeMessage(typ, data, true) }

// WriteUncompressed is Write without compression, see [Conn.WriteUncompressed].
func (c *LoopConn) WriteUncompressed(typ MessageType, data []byte) error {
	return c.writeMessage(typ, data, false)
}

func (c *LoopConn) writeMessage(typ MessageType, data []byte, compress bool) error {
	if typ != Text && typ != Binary {
		return errType
	}
	if c.other != nil {
		return c.other.write(typ, data, compress)
	}
	c.mu.Lock()
	if c.corks() && len(data) < writeApart && (typ == Binary || utf8x.Valid(data)) {
		c.loop.cork = frame.AppendWhole(c.loop.cork, frame.Opcode(typ), data)
		c.mu.Unlock()
		return nil
	}
	if err := c.mayWrite(len(data)); err != nil {
		c.mu.Unlock()
		return err
	}
	c.spill()
	if c.write == nil && len(data) < writeApart {
		return c.writeShort(typ, data)
	}
	return c.writeLong(typ, data, compress)
}

// corks reports whether a short message goes straight to what is corked: the case
// that has to be fast. c.mu is held.
func (c *LoopConn) corks() bool {
	return c.held && c.write == nil && c.err == nil && c.closing == nil && !c.shared.client && len(c.loop.cork) < gatherSize
}

// Room reports whether less than half of what may wait for c, QueueMessages and QueueBytes, does wait. When it has reported false, a [DrainHandler]'s
// OnDrain is called once everything has been sent.
func (c *LoopConn) Room() bool {
	if c.other != nil {
		return c.other.room()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	w, cfg := c.write, c.shared.cfg
	if w == nil || c.err != nil || !cfg.halfFull(w.messages, w.bytes) {
		return true
	}
	w.asked = true
	return false
}

// halfFull reports whether more than half of what may wait does.
func (c *config) halfFull(messages, bytes int) bool {
	return c.queueMax > 0 && messages > c.queueMax/2 || c.queueBytes > 0 && bytes > c.queueBytes/2
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
	var full bool
	if c.held {
		// An answer always fits: the connection is not read while its queue is half
		// full.
		full = cfg.queueBytes > 0 && w.bytes > cfg.queueBytes
	} else if full = w.full(cfg, n); full {
		c.relieve()
		full = w.full(cfg, n)
	}
	if full {
		w.overflowed = true
		return ErrQueueFull
	}
	return nil
}

// WriteFragment queues the next part of a message that is sent in several frames;
// typ is the type of the message, each time, and last ends it. Between the parts
// no other message can be written. A text may be cut inside a character. Else it is
// as Write.
func (c *LoopConn) WriteFragment(typ MessageType, data []byte, last bool) error {
	if typ != Text && typ != Binary {
		return errType
	}
	if c.other != nil {
		return c.other.writeFragment(typ, data, last)
	}
	c.mu.Lock()
	if err := c.mayWrite(len(data)); err != nil {
		c.mu.Unlock()
		return err
	}
	c.uncork()
	b, err := c.sender().AppendFragment(c.tail(), frame.Opcode(typ), last, data)
	c.setTail(b)
	if err == nil {
		c.count()
	}
	c.dirtied()
	if err != nil {
		return fmt.Errorf("websocket: %w", err)
	}
	return nil
}

// Ping sends a Ping with a payload of at most 125 bytes, for a [PongHandler]. The
// loop sends its own to peers that are silent, see ConnOptions.PingInterval.
// ErrQueueFull says that QueueBytes of Pings wait already; messages, before which
// they leave, do not count.
func (c *LoopConn) Ping(payload []byte) error {
	if c.other != nil {
		return c.other.ping(payload)
	}
	c.mu.Lock()
	if c.err != nil {
		c.mu.Unlock()
		return c.err
	}
	if w, most := c.write, c.shared.cfg.queueBytes; w != nil && w.out.QueuedPings() > 0 && most > 0 && w.out.QueuedPings()+len(payload) > most {
		w.overflowed = true
		c.mu.Unlock()
		return ErrQueueFull
	}
	c.uncork()
	err := c.sender().QueuePing(payload)
	c.dirtied()
	if err != nil {
		return fmt.Errorf("websocket: %w", err)
	}
	return nil
}

// writeShort is for what is not simply corked, while nothing waits to be sent. c.mu
// is held and let go.
func (c *LoopConn) writeShort(typ MessageType, data []byte) (err error) {
	if out := proto.NewSender(c.shared.client); c.held {
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
func (c *LoopConn) writeLong(typ MessageType, data []byte, compress bool) error {
	c.uncork()
	out := c.sender()
	w := c.write
	header, packed := [frame.MaxHeader]byte{}, []byte(nil)
	if compress && c.shared.pack != nil && (typ != Text || utf8x.Valid(data)) {
		packed = out.Pack(nil, data)
	}
	// What is long goes out from where it is, if nothing stands in front of it.
	if packed == nil && w.bytes == 0 && !c.shared.client && len(data) >= writeApart {
		h, err := out.AppendMessageHeader(header[:0], frame.Opcode(typ), data)
		if err != nil {
			c.dirtied()
			return fmt.Errorf("websocket: %w", err)
		}
		c.about(len(data))
		n, err := poll.Write2(int(c.fd), h, data)
		if err != nil {
			n = 0 // the loop will find out why
		}
		if n < len(h)+len(data) {
			rest := getLarge(len(h) + len(data) - n)
			if n < len(h) {
				rest = append(rest, h[n:]...)
			}
			c.queueRest(append(rest, data[max(0, n-len(h)):]...), n > 0)
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
	c.setTail(b)
	if err == nil {
		c.count()
	}
	c.dirtied()
	if err != nil {
		return fmt.Errorf("websocket: %w", err)
	}
	return nil
}

// Close begins the closing handshake, as [Conn.Close] does, and returns at once.
// OnClose tells how it ended. A peer that is behind and reads nothing at all for a
// second then is cut off, and what waits for it dropped.
func (c *LoopConn) Close(code CloseCode, reason string) error {
	if c.other != nil {
		return c.other.close(code, reason)
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
	c.dropInput()
	if c.write.overflowed {
		c.clear()
	}
	c.dirtied()
	return nil
}

// CloseNow ends the connection at once, without a Close frame.
func (c *LoopConn) CloseNow() error {
	if c.other != nil {
		return c.other.CloseNow()
	}
	c.mu.Lock()
	if c.err != nil { // its Close may still be on the way
		c.mu.Unlock()
		return nil
	}
	c.abort = true
	c.over.Store(true)
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
