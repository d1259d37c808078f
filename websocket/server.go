package websocket

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"runtime/debug"
	"sync"

	"github.com/openline/openline/websocket/http1"
	"github.com/openline/openline/websocket/internal/handshake"
	"github.com/openline/openline/websocket/internal/poll"
)

// ServerOptions are the settings of a [Server].
type ServerOptions struct {
	AcceptOptions
	// HTTP are the rules for requests: bounds, host names, time limits, and the form
	// of refusals.
	HTTP http1.Options
	// HTTPServer answers the requests that open no WebSocket, behind package http1:
	// their connections are handed over to it, with what has been read. It is for its
	// owner to shut down, after the Server. Serve changes it, see [http1.Serve].
	// Default nil: such requests are refused.
	HTTPServer *http.Server
	// Request, if set, is asked about requests that open no WebSocket before
	// HTTPServer is: those on loops whose body, if they have one, has a length that
	// their header gives and that is not large. To take one it returns true and has answer called once, from any
	// goroutine, with a whole HTTP/1.1 response; its octets are the server's then. The
	// loop goes on with the connection, one request after the other, in their order.
	// After false the connection is HTTPServer's. Request is called by a loop: it must
	// not wait, and not keep r or body.
	Request func(r *http.Request, body []byte, answer func(response []byte)) bool
	// Hold, if set, is asked before Request is, about the requests among those that
	// are GETs without a body: for answers that may take their time. taken and answer
	// are as with Request. hurry, which may be nil, is called by the loop, at most
	// once, when the peer waits for nothing any more, or for something else: it has
	// ended its side, is gone, or has sent another request.
	Hold func(r *http.Request, answer func(response []byte)) (taken bool, hurry func())
	// Loops drive the connections, which are shared out evenly. Default: one for each
	// processor.
	Loops []*Loop
	// Admit is asked about each connection before anything is read from it; one that
	// it does not want is closed unanswered. leave, which may be nil, is called when
	// the connection has become a WebSocket, has been handed over to HTTPServer, or
	// is gone. It is called by a loop and must not wait. Default: all.
	Admit func(remote netip.AddrPort) (leave func(), ok bool)
}

// Server opens WebSocket connections on loops, from the first octet on: for a
// connection that opens, idles and closes it takes no goroutine and nothing of
// net/http but the type of its requests. On systems without a loop, and on
// listeners that are not plain TCP, it does the same by an [http.Server].
type Server struct {
	open   func(w http.ResponseWriter, r *http.Request) EventHandler
	accept *Acceptor
	rules  *http1.Rules
	o      ServerOptions
	loops  []*Loop
	base   *loopShared // of connections that are being opened

	mu      sync.Mutex // guards the following
	next    int        // of loops
	closing bool
	closed  chan struct{}  // closed by Shutdown
	stops   []func()       // of what Serve has begun
	serving sync.WaitGroup // calls of Serve
	own     *http.Server   // where there is no HTTPServer, for what loops cannot do
}

// ErrServerClosed is what Serve returns after Shutdown.
var ErrServerClosed = errors.New("websocket: the server has been shut down")

// NewServer returns a server that has open answer each opening request that is in
// order, with the handler of the connection. Fields that it adds to w's header
// become part of the 101 response. If it returns nil, what it has written to w is
// the answer; when it has written nothing either, the request is HTTPServer's, or
// not found. A handler that it returns is told of OnOpen and OnClose even if the
// response cannot be sent.
//
// open is called by a loop, as the methods of a handler are: it must not wait, and
// not keep w or r's body. Whether a request may be opened is checked before:
// everything that AcceptOptions say, and the limits are counted.
func NewServer(open func(w http.ResponseWriter, r *http.Request) EventHandler, o *ServerOptions) (*Server, error) {
	s := &Server{open: open, closed: make(chan struct{})}
	if o != nil {
		s.o = *o
	}
	var err error
	if s.accept, err = NewAcceptor(&s.o.AcceptOptions); err != nil {
		return nil, err
	}
	if _, err := s.accept.response(nil, &terms{}); err != nil {
		return nil, fmt.Errorf("websocket: %w", err)
	}
	if s.rules, err = http1.NewRules(&s.o.HTTP); err != nil {
		return nil, fmt.Errorf("websocket: %w", err)
	}
	s.base = &loopShared{loopSharedKey: loopSharedKey{cfg: s.accept.conn}}
	s.loops = s.o.Loops
	for range runtime.GOMAXPROCS(0) {
		if len(s.o.Loops) > 0 {
			break
		}
		l, err := NewLoop()
		if err != nil {
			for _, l := range s.loops {
				_ = l.Shutdown(context.Background())
			}
			return nil, err
		}
		s.loops = append(s.loops, l)
	}
	return s, nil
}

