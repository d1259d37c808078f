package transport

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/openline/openline"
	"github.com/openline/openline/transport/problem"
	"github.com/openline/openline/websocket"
)

// HTTPOptions are the settings of an [HTTP] beyond those of its [WebSocket]. Nil is
// valid. The zero value of a field is its documented default, and a negative number
// turns it off.
type HTTPOptions struct {
	// Heartbeat is the longest silence of a stream, after which an octet or two
	// show that it lives. Default: the ping interval, at most 15 s; negative: none.
	Heartbeat time.Duration
	// Stall is how long a client may take nothing of an answer. Default 30 s.
	Stall time.Duration
	// StreamTime and StreamBytes are how long an answer of /sse and /stream may
	// become, after which it ends in order and the client comes back. Default: no
	// bound.
	StreamTime  time.Duration
	StreamBytes int64
	// PollLinger is how long a polling session waits for the next poll. Default 60 s.
	PollLinger time.Duration
	// PollRate is how many polls a session may make in a second, in the long run;
	// beyond: 429. Default: no bound.
	PollRate float64
}

// The defaults of HTTPOptions, and what is not to be set.
const (
	maxHeartbeat  = 15 * time.Second
	defaultStall  = 30 * time.Second
	defaultLinger = time.Minute
	maxHold       = 30 * time.Second // of a poll: proxies give up after a minute, some sooner
)

// HTTP is the handler of the transports that need nothing but HTTP: GET /sse/{user},
// GET /stream/{user}, GET /poll/{user} and POST /send/{user}. Pages of other origins
// may use it as they may open a WebSocket, by CORS.
//
// Its sessions count in the same limits as those of the WebSocket that it is made
// with, and end with the hub.
type HTTP struct {
	ws      *WebSocket
	o       HTTPOptions
	origins *websocket.Origins
	trusted bool // Origins says which may come, so that they may show credentials
	queue   bounds
	ended   graves
	rates   rates

	mu      sync.Mutex           // guards the following
	streams map[*stream]struct{} // to cut off
}

// NewHTTP returns the handler. Its settings are those of ws, which knows of its
// polling sessions from then on: at most one HTTP is made with each.
func NewHTTP(ws *WebSocket, o *HTTPOptions) (*HTTP, error) {
	t := &HTTP{ws: ws, streams: map[*stream]struct{}{}}
	if o != nil {
		t.o = *o
	}
	var err error
	if t.origins, err = websocket.NewOrigins(ws.o.Origins); err != nil {
		return nil, fmt.Errorf("transport: %w", err)
	}
	t.trusted = true
	for _, origin := range ws.o.Origins {
		t.trusted = t.trusted && origin != "*"
	}
	if t.o.Heartbeat == 0 {
		t.o.Heartbeat = min(cmp.Or(ws.o.Conn.PingInterval, maxHeartbeat), maxHeartbeat)
	}
	t.o.Stall = cmp.Or(t.o.Stall, defaultStall)
	t.o.PollLinger = cmp.Or(t.o.PollLinger, defaultLinger)
	t.queue = newBounds(ws.o.Conn.QueueMessages, ws.o.Conn.QueueBytes)
	return t, nil
}

// A route is one of the addresses.
type route struct {
	prefix, name string
	method       string // the one beside OPTIONS and, for GET, HEAD
	media        string // of its good answers
	known        []string
	serve        func(*HTTP, http.ResponseWriter, *http.Request, *request) error
}

var routes = []*route{
	{"/sse/", "sse", http.MethodGet, "text/event-stream", knownStream, (*HTTP).serveEvents},
	{"/stream/", "stream", http.MethodGet, "application/x-ndjson", knownStream, (*HTTP).serveStream},
	{"/poll/", "poll", http.MethodGet, "application/json", knownPoll, (*HTTP).servePoll},
	{"/send/", "send", http.MethodPost, "application/json", knownSend, (*HTTP).serveSend},
}

// routeOf returns the route of a path, or nil.
func routeOf(path string) *route {
	for _, r := range routes {
		if strings.HasPrefix(path, r.prefix) || path == r.prefix[:len(r.prefix)-1] {
			return r
		}
	}
	return nil
}

// Handles reports whether a request for the path is one for an [HTTP].
func Handles(path string) bool { return routeOf(path) != nil }

// Polling returns how many of the sessions that the limiter counts are polling
// sessions, which hold no connection.
func (t *HTTP) Polling() int { return t.ws.polls.len() }

// Close cuts off the streams that have not ended. Before it come the hub's Shutdown
// and the WebSocket's, which wait for them to end by themselves.
func (t *HTTP) Close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for s := range t.streams {
		s.pipe.abort()
	}
}

// ServeHTTP answers one request, which for a stream takes as long as the session.
func (t *HTTP) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", "no-store, no-transform")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Add("Vary", "Origin")
	if err := t.serve(w, r); err != nil {
		t.fail(w, r, err)
	}
}

// serve answers the request, or returns why not.
func (t *HTTP) serve(w http.ResponseWriter, r *http.Request) error {
	at := routeOf(r.URL.Path)
	if at == nil {
		return problem.New(http.StatusNotFound, "not_found", "There is nothing at this address.")
	}
	if err := t.allowOrigin(w, r); err != nil {
		return err
	}
	switch {
	case r.Method == http.MethodOptions:
		preflight(w, r, at)
		return nil
	case r.Method == at.method, r.Method == http.MethodHead && at.method == http.MethodGet:
	default:
		return problem.New(http.StatusMethodNotAllowed, "method", "The method here is %s.", at.method).With("Allow", allowed(at))
	}
	q, err := readRequest(r, at.prefix, at.known, t.ws.o.Tokens, cmp.Or(t.ws.o.MaxChannels, defaultMaxChannels))
	if err != nil {
		return err
	}
	q.Transport = at.name
	if r.Method == http.MethodHead {
		w.Header().Set("Content-Type", at.media)
		return nil
	}
	return at.serve(t, w, r, q)
}

// fail answers with what went wrong.
func (t *HTTP) fail(w http.ResponseWriter, r *http.Request, err error) {
	p := problem.Of(err)
	p.Log(t.ws.log, r)
	p.Write(w, r)
}

// admit counts a session in. release counts it out.
func (t *HTTP) admit(r *http.Request, user string) (release func(), err error) {
	if err := t.ws.begin(user); err != nil {
		return nil, err
	}
	free, err := t.ws.o.Limiter.Acquire(r)
	if err != nil {
		t.ws.end(user)
		var full *websocket.HandshakeError
		if !errors.As(err, &full) {
			return nil, err
		}
		p := problem.New(full.Status, openline.CodeTryLater, "%s", full.Reason)
		p.Header = full.Header
		return nil, p
	}
	return func() {
		free()
		t.ws.end(user)
	}, nil
}

// retryAfter returns how long a refusal asks to wait, in milliseconds, and whether it
// is one that passes.
func retryAfter(err error) (ms int64, ok bool) {
	p := problem.Of(err)
	if p.Status != http.StatusServiceUnavailable && p.Status != http.StatusTooManyRequests {
		return 0, false
	}
	seconds, err := strconv.ParseInt(p.Header.Get("Retry-After"), 10, 32)
	if err != nil {
		seconds = 1
	}
	return seconds * 1000, true
}
