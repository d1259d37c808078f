package http1

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"
)

// Options configures [Serve]. Nil is valid, and so is the zero value.
type Options struct {
	// Hosts lists the host names, without port, that the server answers for: "chat.example", "*.chat.example" (any name
	// below it), "127.0.0.1", "::1" or "[::1]", "*" (any). Case does not matter. A request for another host is refused with
	// 400, over HTTP/2 with 421; this ends DNS rebinding. The host is that of an absolute-form target if there is one, else of the Host field; an HTTP/1.0
	// request may have neither, and passes. Default: any well-formed host.
	Hosts []string

	// HostsHint is the sentence that ends the refusal of an unknown host: it should say which setting would let the
	// host in. Default: a sentence that names Hosts.
	HostsHint string

	// MaxHeaderBytes bounds the request line and the field lines together, line ends included. Beyond it the answer is 431,
	// or 414 when the request line alone is longer. Default 64 KiB; negative: no bound. Over HTTP/2 the bound is the server's own MaxHeaderBytes.
	MaxHeaderBytes int

	// HeaderTimeout bounds the time from the first octet of a request (on a new connection: from the accept) to the end of
	// its header section, however the octets trickle in. Beyond it the answer is 408, or a plain close if nothing came at all.
	// Default 10 s; negative: off. The server's own ReadHeaderTimeout and ReadTimeout, if set and shorter, close without an answer.
	HeaderTimeout time.Duration

	// Logger gets one line for each refusal: peer address, status, reason; never what the request held, but for
	// an unknown host's name. Default [slog.Default].
	Logger *slog.Logger

	// Refuse writes the answer to a request that the guard refuses, with the status and with a body that gives the reason. r stands in
	// for the request, of which nothing is known that could be trusted; the connection ends after the answer. Over HTTP/2 r is the request itself,
	// and the connection goes on. Default: the reason as plain text.
	Refuse func(w http.ResponseWriter, r *http.Request, status int, reason string)

	// Admit is asked about each connection before anything is read from it; one that it does not want is closed unanswered. remote is zero if the
	// listener's connections have other addresses. leave, which may be nil, is called when the connection is net/http's, which first
	// calls ConnState with StateNew then, or when its TLS handshake has failed. Admit is called by one goroutine at a time, leave by any. Default: all.
	Admit func(remote netip.AddrPort) (leave func(), ok bool)
}

const (
	defaultMaxHead     = 64 << 10
	defaultHeadTimeout = 10 * time.Second
	defaultHostsHint   = "Add it to Hosts in http1.Options if it should."
)

// config is Options resolved; immutable.
type config struct {
	hosts       *hostList // nil: any
	hostsHint   string
	maxHead     int
	headTimeout time.Duration // 0: off
	logger      *slog.Logger
	refuse      func(w http.ResponseWriter, r *http.Request, status int, reason string)
	admit       func(remote netip.AddrPort) (leave func(), ok bool) // nil: all
}

func (o *Options) resolve() (*config, error) {
	if o == nil {
		o = new(Options)
	}
	hosts, err := parseHosts(o.Hosts)
	if err != nil {
		return nil, err
	}
	c := &config{
		hosts:       hosts,
		hostsHint:   o.HostsHint,
		maxHead:     o.MaxHeaderBytes,
		headTimeout: o.HeaderTimeout,
		logger:      o.Logger,
		refuse:      o.Refuse,
		admit:       o.Admit,
	}
	if c.refuse == nil {
		c.refuse = writeRefusal
	}
	if c.hostsHint == "" {
		c.hostsHint = defaultHostsHint
	}
	switch {
	case c.maxHead == 0:
		c.maxHead = defaultMaxHead
	case c.maxHead < 0:
		c.maxHead = math.MaxInt32 / 2
	}
	switch {
	case c.headTimeout == 0:
		c.headTimeout = defaultHeadTimeout
	case c.headTimeout < 0:
		c.headTimeout = 0
	}
	if c.logger == nil {
		c.logger = slog.Default()
	}
	return c, nil
}

// Serve accepts connections on l and serves them with srv behind the guard. It returns what (*http.Server).Serve returns
// (after Shutdown or Close, [http.ErrServerClosed]), or at once an error about a malformed entry of o.Hosts.
//
// Serve changes srv: it wraps Handler (nil stays [http.DefaultServeMux]), BaseContext, ConnContext and ConnState, each of which goes on to call what was
// there, and it raises MaxHeaderBytes if that is set below the guard's own bound. Set these fields before, and leave them alone after. ConnContext and
// ConnState get the guard's net.Conn, not the listener's, unless the connection is one of HTTP/2. The same srv may serve several listeners, each with its own Options;
// it wraps once. No other (*http.Server).Serve call should share it, as those connections would be unguarded.
func Serve(srv *http.Server, l net.Listener, o *Options) error {
	cfg, err := o.resolve()
	if err != nil {
		return err
	}
	if err := install(srv, cfg); err != nil {
		return err
	}
	return srv.Serve(newListener(l, cfg))
}

// installing serializes the changes to servers, so that one may be given to several Serve calls at once.
var installing sync.Mutex

var errSmallLimit = errors.New("http1: the server is already serving with a smaller MaxHeaderBytes; set http.Server.MaxHeaderBytes to the largest bound before the first Serve")

func install(srv *http.Server, cfg *config) error {
	installing.Lock()
	defer installing.Unlock()
	// net/http's own bound must not trip first: it counts what it buffers beyond the header section too, hence the slack.
	need := cfg.maxHead + 8<<10
	have := srv.MaxHeaderBytes
	if have <= 0 {
		have = http.DefaultMaxHeaderBytes
	}
	if _, ok := srv.Handler.(*handler); ok {
		if have < need {
			return errSmallLimit // changing it now would race with the running server
		}
		return nil
	}
	if have < need {
		srv.MaxHeaderBytes = need
	}
	srv.Handler = &handler{next: srv.Handler}
	srv.BaseContext = withConfig(srv.BaseContext)
	connContext := srv.ConnContext
	srv.ConnContext = func(ctx context.Context, nc net.Conn) context.Context {
		if connContext != nil {
			ctx = connContext(ctx, nc)
		}
		if c := guardOf(nc); c != nil {
			ctx = context.WithValue(ctx, connKey{}, c)
		}
		return ctx
	}
	connState := srv.ConnState
	srv.ConnState = func(nc net.Conn, state http.ConnState) {
		if state == http.StateHijacked {
			if c := guardOf(nc); c != nil {
				c.surrender()
			}
		}
		if connState != nil {
			connState(nc, state)
		}
	}
	return nil
}

// Detach takes the guard off a hijacked connection. It returns the connection that the listener accepted and the octets
// that the guard had read from it but not handed on: they come after whatever is in the bufio.Reader of Hijack, and
// before anything read from the returned connection. They are the caller's. The guard's connection must not be used any more.
//
// If c is not a guard's connection, or the guard is still following the body of the request that was hijacked, Detach returns c itself and no octets.
func Detach(c net.Conn) (net.Conn, []byte) {
	g := guardOf(c)
	if g == nil || g.s.mode != modeRaw {
		return c, nil
	}
	return g.inner, g.s.rest()
}
