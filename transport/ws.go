package transport

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/openline/openline"
	"github.com/openline/openline/auth"
	"github.com/openline/openline/transport/problem"
	"github.com/openline/openline/websocket"
)

// WebSocket is the handler of GET /ws/{user}. Each text message is an
// envelope; on a session opened with ?raw=CHANNEL messages are what they are,
// text or binary. A binary message on a session of envelopes closes it with
// 1003, since nothing that a program does next would be understood.
//
// The query knows channels (names separated by commas), raw, token and since;
// another parameter is refused, and so is any but channels that comes twice.
// There is no history to resume from: since is not an error, and sys:open says
// "resumed":false.
type WebSocket struct {
	o      Options
	accept *websocket.Acceptor
	users  counter
	log    *slog.Logger

	ctx    context.Context // ends when Shutdown's does, to cut off what is left
	cancel context.CancelFunc

	mu       sync.Mutex     // guards the following
	draining bool           // no session begins any more
	sessions sync.WaitGroup // each from before its handshake to its end
}

// NewWebSocket returns the handler. Its sessions end with the hub. The error
// names an origin that is none.
func NewWebSocket(o *Options) (*WebSocket, error) {
	t := &WebSocket{o: *o, users: counter{most: o.PerUser}, log: o.Logger}
	if t.log == nil {
		t.log = slog.Default()
	}
	accept := &websocket.AcceptOptions{
		ConnOptions:  o.Conn,
		Subprotocols: []string{auth.Subprotocol},
		Origins:      o.Origins,
		OriginHint:   o.OriginHint,
		Limiter:      o.Limiter,
		Refuse: func(w http.ResponseWriter, r *http.Request, status int, reason string) {
			problem.New(status, "handshake", "%s", reason).Write(w, r)
		},
	}
	accept.Logger = cmp.Or(accept.Logger, t.log)
	var err error
	if t.accept, err = websocket.NewAcceptor(accept); err != nil {
		return nil, fmt.Errorf("transport: %w", err)
	}
	t.ctx, t.cancel = context.WithCancel(context.Background())
	return t, nil
}

// Drain refuses new sessions with 503 from now on.
func (t *WebSocket) Drain() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.draining = true
}

// Shutdown drains and waits until every session has ended, which follows from
// the hub's Shutdown. When ctx ends first the rest is cut off, and the error is
// that of ctx. A program's hook that does not return is not waited for.
func (t *WebSocket) Shutdown(ctx context.Context) error {
	t.Drain()
	defer t.cancel()
	done := make(chan struct{})
	go func() {
		t.sessions.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		t.cancel()
		select {
		case <-done:
		case <-time.After(cutOffTime):
		}
		return ctx.Err()
	}
}

// cutOffTime is how long sessions may take to notice that they are cut off.
const cutOffTime = time.Second

// ServeHTTP opens a session, or says why not.
func (t *WebSocket) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q, err := t.check(r)
	if err == nil {
		err = t.begin(q.User)
	}
	if err != nil {
		p := problem.Of(err)
		p.Log(t.log, r)
		p.Write(w, r)
		return
	}
	conn, err := t.accept.Accept(w, r)
	if err != nil {
		t.end(q.User)
		return // answered and logged
	}
	// The handler returns, so that net/http's request, response and buffers
	// are freed while the session lives on.
	go func() {
		defer t.end(q.User)
		t.serve(conn, q)
	}()
}

