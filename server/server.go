package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"github.com/openline/openline"
	"github.com/openline/openline/api"
	"github.com/openline/openline/auth"
	"github.com/openline/openline/console"
	"github.com/openline/openline/js"
	"github.com/openline/openline/transport"
	"github.com/openline/openline/transport/problem"
	"github.com/openline/openline/websocket"
	"github.com/openline/openline/websocket/http1"
)

const (
	headerTimeout = 10 * time.Second // of a request's header section, however it trickles in
	stallTimeout  = 30 * time.Second // of a body or an answer that does not move

	headerBytes = 64 << 10 // of a request's header section
	streams     = 250      // requests at a time on a connection of HTTP/2

	envelopeReserve = 4 << 10 // of a message's bytes, what is not its data
)

// Server is one node of Openline. Make it with [New].
type Server struct {
	config   *resolved
	log      *slog.Logger
	warnings []string
	made     string // the API key made for this run, or ""

	memory    *openline.MemoryBroker // nil: the program has brought a broker of its own
	hub       *openline.Hub
	loops     []*websocket.Loop // of sessions and, over plain TCP, of all that connects
	ws        *transport.WebSocket
	plain     *transport.HTTP
	front     *websocket.Server
	api       *api.API
	page      http.Handler
	script    http.Handler
	http      *http.Server
	listener  net.Listener
	admission *admission
	draining  atomic.Bool
}

// New checks the configuration, of which nil is the default, and takes the
// address. Nothing is accepted before Run.
func New(c *Config) (*Server, error) {
	r, err := c.resolve()
	if err != nil {
		return nil, err
	}
	s := &Server{config: r, log: r.logger(os.Stderr)}
	keys, err := s.keys()
	if err != nil {
		return nil, err
	}
	var tokens *auth.Tokens
	if r.Token.HMACSecret != "" {
		if tokens, err = auth.NewTokens([]byte(r.Token.HMACSecret)); err != nil {
			return nil, err
		}
	}
	if s.listener, err = r.listen(); err != nil {
		return nil, err
	}
	files, limited := descriptorLimit()
	s.warnings = r.warnings(files, limited)
	connections := r.connections(files, limited)
	if limited {
		makeDescriptors(connections, files)
	}
	limiter := &websocket.Limiter{
		Connections:         connections,
		PerAddress:          r.Limits.PerAddress,
		HandshakesPerSecond: r.Limits.HandshakesPerSecond,
	}
	// A polling session has no connection; those that its polls come over are counted.
	s.admission = r.newAdmission(files, limited, func() int { return limiter.Open() - s.plain.Polling() })
	s.admission.log = s.log
	if s.loops, err = transport.NewLoops(s.shards()); err != nil {
		return nil, errors.Join(err, s.listener.Close())
	}
	hub := s.hubOptions()
	if hub.Broker == nil {
		if s.memory, err = s.newBroker(); err != nil {
			return nil, errors.Join(err, s.listener.Close(), s.stopLoops(context.Background()))
		}
		hub.Broker = s.memory
	}
	s.hub = openline.New(hub)
	s.ws, err = transport.NewWebSocket(&transport.Options{
		Hub:          s.hub,
		Tokens:       tokens,
		Origins:      r.Origins,
		OriginHint:   "To let it in, add it to the setting origins (--origins, OPENLINE_ORIGINS).",
		Limiter:      limiter,
		MaxChannels:  r.maxChannels(),
		PerUser:      r.Limits.PerUser,
		MessageRate:  r.Limits.MessagesPerSecond,
		MessageBurst: r.Limits.MessageBurst,
		Conn: websocket.ConnOptions{
			ReadLimit:     int64(r.Limits.MessageSize),
			PingInterval:  r.Ping,
			QueueMessages: r.Limits.QueueMessages,
			QueueBytes:    int(r.Limits.QueueBytes),
			Compression:   r.Compression.settings(),
		},
		Loops:  s.loops,
		Logger: s.log,
	})
	if err != nil {
		return nil, s.giveUp(err)
	}
	s.plain, err = transport.NewHTTP(s.ws, &transport.HTTPOptions{
		Stall:       stallTimeout,
		StreamTime:  r.Limits.StreamTime,
		StreamBytes: int64(r.Limits.StreamBytes),
		PollLinger:  r.Limits.PollLinger,
		PollRate:    r.Limits.PollsPerSecond,
	})
	if err != nil {
		return nil, s.giveUp(err)
	}
	s.api = api.New(&api.Options{
		Hub:          s.hub,
		Keys:         keys,
		MaxBody:      int64(r.Limits.MessageSize),
		StallTimeout: stallTimeout,
		Ready:        func() bool { return !s.draining.Load() },
		Logger:       s.log,
	})
	s.page, s.script = console.Handler(), js.Handler()
	s.http = &http.Server{
		Handler: s,
		// What a body and an answer begin with; the API moves both on as it
		// gets ahead, and a session leaves them behind.
		ReadTimeout:       stallTimeout,
		WriteTimeout:      stallTimeout,
		ReadHeaderTimeout: -1, // the guard's HeaderTimeout, which answers
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    headerBytes, // over HTTP/2; the guard has the same bound
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams: streams,
			SendPingTimeout:      stallTimeout, // held requests of a peer that has gone silent
			WriteByteTimeout:     stallTimeout,
		},
		ConnState: s.admission.state,
		ErrorLog:  slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
	}
	if s.front, err = s.newFront(); err != nil {
		return nil, s.giveUp(err)
	}
	return s, nil
}

