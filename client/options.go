package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/openline/openline/websocket"
)

// Transport names a way to hold a session.
type Transport string

// The transports, best first.
const (
	WebSocket Transport = "websocket" // GET /ws/{user}
	SSE       Transport = "sse"       // GET /sse/{user}: server-sent events
	Stream    Transport = "stream"    // GET /stream/{user}: one envelope a line
	Poll      Transport = "poll"      // GET /poll/{user}: long polling
)

// Options are the settings of a [Client]. User is required. The zero value of
// each other field stands for the default that its comment names.
type Options struct {
	// User is whose session it is.
	User string
	// Token returns the token that shows who opens the session. It is called
	// before each connection, and again when the server does not take what it
	// returned; for a request that may be beside a connection. An error is taken for a passing one: the client tries again later.
	// Default: no token.
	Token func(ctx context.Context) (string, error)
	// Channels are subscribed to from the start.
	Channels []string
	// Since is a cursor, as [Client.Cursor] gave it: the first session goes on
	// there. Default: it begins with what is sent from now on.
	Since string
	// Transports are tried in this order. Default: WebSocket, SSE, Stream, Poll.
	Transports []Transport
	// HTTPClient makes the requests of all transports but WebSocket, and those
	// that carry messages up beside them. Its Timeout is not used, since streams
	// have no end. Default: one of the Client's own.
	HTTPClient *http.Client
	// WebSocket has the settings of WebSocket connections, such as TLSConfig or
	// Compression. What must be as the client needs it is set over it:
	// Authorization, subprotocols, and the time to connect. Default: those of
	// package websocket.
	WebSocket *websocket.DialOptions
	// OnState is called with each change of state, one after the other. Nothing is
	// received meanwhile, so it should return soon, and must neither make requests
	// nor call Close. Default: nobody is told.
	OnState func(State)
	// OpenTimeout is how long the first envelope of a session may take from the
	// beginning of the attempt. A transport that is slower, as behind a proxy that
	// holds answers back, is taken for one that does not get through. Default 10
	// seconds.
	OpenTimeout time.Duration
	// Silence is how long nothing at all may arrive, neither message nor sign of
	// life, before the connection is taken for dead. It must be longer than the
	// server's heartbeat, which is 15 seconds. Default 45 seconds.
	Silence time.Duration
	// Hold is how long the server is asked to hold a poll; it holds one for 30
	// seconds at most. Default 25 seconds.
	Hold time.Duration
	// BackoffMin and BackoffMax bound the delay between attempts to connect. Each is
	// random between nothing and a bound that starts at the first and doubles up
	// to the second. Defaults 1 and 30 seconds.
	BackoffMin, BackoffMax time.Duration
	// QueueMessages and QueueBytes bound what has been received and not yet been
	// asked for by Next. A message always fits an empty queue. Defaults 256
	// messages and 4 MiB.
	QueueMessages, QueueBytes int
	// MaxMessage is the largest envelope that is accepted, in bytes. One that is
	// larger ends the connection, and would after each reconnection. Default 8 MiB.
	MaxMessage int
	// Logger gets a line for each connection that is lost or refused, without
	// tokens and payloads. Default slog.Default().
	Logger *slog.Logger
}

// config is Options with the defaults filled in. It does not change.
type config struct {
	Options
	base string // the URL, with the scheme http or https and no slash at its end
}

var transports = []Transport{WebSocket, SSE, Stream, Poll}

func (o *Options) resolve(rawURL string) (*config, error) {
	if o == nil || o.User == "" {
		return nil, errors.New("client: no user: set Options.User")
	}
	c := &config{Options: *o}
	u, err := url.Parse(rawURL)
	if err != nil {
		return nil, errors.New("client: the server's address is not a URL: give one such as https://example.com")
	}
	switch strings.ToLower(u.Scheme) {
	case "http", "ws":
		u.Scheme = "http"
	case "https", "wss":
		u.Scheme = "https"
	default:
		return nil, fmt.Errorf("client: the server's address has the scheme %q: it must be https, http, wss or ws", u.Scheme)
	}
	switch {
	case u.Host == "":
		return nil, errors.New("client: the server's address has no host")
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return nil, errors.New("client: the server's address is a base: leave user, query and fragment out of it")
	}
	c.base = u.Scheme + "://" + u.Host + strings.TrimSuffix(u.EscapedPath(), "/")
	if len(c.Transports) == 0 {
		c.Transports = transports
	}
	for i, t := range c.Transports {
		if !slices.Contains(transports, t) || slices.Contains(c.Transports[:i], t) {
			return nil, fmt.Errorf("client: the transport %q is unknown or there twice: known are %v", t, transports)
		}
	}
	c.HTTPClient = httpClient(o.HTTPClient)
	if c.WebSocket == nil {
		c.WebSocket = &websocket.DialOptions{}
	}
	c.OpenTimeout = orDefault(c.OpenTimeout, 10*time.Second)
	c.Silence = orDefault(c.Silence, 45*time.Second)
	c.Hold = min(orDefault(c.Hold, 25*time.Second), 30*time.Second)
	c.BackoffMin = orDefault(c.BackoffMin, time.Second)
	c.BackoffMax = max(orDefault(c.BackoffMax, 30*time.Second), c.BackoffMin)
	c.QueueMessages = orDefault(c.QueueMessages, 256)
	c.QueueBytes = orDefault(c.QueueBytes, 4<<20)
	c.MaxMessage = orDefault(c.MaxMessage, 8<<20)
	c.Logger = cmp.Or(c.Logger, slog.Default())
	return c, nil
}

// orDefault gives def for what is not set. None of these can be off.
func orDefault[T int | time.Duration](v, def T) T {
	if v <= 0 {
		return def
	}
	return v
}

// httpClient returns a client without a limit on how long an answer takes.
func httpClient(given *http.Client) *http.Client {
	if given != nil {
		c := *given
		c.Timeout = 0
		return &c
	}
	t := &http.Transport{Proxy: http.ProxyFromEnvironment}
	if d, ok := http.DefaultTransport.(*http.Transport); ok {
		t = d.Clone()
	}
	// A connection of HTTP/2 carries everything, so its death must be noticed.
	t.HTTP2 = &http.HTTP2Config{SendPingTimeout: 15 * time.Second, PingTimeout: 15 * time.Second}
	return &http.Client{Transport: t}
}

// address returns the URL of a transport for the user.
func (c *config) address(path string, query url.Values) string {
	s := c.base + path + url.PathEscape(c.User)
	if len(query) > 0 {
		s += "?" + query.Encode()
	}
	return s
}