// Len returns how many connections the server's loops have.
func (s *Server) Len() (n int) {
	for _, l := range s.loops {
		n += l.Len()
	}
	return n
}

// pickLoop returns the loop whose turn it is.
func (s *Server) pickLoop() *Loop {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next++
	return s.loops[s.next%len(s.loops)]
}

// Serve accepts connections until Shutdown, which is the only way to end it, or an
// error of the listener. It takes the listener over and closes it in the end. It
// may be called for several listeners.
func (s *Server) Serve(l net.Listener) error {
	s.mu.Lock()
	if s.closing {
		s.mu.Unlock()
		_ = l.Close()
		return ErrServerClosed
	}
	s.serving.Add(1)
	s.mu.Unlock()
	defer s.serving.Done()
	serve := s.serveHTTP
	if fd, ok := s.takeListener(l); ok {
		serve = func(l net.Listener) error { return s.serveLoops(l, fd) }
	}
	err := serve(l)
	select {
	case <-s.closed: // whatever it was that ended first
		return ErrServerClosed
	default:
		return err
	}
}

// takeListener returns a descriptor for a loop to accept from.
func (s *Server) takeListener(l net.Listener) (fd int, ok bool) {
	tcp, isTCP := l.(*net.TCPListener)
	if !isTCP || s.loops[0].poller == nil {
		return -1, false
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return -1, false
	}
	err = raw.Control(func(d uintptr) {
		n, err := poll.Dup(int(d))
		if err == nil {
			fd, ok = n, true
		}
	})
	return fd, ok && err == nil
}

// serveLoops has the first loop accept for all of them.
func (s *Server) serveLoops(l net.Listener, fd int) error {
	_ = l.Close() // the socket stays, with its other descriptor
	poll.Inherit(fd)
	a := &accepting{server: s, fd: fd, ended: make(chan error, 1)}
	if s.o.HTTPServer != nil {
		a.rest = newRestListener(l.Addr())
		s.serving.Go(func() { // ends with the HTTP server, or with rest
			if err := http1.Serve(s.o.HTTPServer, a.rest, &s.o.HTTP); !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
				s.accept.conn.log.Error("websocket: HTTPServer does not serve", "error", err)
			}
			_ = a.rest.Close()
		})
		defer func() { _ = a.rest.Close() }()
	}
	if !s.loops[0].Do(func() { s.loops[0].beginAccept(a) }) {
		_ = poll.Close(fd)
		return ErrLoopClosed
	}
	s.whenStopped(func() { s.loops[0].Do(func() { s.loops[0].endAccept(a, ErrServerClosed) }) })
	return <-a.ended
}

// serveHTTP serves a listener that loops cannot accept from.
func (s *Server) serveHTTP(l net.Listener) error {
	srv := s.o.HTTPServer
	if srv == nil {
		srv = &http.Server{ErrorLog: slog.NewLogLogger(s.accept.conn.log.Handler(), slog.LevelDebug)}
	}
	s.mu.Lock()
	if s.own == nil {
		s.own = srv
		srv.Handler = &serverHandler{s, srv.Handler}
	}
	srv = s.own
	s.mu.Unlock()
	s.whenStopped(func() { _ = l.Close() })
	return http1.Serve(srv, l, &s.o.HTTP)
}

// whenStopped has f called by Shutdown.
func (s *Server) whenStopped(f func()) {
	s.mu.Lock()
	closing := s.closing
	s.stops = append(s.stops, f)
	s.mu.Unlock()
	if closing {
		f()
	}
}

// Shutdown stops accepting, refuses what is being opened with 503 and shuts the
// loops down, the given ones too: connections are closed with CloseGoingAway, and
// cut when ctx ends first, whose error is returned then.
func (s *Server) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	if s.closing {
		s.mu.Unlock()
		return ErrServerClosed
	}
	s.closing = true
	close(s.closed)
	stops := s.stops
	s.mu.Unlock()
	for _, stop := range stops {
		stop()
	}
	errs := make([]error, len(s.loops))
	var wg sync.WaitGroup
	for i, l := range s.loops {
		wg.Go(func() {
			if errs[i] = l.Shutdown(ctx); errors.Is(errs[i], ErrLoopClosed) {
				errs[i] = nil
			}
		})
	}
	wg.Wait()
	s.mu.Lock()
	own := s.own
	s.mu.Unlock()
	if s.o.HTTPServer == nil && own != nil {
		_ = own.Close()
	}
	s.serving.Wait()
	return errors.Join(errs...)
}