// newFront returns what accepts connections and opens sessions, and hands all
// other requests over to the HTTP server.
func (s *Server) newFront() (*websocket.Server, error) {
	return websocket.NewServer(s.open, &websocket.ServerOptions{
		AcceptOptions: *s.ws.AcceptOptions(),
		HTTP:          *s.guard(),
		HTTPServer:    s.http,
		Hold:          s.plain.Hold,
		Request: func(r *http.Request, body []byte, answer func(response []byte)) bool {
			return s.api.Try(r, body, answer) || s.plain.Try(r, body, answer)
		},
		Loops: s.loops,
		Admit: s.admission.enter,
	})
}

// open answers an opening request; those of other paths are the HTTP server's.
func (s *Server) open(w http.ResponseWriter, r *http.Request) websocket.EventHandler {
	if !isSession(r.URL.Path) {
		return nil
	}
	return s.ws.Open(w, r)
}

// guard are the rules that every request is held to.
func (s *Server) guard() *http1.Options {
	return &http1.Options{
		Hosts:          s.config.hosts(),
		HostsHint:      "To let it in, add it to the setting hosts (--hosts, OPENLINE_HOSTS).",
		MaxHeaderBytes: headerBytes,
		HeaderTimeout:  headerTimeout,
		Logger:         s.log,
		Refuse: func(w http.ResponseWriter, r *http.Request, status int, reason string) {
			problem.New(status, "http", "%s", reason).Write(w, r)
		},
	}
}

// giveUp ends what New has begun.
func (s *Server) giveUp(err error) error {
	now := context.Background()
	return errors.Join(err, s.hub.Shutdown(now), s.saveHistory(), s.listener.Close(), s.stopLoops(now))
}

func (s *Server) stopLoops(ctx context.Context) (err error) {
	for _, l := range s.loops {
		err = errors.Join(err, l.Shutdown(ctx))
	}
	return err
}

// keys returns the configured API keys, or one made for this run.
func (s *Server) keys() (*auth.Keys, error) {
	keys := s.config.APIKeys
	if len(keys) == 0 {
		s.made = auth.GenerateKey()
		keys = []string{s.made}
	}
	return auth.NewKeys(keys...)
}

// shards returns how many loops there are to be, 0 for one a processor.
func (s *Server) shards() int {
	if s.config.Hub == nil {
		return 0
	}
	return max(s.config.Hub.Shards, 0)
}

func (s *Server) hubOptions() *openline.Options {
	o := openline.Options{}
	if s.config.Hub != nil {
		o = *s.config.Hub
	}
	if len(o.Runners) == 0 {
		for _, l := range s.loops {
			o.Runners = append(o.Runners, l)
		}
	}
	if o.Node == "" {
		o.Node = s.config.Node
	}
	if o.Logger == nil {
		o.Logger = s.log
	}
	if o.MaxData == 0 {
		o.MaxData = s.config.maxData()
	}
	if o.PresenceGrace == 0 {
		o.PresenceGrace = s.config.PresenceGrace
	}
	o.Namespaces = s.config.namespaces
	return &o
}

