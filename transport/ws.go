package transport

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
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
// With since, a cursor, the session gets what came after it.
type WebSocket struct {
	o       Options
	options *websocket.AcceptOptions
	accept  *websocket.Acceptor
	users   counter
	log     *slog.Logger

	ctx    context.Context // of hooks; ends when Shutdown's does
	cancel context.CancelFunc
	loops  []*websocket.Loop
	turn   atomic.Uint32 // whose turn it is to get a session
	expiry expiries
	polls  polls // of the HTTP that has been made beside it

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
	t.options = &websocket.AcceptOptions{
		ConnOptions:  o.Conn,
		Subprotocols: []string{auth.Subprotocol},
		Origins:      o.Origins,
		OriginHint:   o.OriginHint,
		Limiter:      o.Limiter,
		Refuse: func(w http.ResponseWriter, r *http.Request, status int, reason string) {
			problem.New(status, "handshake", "%s", reason).Write(w, r)
		},
	}
	t.options.Logger = cmp.Or(t.options.Logger, t.log)
	var err error
	if t.accept, err = websocket.NewAcceptor(t.options); err != nil {
		return nil, fmt.Errorf("transport: %w", err)
	}
	if t.loops = o.Loops; len(t.loops) == 0 {
		if t.loops, err = NewLoops(0); err != nil {
			return nil, err
		}
	}
	t.ctx, t.cancel = context.WithCancel(context.Background())
	return t, nil
}

// NewLoops starts n loops, or for 0 as many as there are processors for this program.
func NewLoops(n int) ([]*websocket.Loop, error) {
	if n == 0 {
		n = runtime.GOMAXPROCS(0)
	}
	loops := make([]*websocket.Loop, 0, n)
	for range n {
		l, err := websocket.NewLoop()
		if err != nil {
			return nil, errors.Join(fmt.Errorf("transport: %w", err), shutdown(context.Background(), loops))
		}
		loops = append(loops, l)
	}
	return loops, nil
}

// shutdown shuts loops down, all at once. When ctx ends, what is left is cut off.
func shutdown(ctx context.Context, loops []*websocket.Loop) error {
	errs := make([]error, len(loops))
	var all sync.WaitGroup
	for i, l := range loops {
		all.Go(func() {
			if err := l.Shutdown(ctx); !errors.Is(err, websocket.ErrLoopClosed) {
				errs[i] = err
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

// Drain refuses new sessions with 503 from now on.
func (t *WebSocket) Drain() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.draining = true
}

// Shutdown drains and waits until every session has ended, which follows from the hub's Shutdown. When ctx ends first, the error is that of ctx, and what is left is
// for those to cut off whose loops drive it: for Shutdown itself, if it is no loop of Options.Loops. A program's hook that does not return is not waited for.
func (t *WebSocket) Shutdown(ctx context.Context) error {
	t.Drain()
	defer t.cancel()
	done := make(chan struct{})
	go func() {
		t.sessions.Wait()
		close(done)
	}()
	var err error
	select {
	case <-done:
	case <-ctx.Done():
		err = ctx.Err()
		t.cancel()
	}
	if len(t.o.Loops) > 0 {
		return err
	}
	if e := shutdown(ctx, t.loops); err == nil {
		err = e
	}
	select {
	case <-done:
	case <-time.After(cutOffTime):
	}
	return err
}

// cutOffTime is how long sessions may take to notice that they are cut off.
const cutOffTime = time.Second

// ServeHTTP opens a session, or says why not.
func (t *WebSocket) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q := t.admit(w, r)
	if q == nil {
		return
	}
	conn, err := t.accept.Accept(w, r)
	if err != nil {
		t.end(q.User)
		return // answered and logged
	}
	loop := t.loops[int(t.turn.Add(1))%len(t.loops)]
	if _, err := loop.Attach(conn, t.newSession(q)); err != nil { // it has been shut down
		_ = conn.CloseNow()
		t.end(q.User)
	}
}

// AcceptOptions are those for a [websocket.Server] whose requests Open answers.
func (t *WebSocket) AcceptOptions() *websocket.AcceptOptions { return t.options }

// Open returns the handler of a connection whose opening request is r, or answers
// why there is none. It is for a [websocket.Server], and waits for nothing. Its
// loops are to be those of Options.Loops.
func (t *WebSocket) Open(w http.ResponseWriter, r *http.Request) websocket.EventHandler {
	q := t.admit(w, r)
	if q == nil {
		return nil
	}
	return t.newSession(q)
}

// admit checks the request and counts its session, or answers why there is none.
func (t *WebSocket) admit(w http.ResponseWriter, r *http.Request) *request {
	q, err := t.check(r)
	if err == nil {
		err = t.begin(q.User)
	}
	if err != nil {
		p := problem.Of(err)
		p.Log(t.log, r)
		p.Write(w, r)
		return nil
	}
	return q
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
	q, err := readRequest(r, webSocketPath, knownWebSocket, t.o.Tokens, cmp.Or(t.o.MaxChannels, defaultMaxChannels))
	if err != nil {
		return nil, err
	}
	if err := t.polls.takeOver(q); err != nil {
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

func (t *WebSocket) logClosed(s *openline.Session, err *websocket.CloseError) {
	if !t.log.Enabled(t.ctx, slog.LevelDebug) {
		return
	}
	attrs := []any{"session", s, "user", s.User(), "remote", s.RemoteAddr(), "lasted", time.Since(s.Opened()).Round(time.Millisecond)}
	attrs = append(attrs, "code", int(err.Code), "reason", err.Reason, "by_client", err.Remote)
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