// serverHandler is a Server as net/http sees it.
type serverHandler struct {
	server *Server
	next   http.Handler // for requests that open no WebSocket; nil: none
}

func (h *serverHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if _, refusal := handshake.CheckRequest(r); refusal != nil && h.next != nil {
		h.next.ServeHTTP(w, r)
		return
	}
	h.server.serveRequest(w, r, h.next)
}

// ServeHTTP answers a request that net/http has read, over TLS for example. What
// opens no WebSocket is refused.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.serveRequest(w, r, nil) }

func (s *Server) serveRequest(w http.ResponseWriter, r *http.Request, next http.Handler) {
	select {
	case <-s.closed:
		_ = s.accept.refuse(w, r, errShuttingDown)
		return
	default:
	}
	o := s.judge(r, next != nil)
	switch {
	case o.handler != nil:
	case o.notHere:
		next.ServeHTTP(w, r)
		return
	default:
		o.answer.copyTo(w)
		return
	}
	nc, early, err := hijack(w)
	if err != nil {
		o.release()
		_ = s.accept.fail(w, r, err)
		s.failed(o.handler, nil)
		return
	}
	c, err := s.accept.finish(nc, o.head, early, &o.terms, o.release)
	if err != nil {
		s.failed(o.handler, nc)
		return
	}
	l := s.pickLoop()
	if _, err := l.Attach(c, o.handler); err != nil {
		l.driveEnded(c, o.handler)
	}
}

// failed is for a handler whose connection has failed before it began: it may have
// been counted, and whoever does that counts on OnClose. nc may be nil.
func (s *Server) failed(h EventHandler, nc net.Conn) {
	if nc == nil {
		nc, _ = net.Pipe()
	}
	s.pickLoop().driveEnded(newConn(nc, false, s.accept.conn, "", nil, nil), h)
}

var errShuttingDown = &handshake.Refusal{Status: http.StatusServiceUnavailable, Reason: "The server is shutting down."}

// verdict is what becomes of a request.
type verdict struct {
	handler EventHandler // nil: no connection
	terms   terms
	head    []byte // the 101 response
	release func()
	notHere bool         // it is for HTTPServer
	answer  heldResponse // otherwise
}

// judge decides about a request. rest says that there is somebody for what opens
// no WebSocket.
func (s *Server) judge(r *http.Request, rest bool) (v verdict) {
	if rest {
		if _, refusal := handshake.CheckRequest(r); refusal != nil {
			v.notHere = true
			return v
		}
	}
	w := &v.answer
	var refusal *handshake.Refusal
	if v.terms, refusal = s.accept.check(r); refusal == nil {
		v.release, refusal = s.accept.options.Limiter.acquire(r)
	}
	if refusal != nil {
		_ = s.accept.refuse(w, r, refusal)
		return v
	}
	asked := false
	defer func() {
		if !asked { // open has ended the goroutine
			v.release()
		}
	}()
	h, err := s.ask(w, r)
	asked = true
	if err == nil && h != nil {
		if v.head, err = s.accept.response(w.header, &v.terms); err != nil {
			defer s.failed(h, nil)
		}
	}
	switch {
	case err != nil:
		v.answer = heldResponse{}
		_ = s.accept.fail(w, r, err)
	case h != nil:
		v.handler = h
		return v
	case w.status != 0:
	case rest:
		v.notHere = true
	default:
		_ = s.accept.refuse(w, r, &handshake.Refusal{Status: http.StatusNotFound, Reason: "There is nothing at this address."})
	}
	v.release()
	return v
}

// ask calls open.
func (s *Server) ask(w http.ResponseWriter, r *http.Request) (h EventHandler, err error) {
	defer func() {
		if v := recover(); v != nil {
			s.accept.conn.log.Error("websocket: handler panicked", "peer", r.RemoteAddr, "panic", v, "stack", string(debug.Stack()))
			h, err = nil, errors.New("it has failed")
		}
	}()
	return s.open(w, r), nil
}