// begin counts a session that is about to begin, if one may.
func (t *WebSocket) begin(user string) error {
	if !t.users.add(user) {
		return problem.New(http.StatusTooManyRequests, openline.CodeLimit, "The user %q has %d sessions, the most that one may have; end one of them.", user, t.o.PerUser).With("Retry-After", "5")
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.draining {
		t.users.remove(user)
		return problem.New(http.StatusServiceUnavailable, openline.CodeTryLater, "This node is draining; connect again.").With("Retry-After", "1")
	}
	t.sessions.Add(1)
	return nil
}

// end takes back what begin counted.
func (t *WebSocket) end(user string) {
	t.users.remove(user)
	t.sessions.Done()
}

// check reads the request.
func (t *WebSocket) check(r *http.Request) (*request, error) {
	if r.Method != http.MethodGet {
		return nil, problem.New(http.StatusMethodNotAllowed, "method", "A WebSocket is opened with GET.").With("Allow", http.MethodGet)
	}
	q, err := readRequest(r, webSocketPath, t.o.Tokens, cmp.Or(t.o.MaxChannels, defaultMaxChannels))
	if err != nil {
		return nil, err
	}
	q.Transport = "websocket"
	switch ping := t.o.Conn.PingInterval; {
	case ping == 0:
		q.Ping = 30 * time.Second
	case ping > 0:
		q.Ping = ping
	}
	return q, nil
}

// serve is the life of one session.
func (t *WebSocket) serve(conn *websocket.Conn, q *request) {
	stop := context.AfterFunc(t.ctx, func() { _ = conn.CloseNow() })
	defer stop()
	l := &line{conn: conn}
	s, err := t.o.Hub.Open(t.ctx, l, q.Opening)
	if err != nil {
		code, reason := refusal(err)
		t.log.Info("session refused", "user", q.User, "remote", q.RemoteAddr, "code", code, "error", err)
		_ = conn.Close(websocket.CloseCode(code), clipReason(reason))
		return
	}
	t.log.Debug("session opened", "session", s.ID(), "user", q.User, "transport", q.Transport, "remote", q.RemoteAddr)
	if !q.expires.IsZero() {
		timer := time.AfterFunc(time.Until(q.expires), func() {
			s.Close(openline.CloseUnauthorised, "the token expired at "+q.expires.UTC().Format(time.RFC3339))
		})
		defer timer.Stop()
	}
	t.receive(conn, s)
	err = conn.Err()
	s.Closed(err)
	t.logClosed(s, err)
}

// receive hands on what the client sends until the connection has ended.
func (t *WebSocket) receive(conn *websocket.Conn, s *openline.Session) {
	bucket := newRate(t.o.MessageRate, t.o.MessageBurst)
	raw := s.Raw() != ""
	refused := false
	for m, err := range conn.Messages(t.ctx) {
		switch {
		case err != nil:
			return
		case refused:
			// The closing handshake goes on; what comes meanwhile is not taken.
		case !bucket.take(time.Now()):
			refused = true
			s.Close(openline.CloseRateLimit, "too many messages: slow down, then connect again")
		case raw:
			s.ReceiveRaw(t.ctx, m.Data, m.Type == websocket.Binary)
		case m.Type == websocket.Binary:
			refused = true
			s.Close(int(websocket.CloseUnsupportedData), "send envelopes as text messages, or open the session with ?raw=CHANNEL")
		default:
			s.Receive(t.ctx, m.Data)
		}
	}
}

func (t *WebSocket) logClosed(s *openline.Session, err error) {
	attrs := []any{"session", s.ID(), "user", s.User(), "remote", s.RemoteAddr(), "lasted", time.Since(s.Opened()).Round(time.Millisecond)}
	if e, ok := errors.AsType[*websocket.CloseError](err); ok {
		attrs = append(attrs, "code", int(e.Code), "reason", e.Reason, "by_client", e.Remote)
	}
	t.log.Debug("session closed", attrs...)
}

// refusal returns how a session closes that the hub did not open.
func refusal(err error) (code int, reason string) {
	e, ok := errors.AsType[*openline.Error](err)
	switch {
	case !ok:
		return openline.CloseInternal, "the server failed; its log says why"
	case e.Close != 0:
		return e.Close, e.Message
	case e.Status() == http.StatusInternalServerError:
		return openline.CloseInternal, e.Message
	case e.Status() == http.StatusServiceUnavailable:
		return openline.CloseTryAgainLater, e.Message
	}
	return openline.CloseForbidden, e.Message
}

// line is the hub's way to a WebSocket.
type line struct {
	conn *websocket.Conn
	once sync.Once
}

// Send queues a message, framed once for all its receivers.
func (l *line) Send(m *openline.Message) error { return l.conn.TrySend(m.Frame()) }

// Close starts the closing handshake.
func (l *line) Close(code int, reason string) {
	l.once.Do(func() {
		go func() { _ = l.conn.Close(websocket.CloseCode(code), clipReason(reason)) }()
	})
}

// maxReason is what a Close frame has room for (RFC 6455 §5.5).
const maxReason = 123

// clipReason cuts a reason to what a Close frame can carry.
func clipReason(s string) string {
	s = strings.ToValidUTF8(s, "?")
	if len(s) <= maxReason {
		return s
	}
	return strings.ToValidUTF8(s[:maxReason-len("…")], "") + "…"
}
