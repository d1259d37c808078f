package websocket

import (
	"context"
	"encoding/binary"
	"errors"
	"sync"
	"time"
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
	c.pingCount++
	id := c.pingCount
	if err := c.out.QueuePing(binary.BigEndian.AppendUint64(nil, id)); err != nil {
		c.mu.Unlock()
		return c.sendError(err)
	}
	if c.pings == nil {
		c.pings = make(map[uint64]chan struct{})
	}
	c.pings[id] = answered
	c.mu.Unlock()
	c.kick()
	select {
	case <-answered:
		return nil
	case <-c.done:
		return c.Err()
	case <-ctx.Done():
		c.mu.Lock()
		delete(c.pings, id)
		c.mu.Unlock()
		return ctx.Err()
	}
}

// pong takes a Pong: it answers its Ping and all before it, since a peer may
// answer the latest only (RFC 6455 §5.5.3). A Pong that nobody asked for is
// ignored.
func (c *Conn) pong(payload []byte) {
	if c.onPong != nil {
		c.onPong(payload)
		return
	}
	if len(payload) != 8 {
		return
	}
	id := binary.BigEndian.Uint64(payload)
	c.mu.Lock()
	defer c.mu.Unlock()
	if id > c.pingCount {
		return
	}
	for k, answered := range c.pings {
		if k <= id {
			close(answered)
			delete(c.pings, k)
		}
	}
}

// keepAlive asks a silent peer whether it is there, and ends the connection if
// it is not.
type keepAlive struct {
	mu    sync.Mutex // guards the following
	timer *time.Timer
	asked bool // a Ping is out and nothing has arrived since
	read  bool // a reader was waiting when that was looked at last
}

var errNoPong = errors.New("peer does not answer: nothing arrived after a Ping")

func (k *keepAlive) start(c *Conn) {
	if c.cfg.pingInterval == 0 {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.timer = time.AfterFunc(c.cfg.pingInterval, func() { k.tick(c) })
}

func (k *keepAlive) stop() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.timer != nil {
		k.timer.Stop()
		k.timer = nil
	}
}

func (k *keepAlive) tick(c *Conn) {
	k.mu.Lock()
	if k.timer == nil {
		k.mu.Unlock()
		return
	}
	heard, read := c.heard.Swap(false), c.waiting.Load()
	alreadyRead := k.read
	k.read = read
	switch {
	case heard:
		k.asked = false
		k.timer.Reset(c.cfg.pingInterval)
	case !k.asked:
		k.asked = true
		k.mu.Unlock()
		c.mu.Lock()
		_ = c.out.QueuePing(nil) // refused only when the connection is closing
		c.mu.Unlock()
		c.kick()
		k.mu.Lock()
		if k.timer != nil { // only now: the time to answer begins with the question
			k.timer.Reset(c.cfg.pongTimeout)
		}
	case !read || !alreadyRead:
		// The answer may lie unread in the socket: nobody can tell, or a reader
		// that has just come is about to.
		k.timer.Reset(c.cfg.pongTimeout)
	default:
		k.mu.Unlock()
		_ = c.lost(errNoPong)
		return
	}
	k.mu.Unlock()
}
