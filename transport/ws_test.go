package transport

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/openline/openline"
	"github.com/openline/openline/websocket"
)

// guard bounds a wait that would otherwise hang a failing test.
const guard = 20 * time.Second

// rig is a hub behind the transport.
type rig struct {
	t       *testing.T
	hub     *openline.Hub
	ws      *WebSocket
	address string
}

func newRig(t *testing.T, hub *openline.Options, o *Options) *rig {
	t.Helper()
	if hub == nil {
		hub = &openline.Options{}
	}
	if o == nil {
		o = &Options{}
	}
	quiet := slog.New(slog.DiscardHandler)
	hub.Logger, o.Logger = quiet, quiet
	r := &rig{t: t, hub: openline.New(hub)}
	o.Hub = r.hub
	var err error
	if r.ws, err = NewWebSocket(o); err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(r.ws)
	r.address = "ws" + strings.TrimPrefix(s.URL, "http")
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel() // whoever is left is cut off
		_ = r.hub.Shutdown(ctx)
		_ = r.ws.Shutdown(ctx)
		s.Close()
	})
	return r
}

func (r *rig) dial(path string) *websocket.Conn {
	r.t.Helper()
	c, err := websocket.Dial(r.t.Context(), r.address+path, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = c.CloseNow() })
	return c
}

// next returns the type and data of the next envelope.
func (r *rig) next(c *websocket.Conn) (kind, data string) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), guard)
	defer cancel()
	_, text, err := c.Read(ctx)
	if err != nil {
		r.t.Fatal(err)
	}
	var e struct {
		Type string
		Data json.RawMessage
	}
	if err := json.Unmarshal(text, &e); err != nil {
		r.t.Fatalf("%q: %v", text, err)
	}
	return e.Type, string(e.Data)
}

func (r *rig) closed(c *websocket.Conn) *websocket.CloseError {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), guard)
	defer cancel()
	for {
		_, _, err := c.Read(ctx)
		if closed, ok := errors.AsType[*websocket.CloseError](err); ok {
			return closed
		}
		if err != nil {
			r.t.Fatal(err)
		}
	}
}

// What the hub refuses after the handshake is a close code and a reason.
func TestHubRefuses(t *testing.T) {
	refusals := map[string]error{
		"error":     errors.New("secret cause"),
		"forbidden": &openline.Error{Code: openline.CodeForbidden, Message: "not you"},
		"later":     &openline.Error{Code: openline.CodeTryLater, Message: "not now"},
		"own":       &openline.Error{Code: "mine", Message: strings.Repeat("é", 200), Close: 4321},
	}
	r := newRig(t, &openline.Options{OnOpen: func(_ context.Context, s *openline.Session) error { return refusals[s.User()] }}, &Options{PerUser: 1})
	for user, want := range map[string]struct {
		code   websocket.CloseCode
		reason string
	}{
		"error":     {4003, "the session was refused"},
		"forbidden": {4003, "not you"},
		"later":     {1013, "not now"},
		"own":       {4321, "éé"},
	} {
		e := r.closed(r.dial("/ws/" + user))
		if e.Code != want.code || !strings.HasPrefix(e.Reason, want.reason) || strings.Contains(e.Reason, "secret") || !e.Remote {
			t.Errorf("%s: %v", user, e)
		}
		if !utf8.ValidString(e.Reason) || len(e.Reason) > maxReason {
			t.Errorf("%s: a reason of %d bytes", user, len(e.Reason))
		}
	}
	r.dial("/ws/ok")
}

func TestRefusal(t *testing.T) {
	for _, test := range []struct {
		err    error
		code   int
		reason string
	}{
		{errors.New("x"), 1011, "the server failed; its log says why"},
		{&openline.Error{Code: "x", Message: "m", Close: 4009}, 4009, "m"},
		{&openline.Error{Code: openline.CodeInternal, Message: "m"}, 1011, "m"},
		{&openline.Error{Code: openline.CodeTryLater, Message: "m"}, 1013, "m"},
		{&openline.Error{Code: openline.CodeForbidden, Message: "m"}, 4003, "m"},
	} {
		if code, reason := refusal(test.err); code != test.code || reason != test.reason {
			t.Errorf("%v: %d %q", test.err, code, reason)
		}
	}
}

// A session whose token is over by the time it is open ends at once, after
// saying why.
func TestExpiry(t *testing.T) {
	r := newRig(t, nil, nil)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		c, err := websocket.Accept(w, q, nil)
		if err != nil {
			t.Error(err)
			return
		}
		r.ws.sessions.Add(1)
		asked := &request{Opening: openline.Opening{User: "alice", Transport: "websocket"}, expires: time.Unix(1e9, 0)}
		if _, err := r.ws.loops[0].Attach(c, r.ws.newSession(asked)); err != nil {
			t.Error(err)
		}
	}))
	defer s.Close()
	r.address = "ws" + strings.TrimPrefix(s.URL, "http")
	c := r.dial("/")
	if kind, _ := r.next(c); kind != "sys:open" {
		t.Errorf("first %s", kind)
	}
	if kind, data := r.next(c); kind != "sys:error" || !strings.Contains(data, "unauthorised") {
		t.Errorf("then %s %s", kind, data)
	}
	if e := r.closed(c); e.Code != 4001 || e.Reason != "the token expired at 2001-09-09T01:46:40Z" {
		t.Errorf("%v", e)
	}
}

