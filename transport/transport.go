// Package transport turns HTTP requests into sessions of the hub.
//
// For most uses, [NewWebSocket] is all: the handler of GET /ws/{user}. [NewHTTP]
// adds the transports for those who cannot open a WebSocket: GET /sse/{user},
// /stream/{user} and /poll/{user}, and POST /send/{user}.
//
// # Who may open a session
//
// The name in the path must be a user's; with [Options.Tokens] set, the
// request must carry a token whose sub is that name. A session ends with 4001
// when its token does. A browser's request must come from the server's own
// origin or from one of [Options.Origins].
//
// # Limits
//
// Connections are bounded in all, by address and by user, messages by rate and
// by size, and what waits for a slow session by its queue. Whatever is refused
// before the session opens is an HTTP response that says why.
package transport

import (
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/openline/openline"
	"github.com/openline/openline/auth"
	"github.com/openline/openline/transport/problem"
	"github.com/openline/openline/websocket"
)

// Options of a transport. Hub is required. The zero value of each other field
// is its documented default, and a negative number turns a limit off.
type Options struct {
	// Hub is where sessions are opened.
	Hub *openline.Hub
	// Tokens checks who opens a session. Default: anybody may be any user, and
	// a token that is sent all the same is not checked.
	Tokens *auth.Tokens
	// Origins are the web origins besides the server's own that may connect.
	Origins []string
	// OriginHint ends the refusal of a foreign origin: which setting would let
	// it in.
	OriginHint string
	// Limiter bounds connections in all and by address. Default: no bound.
	Limiter *websocket.Limiter
	// MaxChannels is how many channels a session may be opened with, beyond
	// which the answer is 400: that of the hub's options, for a refusal before
	// the session instead of after. Default 256.
	MaxChannels int
	// PerUser is the number of sessions of one user; beyond it the answer is
	// 429. Default: no bound.
	PerUser int
	// MessageRate is how many messages a session may send in a second in the
	// long run, MessageBurst how many at once; beyond them it is closed with
	// 4029. Default: no bound; a burst of one second's worth, at least 1.
	MessageRate  float64
	MessageBurst int
	// Conn are the settings of each connection: message size, ping, queue,
	// compression.
	Conn websocket.ConnOptions
	// Loops drive the connections; they are shut down by who has made them, after
	// the transport. Those that are also the hub's Runners serve their sessions
	// themselves, without another goroutine in between. Default: NewLoops(0), which
	// the transport's Shutdown shuts down.
	Loops []*websocket.Loop
	// Logger takes a line for each refusal, and for each session that opens or
	// closes at level debug. Default slog.Default().
	Logger *slog.Logger
}

// Paths of the transports: what follows is the user.
const webSocketPath = "/ws/"

// request is what every transport reads of a request in the same way.
type request struct {
	openline.Opening
	expires time.Time  // when the session must end, or zero
	query   url.Values // as it came
	polling string     // the polling session that the cursor names, or ""
	batch   string     // of its answers, as the cursor says, or ""
}

// readRequest checks who asks for what. It answers nothing itself.
func readRequest(r *http.Request, prefix string, known []string, tokens *auth.Tokens, maxChannels int) (*request, error) {
	escaped, ok := strings.CutPrefix(r.URL.EscapedPath(), prefix)
	if !ok {
		escaped = "" // the prefix without its slash
	}
	user, err := url.PathUnescape(escaped)
	if err != nil {
		return nil, problem.New(http.StatusBadRequest, openline.CodeBadName, "The user's name in the path holds a malformed percent-encoding.")
	}
	if err := openline.CheckUser(user); err != nil {
		return nil, err
	}
	query, err := readQuery(r, known)
	if err != nil {
		return nil, err
	}
	q := &request{Opening: openline.Opening{User: user, RemoteAddr: r.RemoteAddr}, query: query}
	if tokens != nil {
		claims, err := tokens.Request(r)
		if err != nil {
			return nil, err
		}
		if claims.User != user {
			return nil, problem.New(http.StatusForbidden, openline.CodeForbidden, "The token is for the user %q, not for %q.", claims.User, user)
		}
		q.Claims, q.expires = claims, claims.Expires
	} else if err := checkPlaces(r); err != nil {
		return nil, err
	}
	if q.Channels, err = readChannels(query["channels"], maxChannels); err != nil {
		return nil, err
	}
	if err := q.readSince(r); err != nil {
		return nil, err
	}
	if query.Has("raw") {
		q.Raw = query.Get("raw")
		if err := openline.CheckChannel(q.Raw); err != nil {
			return nil, err
		}
		if len(q.Channels) > 0 {
			return nil, problem.New(http.StatusBadRequest, openline.CodeBadRequest, "A raw session has one channel: give raw or channels, not both.")
		}
	}
	return q, nil
}

// readSince reads where the session is to go on from. A browser's EventSource adds the
// field to the address that it has had from the beginning, so the field is the later word.
func (q *request) readSince(r *http.Request) error {
	since := r.Header.Get("Last-Event-ID")
	if since == "" {
		since = q.query.Get("since")
	}
	if since == "" {
		return nil
	}
	if err := openline.CheckCursor(since); err != nil {
		return err
	}
	q.Since, q.polling, _ = strings.Cut(since, ".")
	q.polling, q.batch, _ = strings.Cut(q.polling, ".")
	return nil
}

// checkPlaces refuses, where no token is needed, only what could not work where
// one is: so that a client which is tried out without tokens goes on with them,
// and no subprotocol that holds one is taken for an unknown name and logged.
func checkPlaces(r *http.Request) error {
	_, err := auth.FromRequest(r)
	if e, ok := errors.AsType[*auth.Error](err); ok && e.Status == http.StatusBadRequest {
		return err
	}
	return nil
}

// counter counts sessions by user.
type counter struct {
	most int // 0: no bound

	mu sync.Mutex
	n  map[string]int // guarded by mu
}

// add counts one more session of user, if there may be one more.
func (c *counter) add(user string) bool {
	if c.most <= 0 {
		return true
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n[user] >= c.most {
		return false
	}
	if c.n == nil {
		c.n = make(map[string]int)
	}
	c.n[user]++
	return true
}

// remove takes back what add counted.
func (c *counter) remove(user string) {
	if c.most <= 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n[user]--; c.n[user] == 0 {
		delete(c.n, user)
	}
}
