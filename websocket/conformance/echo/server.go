package echo

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/openline/openline/websocket"
	"github.com/openline/openline/websocket/http1"
)

// Options are the settings of a server. Nil is valid, and so is the zero value.
type Options struct {
	// Driver is the way in which package websocket is used, one of [Drivers].
	// Default: the first of them.
	Driver string
	// ReadLimit is the largest message that is taken, in bytes, where the URL does
	// not say. Default 64 MiB; negative: no limit.
	ReadLimit int64
	// NoCompression declines compression, whatever a client offers.
	NoCompression bool
	// Origins are those of pages that may connect, besides the server's own; see
	// [websocket.AcceptOptions].
	Origins []string
	// Hosts are the names and addresses that the server answers for; see
	// [http1.Options]. Default: any.
	Hosts []string
	// HandshakeTimeout bounds the time of a request's header section. Default 10
	// seconds; negative: off.
	HandshakeTimeout time.Duration
	// Logger gets what the packages log. Default: nobody does, for a suite does
	// much that is worth a line.
	Logger *slog.Logger
}

const defaultLimit = 64 << 20

// Server is the server to test: an [http.Handler]. Make one with [New], and
// serve it with [Server.Serve].
type Server struct {
	options Options
	driver  driver
	log     *slog.Logger
	seen    outcomes
	http    *http.Server

	mu      sync.Mutex // guards the following
	groups  map[string]*group
	sweepAt int // as many groups are reason to look for those nobody uses
	closing bool
}

// group is the connections with one query.
type group struct {
	*websocket.Handler
	opening int // requests that are being answered; guarded by Server.mu

	mu       sync.Mutex // guards the following
	attached []end      // connections that the server's loop drives
	closing  bool
}

// attach notes that e is to be told of a shutdown: the handler does not know it any
// more.
func (g *group) attach(e end) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.attached = slices.DeleteFunc(g.attached, func(e end) bool { return e.Err() != nil })
	g.attached = append(g.attached, e)
	if g.closing {
		_ = e.Close(websocket.CloseGoingAway, "server is shutting down")
	}
}

// Shutdown is the handler's, for all connections.
func (g *group) Shutdown(ctx context.Context) error {
	g.mu.Lock()
	g.closing = true
	attached := g.attached
	g.mu.Unlock()
	for _, e := range attached {
		_ = e.Close(websocket.CloseGoingAway, "server is shutting down")
	}
	defer context.AfterFunc(ctx, func() {
		for _, e := range attached {
			_ = e.CloseNow()
		}
	})()
	return g.Handler.Shutdown(ctx)
}

// New returns a server. The error names an option that makes no sense.
func New(o *Options) (*Server, error) {
	if o == nil {
		o = &Options{}
	}
	s := &Server{options: *o, log: o.Logger, groups: make(map[string]*group)}
	s.options.ReadLimit = cmp.Or(o.ReadLimit, defaultLimit)
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	var err error
	if s.driver, err = findDriver(o.Driver); err != nil {
		return nil, err
	}
	if _, err := websocket.NewAcceptor(&websocket.AcceptOptions{Origins: o.Origins}); err != nil {
		return nil, fmt.Errorf("echo: %w", err)
	}
	if err := http1.CheckHosts(o.Hosts); err != nil {
		return nil, fmt.Errorf("echo: %w", err)
	}
	s.http = &http.Server{
		Handler:     s,
		IdleTimeout: time.Minute,
		ErrorLog:    slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
	}
	return s, nil
}

// Serve accepts connections on l behind package http1 until Shutdown, and then
// returns [http.ErrServerClosed].
func (s *Server) Serve(l net.Listener) error {
	return http1.Serve(s.http, l, &http1.Options{Hosts: s.options.Hosts, HeaderTimeout: s.options.HandshakeTimeout, Logger: s.log})
}

// Shutdown closes all connections with 1001, and what was given to Serve, as
// [websocket.Handler.Shutdown] does.
func (s *Server) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	s.closing = true
	groups := s.groups
	s.groups = nil
	s.mu.Unlock()
	var (
		all  sync.WaitGroup
		mu   sync.Mutex
		errs []error
	)
	for _, g := range groups {
		all.Go(func() {
			if err := g.Shutdown(ctx); err != nil && ctx.Err() != nil {
				mu.Lock()
				defer mu.Unlock()
				errs = append(errs, err)
			}
		})
	}
	all.Wait()
	if err := s.driver.stop(ctx); err != nil {
		errs = append(errs, err)
	}
	if err := s.http.Shutdown(ctx); err != nil {
		errs = append(errs, err, s.http.Close())
	}
	return errors.Join(errs...)
}

