package websocket

import (
	"log/slog"
	"net"
	"reflect"
	"testing"
)

// NewTestConn is a connection on nc, without a handshake.
func NewTestConn(nc net.Conn, client bool, o *ConnOptions) *Conn {
	options := *o
	if options.Logger == nil {
		options.Logger = slog.New(slog.DiscardHandler)
	}
	return newConn(nc, client, options.resolve(), "", nil, nil)
}

// NewTestPair is a client's connection on a pipe in memory, as a bubble of
// package synctest needs it, and the pipe's other end.
func NewTestPair(tb testing.TB, o *ConnOptions) (*Conn, net.Conn) {
	tb.Helper()
	here, there := net.Pipe()
	c := NewTestConn(here, true, o)
	tb.Cleanup(func() {
		_ = c.CloseNow()
		_ = there.Close()
	})
	return c, there
}

// QueueWithoutSending queues p as TrySend does, but leaves it for whoever writes
// next.
func QueueWithoutSending(c *Conn, p *Prepared) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.queue.add(p, c.cfg, false)
}

// CompressedForms is how often p has been compressed.
func CompressedForms(p *Prepared) int {
	p.packed.mu.Lock()
	defer p.packed.mu.Unlock()
	return len(p.packed.list)
}

// IsClosing reports whether Shutdown has begun.
func IsClosing(h *Handler) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.closing
}

// LoopConnSize is what an idle connection of a loop takes.
var LoopConnSize = reflect.TypeFor[LoopConn]().Size()

// LoopQueued is what waits to be sent on c: messages, octets, and the memory that
// they take.
func LoopQueued(c *LoopConn) (messages, octets, memory int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.write == nil {
		return 0, 0, 0
	}
	for _, p := range c.write.pieces {
		memory += cap(p.own)
	}
	return c.write.messages, c.write.bytes, memory
}
