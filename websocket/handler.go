package websocket

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"runtime/debug"
	"slices"
	"sync"

	"github.com/openline/openline/websocket/internal/handshake"
)

// Handler is an [http.Handler] that runs a function for each connection. Make
// one with [Handle].
type Handler struct {
	fn     func(ctx context.Context, c *Conn)
	accept *Acceptor

	mu      sync.Mutex // guards the following
	opening int        // handshakes that are under way
	conns   map[*Conn]struct{}
	closing bool
	empty   chan struct{} // to be closed when nothing is left of either; nil before Shutdown
}

// Handle returns a handler that accepts connections and runs fn for each on a
// goroutine of its own, after net/http has been let go, so that the memory of
// the request is free again. The context has the request's values and ends with
// the connection. When fn returns, the connection is closed with CloseNormal,
// unless fn did it; when it panics, with CloseInternalError, and the other
// connections go on.
func Handle(fn func(ctx context.Context, c *Conn), o *AcceptOptions) *Handler {
	if o == nil {
		o = new(AcceptOptions) // not the shared defaults: a handler's connections have a clock to themselves
	}
	return &Handler{fn: fn, accept: newAcceptor(o), conns: make(map[*Conn]struct{})}
}

// ServeHTTP answers the opening request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !h.begin() {
		_ = h.accept.refuse(w, r, &handshake.Refusal{Status: http.StatusServiceUnavailable, Reason: "The server is shutting down."})
		return
	}
	var c *Conn
	defer func() { h.opened(r.Context(), c) }()
	c, _ = h.accept.Accept(w, r) // an error has been answered and logged
}

// begin counts a handshake in, unless the handler is closing.
func (h *Handler) begin() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closing {
		return false
	}
	h.opening++
	return true
}

// opened counts a handshake out. c is the connection that came of it, if one
// did.
func (h *Handler) opened(values context.Context, c *Conn) {
	h.mu.Lock()
	h.opening--
	if c != nil {
		h.conns[c] = struct{}{}
	}
	closing := h.closing
	h.checkEmpty()
	h.mu.Unlock()
	if c == nil {
		return
	}
	c.ofHandler(h)
	if closing {
		go func() { _ = c.Close(CloseGoingAway, shuttingDown) }()
		return
	}
	x := c.context(values)
	go h.run(x)
}

// ofHandler has h forget the connection when it is gone.
func (c *Conn) ofHandler(h *Handler) {
	c.mu.Lock()
	if !c.isClosed {
		c.handler = h
		c.mu.Unlock()
		return
	}
	c.mu.Unlock()
	h.remove(c)
}

// run is the goroutine of a connection. What that keeps while it waits is kept for
// each of them: its frames are small on purpose.
func (h *Handler) run(x *connContext) {
	defer h.returned(x)
	h.fn(x, x.c)
}

// returned is deferred by run.
func (h *Handler) returned(x *connContext) {
	v := recover()
	if v == nil {
		_ = x.c.Close(CloseNormal, "")
		return
	}
	h.accept.conn.log.LogAttrs(x, slog.LevelError, "websocket: handler panicked",
		slog.String("peer", x.c.RemoteAddr().String()), slog.Any("panic", v), slog.String("stack", string(debug.Stack())))
	_ = x.c.Close(CloseInternalError, "internal error")
}

// Len returns how many connections are open.
func (h *Handler) Len() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.conns)
}

func (h *Handler) remove(c *Conn) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.conns, c)
	h.checkEmpty()
}

// checkEmpty tells Shutdown when it has nothing to wait for. h.mu is held.
func (h *Handler) checkEmpty() {
	if h.empty != nil && h.opening == 0 && len(h.conns) == 0 {
		close(h.empty)
		h.empty = nil
	}
}

// list returns the connections there are.
func (h *Handler) list() []*Conn {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Collect(maps.Keys(h.conns))
}

const shuttingDown = "server is shutting down"

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
	h.empty = empty
	h.checkEmpty()
	h.mu.Unlock()
	for _, c := range h.list() {
		go func() { _ = c.Close(CloseGoingAway, shuttingDown) }()
	}
	select {
	case <-empty:
		return nil
	case <-ctx.Done():
		for _, c := range h.list() {
			c.cut()
		}
		return ctx.Err()
	}
}