// maxData returns how large the data of a message may be, so that with its
// envelope it is no larger than a client may send: one whose own limit is the
// same can take it.
func (r *resolved) maxData() int {
	size := int(min(r.Limits.MessageSize, math.MaxInt))
	if size < 0 {
		return -1
	}
	return size - min(envelopeReserve, size/2)
}

// maxChannels returns the hub's bound of a session's channels, 0 for its
// default.
func (r *resolved) maxChannels() int {
	if r.Hub == nil {
		return 0
	}
	return r.Hub.MaxChannels
}

// logger returns the configured logger, or one that writes to w.
func (r *resolved) logger(w io.Writer) *slog.Logger {
	if r.Logger != nil {
		return r.Logger
	}
	o := &slog.HandlerOptions{Level: r.level}
	if r.Log.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}

// Hub returns the server's hub, for programs that embed one.
func (s *Server) Hub() *openline.Hub { return s.hub }

// Addr returns the address that the server listens on.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// URL returns the server's address for a browser on this machine, without a
// slash at the end: "http://127.0.0.1:8080".
func (s *Server) URL() string {
	scheme := "http"
	if s.config.TLS.Cert != "" {
		scheme = "https"
	}
	host, port, err := net.SplitHostPort(s.Addr().String())
	if err != nil {
		return scheme + "://" + s.Addr().String()
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return scheme + "://" + net.JoinHostPort(host, port)
}

// GeneratedKey returns the API key that was made for this run, or "" when keys
// are configured.
func (s *Server) GeneratedKey() string { return s.made }

// NeedsToken reports whether opening a session takes a token.
func (s *Server) NeedsToken() bool { return s.config.Token.HMACSecret != "" }

// Warnings returns sentences about the configuration that a person should see.
func (s *Server) Warnings() []string { return s.warnings }

// Close gives the address back, of a server that is not run.
func (s *Server) Close() error {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return s.Run(ctx)
}

// Run serves until ctx ends, then stops in order. It returns nil when
// everything ended in time. A Server runs once.
func (s *Server) Run(ctx context.Context) error {
	served := make(chan error, 1)
	go func() { served <- s.serve(s.listener) }()
	var failed error
	select {
	case <-ctx.Done():
	case failed = <-served:
	}
	stopped := s.stop(context.WithoutCancel(ctx))
	if failed == nil {
		failed = <-served
	}
	if !errors.Is(failed, http.ErrServerClosed) && !errors.Is(failed, websocket.ErrServerClosed) {
		return fmt.Errorf("server: %w", failed)
	}
	return stopped
}

// serve accepts connections until the server is stopped. Those over TLS, which
// loops cannot read, are net/http's to begin with.
func (s *Server) serve(l net.Listener) error {
	if _, plain := l.(*net.TCPListener); plain {
		return s.front.Serve(l)
	}
	rules := s.guard()
	rules.Admit = s.admission.enter
	return http1.Serve(s.http, l, rules)
}

// stop drains and closes within the drain time.
func (s *Server) stop(ctx context.Context) error {
	s.draining.Store(true)
	s.log.Info("draining", "sessions", s.hub.Len())
	ctx, cancel := context.WithTimeout(ctx, max(s.config.Drain, 0))
	defer cancel()
	s.ws.Drain()
	err := s.hub.Shutdown(ctx)
	unsaved := s.saveHistory()
	err = errors.Join(err, s.ws.Shutdown(ctx))
	s.plain.Close()
	err = errors.Join(err, s.front.Shutdown(ctx))
	if e := s.http.Shutdown(ctx); e != nil {
		err = errors.Join(err, e, s.http.Close())
	}
	if err != nil {
		err = fmt.Errorf("server: the drain time of %v was not enough: %w", s.config.Drain, err)
	}
	return errors.Join(err, unsaved)
}

// tlsConfig reads the certificate.
func (r *resolved) tlsConfig() (*tls.Config, error) {
	cert, err := tls.LoadX509KeyPair(r.TLS.Cert, r.TLS.Key)
	if err != nil {
		return nil, fmt.Errorf("server: tls.cert and tls.key: %w", err)
	}
	return &tls.Config{
		Certificates: []tls.Certificate{cert},
		MinVersion:   tls.VersionTLS12,
		NextProtos:   []string{"h2", "http/1.1"},
	}, nil
}
