// Package api is the HTTP API that an application's backend calls: it sends to
// users, publishes to channels, and sees and ends sessions.
//
// For most uses, [New] returns the handler of everything below /api/, and of
// /healthz and /readyz. What it answers to is described in openapi.json of
// this folder, which GET /api/openapi.json serves; a test keeps the two alike.
//
// # Requests
//
// Every call needs Authorization: Bearer API-KEY, but for openapi.json,
// /healthz and /readyz. Neither cookies nor the query can carry a key, so that
// no page of another origin can make a browser call the API. A body is JSON
// whatever its Content-Type, unless that is clearly something else: curl -d
// says application/x-www-form-urlencoded and is understood. Query parameters
// that a call does not know are refused, so that a slip is not silent.
//
// A channel's name may hold slashes; percent-encoding in a path is undone
// exactly once.
//
// # Answers
//
// Answers are JSON. Errors are RFC 9457 problem details with a member code,
// the word that sys:error has for the same thing.
//
// # Limits
//
// A body, or a line of a batch, may have [Options.MaxBody] bytes. A client
// that stops sending or reading for [Options.StallTimeout] is cut off.
package api

import (
	"cmp"
	"errors"
	"log/slog"
	"math"
	"net/http"
	"strings"
	"time"

	"github.com/openline/openline"
	"github.com/openline/openline/auth"
	"github.com/openline/openline/transport/problem"
)

// Options of the API. Hub and Keys are required.
type Options struct {
	// Hub is what the API works on.
	Hub *openline.Hub
	// Keys are the API keys that are taken.
	Keys *auth.Keys
	// MaxBody is the number of bytes of one body, or of one line of a batch.
	// Default 1 MiB; negative: no bound.
	MaxBody int64
	// StallTimeout is how long a client may go without sending or reading
	// anything. Default 30 s.
	StallTimeout time.Duration
	// Ready is asked by /readyz. Default: always ready.
	Ready func() bool
	// Logger takes one line per refused or failed request. Default
	// slog.Default().
	Logger *slog.Logger
}

const (
	defaultMaxBody      = 1 << 20
	defaultStallTimeout = 30 * time.Second
)

// API is the handler; any goroutine may use it.
type API struct {
	hub     *openline.Hub
	keys    *auth.Keys
	maxBody int64
	stall   time.Duration
	ready   func() bool
	log     *slog.Logger
	routes  []route
}

// New returns the handler of /api/, /healthz and /readyz; any other path gets
// 404.
func New(o *Options) *API {
	a := &API{
		hub:     o.Hub,
		keys:    o.Keys,
		maxBody: cmp.Or(o.MaxBody, defaultMaxBody),
		stall:   cmp.Or(o.StallTimeout, defaultStallTimeout),
		ready:   o.Ready,
		log:     o.Logger,
	}
	if a.maxBody < 0 {
		a.maxBody = math.MaxInt64
	}
	if a.ready == nil {
		a.ready = func() bool { return true }
	}
	if a.log == nil {
		a.log = slog.Default()
	}
	a.routes = a.table()
	return a
}

// Handles reports whether a request for the path is this handler's.
func Handles(path string) bool {
	return path == "/healthz" || path == "/readyz" || path == "/api" || strings.HasPrefix(path, "/api/")
}

// table is every route, in the order of the documentation.
func (a *API) table() []route {
	table := []route{
		{method: "POST", pattern: "/api/users/{user}/messages", query: publishQuery, check: openline.CheckUser, publish: a.hub.Send, try: a.hub.TrySend},
		{method: "POST", pattern: "/api/channels/{channel...}/messages", query: publishQuery, check: openline.CheckChannel, publish: a.publish, try: a.tryPublish},
		{method: "POST", pattern: "/api/broadcast", query: publishQuery, publish: a.broadcast, try: a.tryBroadcast},
		{method: "POST", pattern: "/api/batch", serve: a.batch},
		{method: "GET", pattern: "/api/channels/{channel...}/history", query: historyQuery, check: openline.CheckChannel, answer: a.history},
		{method: "GET", pattern: "/api/channels/{channel...}/presence", check: openline.CheckChannel, answer: a.presence},
		{method: "GET", pattern: "/api/users/{user}", check: openline.CheckUser, answer: a.user},
		{method: "DELETE", pattern: "/api/users/{user}/sessions", check: openline.CheckUser, answer: a.disconnectUser},
		{method: "GET", pattern: "/api/sessions", query: pageQuery, answer: a.sessions},
		{method: "DELETE", pattern: "/api/sessions/{session}", answer: a.disconnect},
		{method: "GET", pattern: "/api/channels/{channel...}/subscribers", query: pageQuery, check: openline.CheckChannel, answer: a.subscribers},
		{method: "GET", pattern: "/api/openapi.json", open: true, serve: a.openapi},
		{method: "GET", pattern: "/healthz", open: true, answer: a.healthz},
		{method: "GET", pattern: "/readyz", open: true, answer: a.readyz},
	}
	for i := range table {
		table[i].compile()
	}
	return table
}

// ServeHTTP answers one call.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.limit(w, r)
	if err := a.serve(w, r); err != nil {
		if gone := r.Context().Err(); gone != nil && errors.Is(err, gone) {
			a.log.Debug("the client did not wait for its answer", "method", r.Method, "path", r.URL.EscapedPath(), "remote", r.RemoteAddr)
			return
		}
		p := problem.Of(err)
		p.Log(a.log, r)
		p.Write(w, r)
	}
}

func (a *API) serve(w http.ResponseWriter, r *http.Request) error {
	c := calls.Get().(*call)
	defer c.release()
	if err := a.understand(c, r.Method, r.URL.EscapedPath(), r.URL.RawQuery, r.Header); err != nil {
		return err
	}
	c.ctx = r.Context()
	switch {
	case c.route.publish != nil:
		return a.accept(w, r, c)
	case c.route.answer != nil:
		v, err := c.route.answer(c)
		if err != nil {
			return err
		}
		if text, ok := v.(verbatim); ok {
			c.buf = append(append(c.buf[:0], text...), '\n')
		} else if c.buf, err = appendJSON(c.buf[:0], v); err != nil {
			return err
		}
		write(w, r.Method, noStore, c.buf)
		return nil
	}
	return c.route.serve(w, r, c)
}
