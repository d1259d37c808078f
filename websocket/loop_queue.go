package websocket

import (
	"sync"

	"github.com/openline/openline/websocket/internal/proto"
)

// loopWrite is what is to be sent, and what there is to remember about it.
type loopWrite struct {
	out        proto.Sender
	keep       bool    // out is needed as long as the connection is
	pieces     []piece // in order
	off        int     // octets of the first one that have been sent
	bytes      int     // in all pieces
	messages   int     // that TrySend and Write added
	overflowed bool    // a message did not fit
	asked      bool    // Room has reported false
	stuck      bool    // the socket did not take all of it when that was last tried
	blocked    uint32  // the tick by which the socket has to take something; 0: it is not full
	unsent     int32   // what the socket held when that was looked at last, to see whether it moves
	moving     uint32  // the tick at which that is looked at again; 0: it is not
}

// piece is octets that are to be sent.
type piece struct {
	own      []byte    // the connection's memory; more may be appended
	prepared *Prepared // or a message that is shared
	messages int32     // that end in it
	cut      bool      // own begins inside a frame
	control  bool      // own is Pings and Pongs
}

func (p *piece) octets() []byte {
	if p.prepared != nil {
		return p.prepared.frame
	}
	return p.own
}

// full reports whether a message of n octets is one too many, or too large, beside
// those that wait.
func (w *loopWrite) full(cfg *config, n int) bool {
	return w.bytes > 0 && (cfg.queueMax > 0 && w.messages >= cfg.queueMax || cfg.queueBytes > 0 && w.bytes+n > cfg.queueBytes)
}

// relieve writes what waits to the socket, unless that is known to take nothing: a
// queue is full because the peer does not read, never because the loop has not
// come to it yet. c.mu is held.
func (c *LoopConn) relieve() {
	w := c.write
	buf := getBuffer()
	defer putBuffer(buf)
	for len(w.pieces) > 0 && !w.stuck && c.fd >= 0 {
		b := append((*buf)[:0], w.pieces[0].octets()[w.off:]...)
		for _, p := range w.pieces[1:] {
			if len(b)+len(p.octets()) > gatherSize {
				break
			}
			b = append(b, p.octets()...)
		}
		*buf = b
		n, err := c.put(b)
		if err != nil {
			n = 0 // the loop will find out why
		}
		w.sent(n)
		w.stuck = n < len(b)
	}
}

// inFrame reports whether part of a frame has been sent and part of it has not.
func (w *loopWrite) inFrame() bool {
	return len(w.pieces) > 0 && (w.off > 0 || w.pieces[0].cut)
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
	if w == nil || c.fd >= 0 && (w.keep || w.bytes > 0 || w.out.Closing() || w.out.HasControl() || w.out.Fragmenting()) {
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
	if c.held && len(c.loop.cork) > 0 {
		c.queueCork(0)
	}
}

// queueCork queues what is corked, of which the socket has taken sent octets. c.mu
// is held.
func (c *LoopConn) queueCork(sent int) {
	l := c.loop
	if sent < len(l.cork) {
		c.queueRest(append([]byte(nil), l.cork[sent:]...), sent > 0 || l.corkCut)
	}
	l.emptyCork()
}

// emptyCork forgets what is corked.
func (l *Loop) emptyCork() { l.cork, l.corkCut = l.cork[:0], false }

// queueOwn adds octets that are the connection's. c.mu is held.
func (c *LoopConn) queueOwn(b []byte) { c.queueRest(b, false) }

// queueRest adds octets of which some in front may be out already. c.mu is held.
func (c *LoopConn) queueRest(b []byte, cut bool) {
	c.sender()
	w := c.write
	w.pieces = append(w.pieces, piece{own: b, cut: cut})
	w.bytes += len(b)
}

// count notes that a message was added, to the last piece.
func (c *LoopConn) count() {
	w := c.write
	w.messages++
	w.pieces[len(w.pieces)-1].messages++
}

// tail returns the last piece's octets to append to; the piece is a new one if
// the last one has begun to leave, or would never be done with for a peer that is
// always a little behind. c.mu is held.
func (c *LoopConn) tail() []byte {
	w := c.write
	if n := len(w.pieces); n > 0 {
		p := &w.pieces[n-1]
		if p.prepared == nil && !p.cut && !p.control && len(p.own) < gatherSize && (n > 1 || w.off == 0) {
			return p.own
		}
	}
	w.pieces = append(w.pieces, piece{})
	return nil
}

// setTail puts it back.
func (c *LoopConn) setTail(b []byte) {
	w := c.write
	n := len(w.pieces)
	if len(b) == 0 {
		w.pieces = w.pieces[:n-1]
		return
	}
	w.bytes += len(b) - len(w.pieces[n-1].own)
	w.pieces[n-1].own = b
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

// clear drops what waits for a peer that is behind, but for a frame that has been
// sent in part; and what is corked, which would come behind it. c.mu is held.
func (c *LoopConn) clear() {
	w := c.write
	if w == nil || w.bytes == 0 {
		return
	}
	if c.held {
		c.loop.emptyCork()
	}
	if w.inFrame() {
		// Which frame the socket has taken the half of is not known for what was
		// appended together: that piece goes out whole.
		clear(w.pieces[1:])
		w.pieces = w.pieces[:1]
		w.bytes = len(w.pieces[0].octets()) - w.off
		w.messages = int(w.pieces[0].messages)
	} else {
		w.pieces, w.bytes, w.messages = nil, 0, 0
	}
}