// ServeHTTP answers a request by the path of its URL, which is taken as it is:
// nothing is cleaned, and so nothing redirected.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/", "/echo", "": // an authority, as CONNECT has, comes without a path
		s.serveEcho(w, r)
	case "/answer":
		serveAnswer(w, r)
	case "/post":
		servePost(w, r)
	case "/features":
		s.serveFeatures(w, r)
	case "/seen":
		s.serveSeen(w, r)
	default:
		plain(w, http.StatusNotFound, "there is nothing here; the echo is at /echo")
	}
}

// outcomeKey is the key of a connection's outcome in its context.
type outcomeKey struct{}

func (s *Server) serveEcho(w http.ResponseWriter, r *http.Request) {
	asked, err := parse(r.URL.RawQuery)
	if err != nil {
		plain(w, http.StatusBadRequest, err.Error())
		return
	}
	if asked.insist && !strings.Contains(strings.Join(r.Header["Sec-Websocket-Extensions"], ","), "permessage-deflate") {
		plain(w, http.StatusBadRequest, "compression is needed here: offer permessage-deflate")
		return
	}
	g, release := s.join(r.URL.RawQuery, asked)
	if g == nil {
		plain(w, http.StatusServiceUnavailable, "the server is shutting down")
		return
	}
	defer release()
	if asked.token != "" {
		r = r.WithContext(context.WithValue(r.Context(), outcomeKey{}, s.seen.begin(asked.token)))
	}
	g.ServeHTTP(w, r)
}

// join finds or makes the group of a query, which stays until release is called
// and its last connection has gone. It is nil when the server is closing.
func (s *Server) join(query string, asked *settings) (*group, func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		return nil, nil
	}
	g := s.groups[query]
	if g == nil {
		s.sweep()
		g = &group{}
		g.Handler = websocket.Handle(func(ctx context.Context, c *websocket.Conn) { s.run(ctx, c, asked, g, query) }, s.accept(asked))
		s.groups[query] = g
	}
	g.opening++
	return g, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		g.opening--
	}
}

// sweep forgets groups that nobody uses. s.mu is held.
func (s *Server) sweep() {
	if len(s.groups) < s.sweepAt {
		return
	}
	for query, g := range s.groups {
		if g.opening == 0 && g.Len() == 0 {
			delete(s.groups, query)
		}
	}
	s.sweepAt = max(64, 2*len(s.groups))
}

// accept is the options of a group.
func (s *Server) accept(asked *settings) *websocket.AcceptOptions {
	o := &websocket.AcceptOptions{
		ConnOptions:  asked.conn(s.options.ReadLimit),
		Subprotocols: []string{"v1.chat", "v2.chat"},
		Origins:      s.options.Origins,
	}
	o.RequireSubprotocol = asked.require
	if asked.connections > 0 {
		o.Limiter = &websocket.Limiter{Connections: asked.connections}
	}
	o.Logger = s.log
	if !s.options.NoCompression && asked.deflate != "off" {
		o.Compression = generous()
	}
	return o
}

// generous is compression that a client's offer decides on alone: no window is
// too large, no message too short.
func generous() *websocket.Compression {
	return &websocket.Compression{WindowBits: -1, PeerWindowBits: -1, Threshold: -1}
}

// run is a connection of a group.
func (s *Server) run(ctx context.Context, c *websocket.Conn, asked *settings, g *group, query string) {
	if asked.do == "shutdown" && g.Len() >= asked.n {
		go s.shutdown(g, query)
	}
	var timer *time.Timer
	messages, ended := use(ctx, c, s.driver, asked, func(e end) {
		if s.driver.loop != nil {
			g.attach(e)
		}
		if asked.session > 0 {
			timer = time.AfterFunc(asked.session, func() { _ = e.Close(websocket.ClosePolicyViolation, "the session has expired") })
		}
	})
	if timer != nil {
		timer.Stop()
	}
	if o, ok := ctx.Value(outcomeKey{}).(*outcome); ok {
		o.fill(messages, ended)
	}
}

// groupShutdown bounds the shutdown of a group.
const groupShutdown = 5 * time.Second

// shutdown shuts a group down, and makes room for another with the same query.
func (s *Server) shutdown(g *group, query string) {
	ctx, cancel := context.WithTimeout(context.Background(), groupShutdown)
	defer cancel()
	if g.Shutdown(ctx) != nil && ctx.Err() == nil {
		return // it is being shut down already
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.groups[query] == g {
		delete(s.groups, query)
	}
}
