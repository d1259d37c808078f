package websocket

import (
	"fmt"

	"github.com/openline/openline/websocket/internal/frame"
	"github.com/openline/openline/websocket/internal/proto"
	"github.com/openline/openline/websocket/internal/utf8x"
)

// Prepared is a message that has been checked and framed once, to be sent on
// any number of connections. It does not change and may be shared.
type Prepared struct {
	typ    MessageType
	header int    // octets of frame that are its header
	frame  []byte // as a server sends it
	plain  bool   // it is never compressed
	packed packedForms
}

// Prepare makes a message ready for [Conn.TrySend]. data is copied. Text must be
// UTF-8 (RFC 6455 §8.1).
//
// It is compressed when a connection first asks for that, once for all
// connections with the same window and level, whether they take their context
// over or not.
func Prepare(typ MessageType, data []byte) (*Prepared, error) {
	if typ != Text && typ != Binary {
		return nil, errType
	}
	if typ == Text && !utf8x.Valid(data) {
		return nil, fmt.Errorf("websocket: %w", proto.ErrNotUTF8)
	}
	p := &Prepared{typ: typ, header: frame.Size(len(data), false)}
	p.frame = frame.AppendHeader(make([]byte, 0, p.header+len(data)), frame.Header{
		Fin: true, Opcode: frame.Opcode(typ), Length: uint64(len(data)),
	})
	p.frame = append(p.frame, data...)
	return p, nil
}

// PrepareUncompressed is Prepare for a message that is never compressed, see
// [Conn.WriteUncompressed].
func PrepareUncompressed(typ MessageType, data []byte) (*Prepared, error) {
	p, err := Prepare(typ, data)
	if err == nil {
		p.plain = true
	}
	return p, err
}

// Type returns the message's type.
func (p *Prepared) Type() MessageType { return p.typ }

// Data returns the message's payload. It is shared: read only.
func (p *Prepared) Data() []byte { return p.frame[p.header:] }

// TrySend queues p and returns at once. What is queued leaves in order, several
// messages in one write when the socket is behind; a Write waits for what was
// queued before it. ErrQueueFull says that the peer is behind by QueueMessages
// or QueueBytes; p was not queued then. After a Close the error is a
// [*CloseError].
func (c *Conn) TrySend(p *Prepared) error { return c.trySend(p, false) }

// trySend is TrySend. An answer finds the queue full later than other messages.
func (c *Conn) trySend(p *Prepared, answer bool) error {
	if c.pack != nil {
		p.form(c.pack) // now, and not while the lock is held
	}
	c.mu.Lock()
	e := c.ended()
	switch {
	case e != nil:
		c.mu.Unlock()
		return e
	case c.out.Closing():
		c.mu.Unlock()
		return c.sendError(proto.ErrClosing)
	case !c.queue.add(p, c.cfg, answer):
		c.mu.Unlock()
		return ErrQueueFull
	}
	c.mu.Unlock()
	c.kick()
	return nil
}

// queue holds the prepared messages that a connection has not written yet.
type queue struct {
	messages   []*Prepared
	bytes      int
	overflowed bool // a message did not fit
	asked      bool // LoopConn.Room has reported false
}

func (q *queue) len() int { return len(q.messages) }

func (q *queue) add(p *Prepared, cfg *config, answer bool) bool {
	n := len(q.messages)
	if answer && (cfg.queueBytes == 0 || q.bytes <= cfg.queueBytes) {
		n = 0
	}
	if n > 0 && (cfg.queueMax > 0 && n >= cfg.queueMax || cfg.queueBytes > 0 && q.bytes+len(p.frame) > cfg.queueBytes) {
		q.overflowed = true
		return false
	}
	q.messages = append(q.messages, p)
	q.bytes += len(p.frame)
	return true
}

// appendNext takes the oldest message and appends its frame to b, as a connection
// sends it whose messages are compressed like that.
func (q *queue) appendNext(b []byte, out *proto.Sender, pack *packing) []byte {
	p := q.messages[0]
	q.messages[0] = nil
	if q.messages = q.messages[1:]; len(q.messages) == 0 {
		q.messages = nil
	}
	q.bytes -= len(p.frame)
	wire, header := p.frame, p.header
	if pack != nil {
		if form := p.form(pack); form != nil {
			wire, header = form.frame, form.header
		}
	}
	return out.AppendPrepared(b, frame.Opcode(p.typ), wire, header, p.Data())
}

// appendAll takes all messages, unless a fragmented one is open, which they
// cannot interrupt.
func (q *queue) appendAll(b []byte, out *proto.Sender, pack *packing) []byte {
	for q.len() > 0 && !out.Fragmenting() {
		b = q.appendNext(b, out, pack)
	}
	return b
}

func (q *queue) clear() { *q = queue{} }