// OnClose hears of every way a session ends.
func TestOnClose(t *testing.T) {
	ends := make(chan openline.CloseReason, 1)
	r := newRig(t, &openline.Options{OnClose: func(_ *openline.Session, why openline.CloseReason) { ends <- why }}, nil)
	for name, test := range map[string]struct {
		end    func(c *websocket.Conn)
		code   int
		remote bool
	}{
		"closed by the client": {func(c *websocket.Conn) { _ = c.Close(4444, "enough") }, 4444, true},
		"lost":                 {func(c *websocket.Conn) { _ = c.CloseNow() }, 1006, true},
		"by the hub":           {func(c *websocket.Conn) { r.hub.DisconnectUser("alice", 4009, "kicked"); r.closed(c) }, 4009, false},
		"binary":               {func(c *websocket.Conn) { _ = c.Write(t.Context(), websocket.Binary, []byte("x")); r.closed(c) }, 1003, false},
	} {
		c := r.dial("/ws/alice")
		r.next(c)
		test.end(c)
		select {
		case why := <-ends:
			if why.Code != test.code || why.Remote != test.remote {
				t.Errorf("%s: %+v", name, why)
			}
		case <-time.After(guard):
			t.Fatalf("%s: OnClose was not called", name)
		}
	}
}

func TestShutdown(t *testing.T) {
	r := newRig(t, nil, nil)
	c := r.dial("/ws/alice")
	r.next(c)
	r.ws.Drain()
	_, err := websocket.Dial(t.Context(), r.address+"/ws/bob", nil)
	var refused *websocket.HandshakeError
	if !errors.As(err, &refused) || refused.Status != 503 || refused.Header.Get("Retry-After") == "" {
		t.Errorf("draining: %v", err)
	}
	go func() { // answer the Close
		for range c.Messages(context.Background()) {
		}
	}()
	if err := r.hub.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if err := r.ws.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}

// A client that answers nothing is cut off when the time is over.
func TestShutdownCutsOff(t *testing.T) {
	r := newRig(t, nil, nil)
	c, err := net.Dial("tcp", strings.TrimPrefix(r.address, "ws://"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, "GET /ws/alice HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	for r.hub.Len() == 0 { // until the session is there
		b := make([]byte, 1)
		if _, err := c.Read(b); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.ws.Shutdown(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Shutdown: %v", err)
	}
	if n := r.hub.Len(); n != 0 {
		t.Errorf("%d sessions are left", n)
	}
}

func TestMethod(t *testing.T) {
	r := newRig(t, nil, nil)
	w := httptest.NewRecorder()
	r.ws.ServeHTTP(w, httptest.NewRequest("POST", "/ws/alice", nil))
	if w.Code != 405 || w.Header().Get("Allow") != "GET" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	// A server that lets no connection be taken over says so, and the log why.
	w = httptest.NewRecorder()
	q := httptest.NewRequest("GET", "/ws/alice", nil)
	for name, value := range map[string]string{"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA=="} {
		q.Header.Set(name, value)
	}
	r.ws.ServeHTTP(w, q)
	if w.Code != 500 || w.Header().Get("Content-Type") != "application/problem+json" {
		t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
	}
}

func TestPing(t *testing.T) {
	for ping, want := range map[time.Duration]string{0: `"ping":30}`, -1: `"ping":0}`, 1500 * time.Millisecond: `"ping":1.5}`} {
		r := newRig(t, nil, &Options{Conn: websocket.ConnOptions{PingInterval: ping}})
		if _, data := r.next(r.dial("/ws/alice")); !strings.HasSuffix(data, want) {
			t.Errorf("%v: %s", ping, data)
		}
	}
}

func TestRate(t *testing.T) {
	if r := newRate(0, 5); !r.take(time.Now()) {
		t.Error("no rate is a bound")
	}
	at := time.Unix(1e9, 0)
	r := newRate(10, 3)
	for i, test := range []struct {
		after time.Duration
		want  bool
	}{
		{0, true},
		{0, true},
		{0, true},
		{0, false},
		{99 * time.Millisecond, false},
		{1 * time.Millisecond, true},
		{0, false},
		{time.Hour, true},
		{0, true},
		{0, true},
		{0, false},
	} {
		at = at.Add(test.after)
		if got := r.take(at); got != test.want {
			t.Errorf("%d: %t", i, got)
		}
	}
	if r := newRate(0.5, 0); !r.take(at) || r.take(at) {
		t.Error("the least burst is not 1")
	}
}

func TestCounter(t *testing.T) {
	var none counter
	for range 3 {
		if !none.add("a") {
			t.Error("no bound is one")
		}
	}
	none.remove("a")
	c := counter{most: 2}
	for i, user := range []string{"a", "a", "a", "b"} {
		if got := c.add(user); got != (i != 2) {
			t.Errorf("%d: %t; the bound is 2 a user", i, got)
		}
	}
	c.remove("a")
	if !c.add("a") || c.add("a") {
		t.Error("who left still counts")
	}
	c.remove("a")
	c.remove("a")
	c.remove("b")
	if len(c.n) != 0 {
		t.Errorf("%v is kept", c.n)
	}
}

func TestClipReason(t *testing.T) {
	for reason, want := range map[string]int{"": 0, "a": 1, strings.Repeat("a", 123): 123, strings.Repeat("a", 124): 123, strings.Repeat("é", 100): 123, "\xff": 1} {
		got := clipReason(reason)
		if len(got) != want || !utf8.ValidString(got) {
			t.Errorf("%d bytes become %d: %q", len(reason), len(got), got)
		}
	}
}
