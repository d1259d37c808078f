package websocket

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"runtime/debug"
	"sync"

	"github.com/openline/openline/websocket/internal/handshake"
)

// Handler is an [http.Handler] that runs a function for each connection. Make
// one with [Handle].
type Handler struct {
	fn     func(ctx context.Context, c *Conn)
	accept *Acceptor

	mu      sync.Mutex // guards the following
	conns   map[*Conn]struct{}
	closing bool
	empty   chan struct{} // closed when closing and conns is empty
}

// Handle returns a handler that accepts connections and runs fn for each on a
// goroutine of its own, after net/http has been let go, so that the memory of
// the request is free again. The context has the request's values and ends with
// the connection. When fn returns, the connection is closed with CloseNormal,
// unless fn did it; when it panics, with CloseInternalError, and the other
// connections go on.
func Handle(fn func(ctx context.Context, c *Conn), o *AcceptOptions) *Handler {
	return &Handler{fn: fn, accept: newAcceptor(o), conns: make(map[*Conn]struct{})}
}

// ServeHTTP answers the opening request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	closing := h.closing
	h.mu.Unlock()
	if closing {
		_ = h.accept.refuse(w, r, &handshake.Refusal{Status: http.StatusServiceUnavailable, Reason: "The server is shutting down."})
		return
	}
	c, err := h.accept.Accept(w, r)
	if err != nil {
		return // answered and logged
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(r.Context()))
	c.cancelAtEnd(cancel)
	c.whenGone(func() { h.remove(c) })
	if !h.add(c) {
		go func() { _ = c.Close(CloseGoingAway, "server is shutting down") }()
		return
	}
	go h.run(ctx, c)
}

func (h *Handler) run(ctx context.Context, c *Conn) {
	defer func() {
		if v := recover(); v != nil {
			h.accept.conn.log.LogAttrs(ctx, slog.LevelError, "websocket: handler panicked",
				slog.String("peer", c.RemoteAddr().String()), slog.Any("panic", v), slog.String("stack", string(debug.Stack())))
			_ = c.Close(CloseInternalError, "internal error")
			return
		}
		_ = c.Close(CloseNormal, "")
	}()
	h.fn(ctx, c)
}

// Len returns how many connections are open.
func (h *Handler) Len() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.conns)
}

func (h *Handler) add(c *Conn) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closing {
		return false
	}
	if !c.isGone() { // else its end has already called remove
		h.conns[c] = struct{}{}
	}
	return true
}

func (h *Handler) remove(c *Conn) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.conns, c)
	if h.empty != nil && len(h.conns) == 0 {
		close(h.empty)
		h.empty = nil
	}
}

// Shutdown refuses new connections with 503, closes the others with
// CloseGoingAway and waits until all are gone. When ctx ends first, the rest is
// cut off and the error of ctx is returned.
func (h *Handler) Shutdown(ctx context.Context) error {
	h.mu.Lock()
	if h.closing {
		h.mu.Unlock()
		return errors.New("websocket: Shutdown has been called before")
	}
	h.closing = true
	empty := make(chan struct{})
	if len(h.conns) == 0 {
		close(empty)
	} else {
		h.empty = empty
	}
	conns := make([]*Conn, 0, len(h.conns))
	for c := range h.conns {
		conns = append(conns, c)
	}
	h.mu.Unlock()
	for _, c := range conns {
		go func() { _ = c.Close(CloseGoingAway, "server is shutting down") }()
	}
	select {
	case <-empty:
		return nil
	case <-ctx.Done():
		for _, c := range conns {
			c.cut()
		}
		return ctx.Err()
	}
}
