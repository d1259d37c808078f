package websocket

import (
	"context"
	"encoding/binary"
)

// Ping sends a Ping and waits for its Pong (RFC 6455 §5.5.2). Somebody has to
// be reading meanwhile.
func (c *Conn) Ping(ctx context.Context) error {
	answered := make(chan struct{})
	c.mu.Lock()
	if e := c.ended(); e != nil {
		c.mu.Unlock()
		return e
	}
	x := c.seldom()
	x.pingCount++
	id := x.pingCount
	if err := c.out.QueuePing(binary.BigEndian.AppendUint64(nil, id)); err != nil {
		c.mu.Unlock()
		return c.sendError(err)
	}
	if x.pings == nil {
		x.pings = make(map[uint64]chan struct{})
	}
	x.pings[id] = answered
	c.mu.Unlock()
	c.kick()
	select {
	case <-answered:
		return nil
	case <-c.Done():
		return c.Err()
	case <-ctx.Done():
		c.mu.Lock()
		delete(x.pings, id)
		c.mu.Unlock()
		return ctx.Err()
	}
}

// pong takes a Pong: it answers its Ping and all before it, since a peer may
// answer the latest only (RFC 6455 §5.5.3). A Pong that nobody asked for is
// ignored.
func (c *Conn) pong(payload []byte) {
	c.mu.Lock()
	x := c.extra
	if x == nil { // nobody has asked
		c.mu.Unlock()
		return
	}
	if onPong := x.onPong; onPong != nil {
		c.mu.Unlock()
		onPong(payload)
		return
	}
	defer c.mu.Unlock()
	if len(payload) != 8 {
		return
	}
	id := binary.BigEndian.Uint64(payload)
	if id > x.pingCount {
		return
	}
	for k, answered := range x.pings {
		if k <= id {
			close(answered)
			delete(x.pings, k)
		}
	}
}
