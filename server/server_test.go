package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openline/openline/websocket"
)

// guard bounds a wait that would otherwise hang a failing test.
const guard = 20 * time.Second

const testKey = "key-of-the-test-backend"

// log collects a server's log.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// running is a server under test.
type running struct {
	*Server
	t    *testing.T
	log  *logBuffer
	stop func() error // ends Run and returns what it did
}

// start runs a server on a free port of loopback until the test ends.
func start(t *testing.T, c *Config) *running {
	t.Helper()
	if c == nil {
		c = &Config{}
	}
	if c.Listen == "" {
		c.Listen = "127.0.0.1:0"
	}
	if c.APIKeys == nil {
		c.APIKeys = []string{testKey}
	}
	r := &running{t: t, log: &logBuffer{}}
	c.Logger = slog.New(slog.NewTextHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	s, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	r.Server = s
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	r.stop = sync.OnceValue(func() error {
		cancel()
		return <-done
	})
	t.Cleanup(func() {
		if err := r.stop(); err != nil {
			t.Errorf("Run: %v", err)
		}
		if t.Failed() {
			t.Logf("log:\n%s", r.log)
		}
	})
	return r
}

// dial opens a session.
func (r *running) dial(path string, o *websocket.DialOptions) *session {
	r.t.Helper()
	c, err := websocket.Dial(r.t.Context(), "ws"+strings.TrimPrefix(r.URL(), "http")+path, o)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = c.CloseNow() })
	return &session{r.t, c}
}

// refused dials and returns the refusal.
func (r *running) refused(path string, o *websocket.DialOptions) *websocket.HandshakeError {
	r.t.Helper()
	c, err := websocket.Dial(r.t.Context(), "ws"+strings.TrimPrefix(r.URL(), "http")+path, o)
	var refused *websocket.HandshakeError
	if !errors.As(err, &refused) {
		if err == nil {
			_ = c.CloseNow()
		}
		r.t.Fatalf("dialling %s: %v, want a refusal", path, err)
	}
	return refused
}

// call calls the HTTP API with the test's key and returns the status and the
// decoded answer.
func (r *running) call(method, path, body string, fields ...string) (int, map[string]any) {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), method, r.URL()+path, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+testKey)
	for i := 0; i+1 < len(fields); i += 2 {
		req.Header.Set(fields[i], fields[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	var answer map[string]any
	if err := json.Unmarshal(text, &answer); err != nil {
		r.t.Fatalf("%s %s: %d %q: %v", method, path, res.StatusCode, text, err)
	}
	return res.StatusCode, answer
}

// raw sends bytes as they are and returns what came back until the server
// closes or idles past an answer.
func (r *running) raw(request string) string {
	r.t.Helper()
	c, err := net.Dial("tcp", r.Addr().String())
	if err != nil {
		r.t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(guard)); err != nil {
		r.t.Fatal(err)
	}
	if _, err := io.WriteString(c, strings.ReplaceAll(request, "\n", "\r\n")); err != nil {
		r.t.Fatal(err)
	}
	answer, err := io.ReadAll(c)
	if err != nil {
		r.t.Fatalf("after %q: %v", answer, err)
	}
	return string(answer)
}

// session is a client's end of one.
type session struct {
	t *testing.T
	c *websocket.Conn
}

// envelope is what a client sees of a message.
type envelope struct {
	ID, Type, Channel, From string
	Ref, Data               json.RawMessage
	Time                    string
}

func (s *session) read() (websocket.MessageType, []byte) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), guard)
	defer cancel()
	kind, data, err := s.c.Read(ctx)
	if err != nil {
		s.t.Fatal(err)
	}
	return kind, data
}

// next returns the next envelope.
func (s *session) next() envelope {
	s.t.Helper()
	_, data := s.read()
	var e envelope
	if err := json.Unmarshal(data, &e); err != nil {
		s.t.Fatalf("%q: %v", data, err)
	}
	return e
}

// expect returns the next envelope, which has the given type.
func (s *session) expect(kind string) envelope {
	s.t.Helper()
	e := s.next()
	if e.Type != kind {
		s.t.Fatalf("got %s %s, want %s", e.Type, e.Data, kind)
	}
	return e
}

func (s *session) send(text string) {
	s.t.Helper()
	if err := s.c.Write(s.t.Context(), websocket.Text, []byte(text)); err != nil {
		s.t.Fatal(err)
	}
}

// closed reads until the connection has ended and returns how.
func (s *session) closed() *websocket.CloseError {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), guard)
	defer cancel()
	for {
		_, _, err := s.c.Read(ctx)
		if closed, ok := errors.AsType[*websocket.CloseError](err); ok {
			return closed
		}
		if err != nil {
			s.t.Fatal(err)
		}
	}
}

// The main job: what a backend posts as curl does reaches a plain client.
func TestPostReachesWebSocket(t *testing.T) {
	r := start(t, nil)
	alice := r.dial("/ws/alice?channels=chat:lobby,a/b", nil)
	open := alice.expect("sys:open")
	var facts struct {
		Session, User, Transport, Node, Cursor string
		Resumed                                *bool
		Ping                                   float64
	}
	if err := json.Unmarshal(open.Data, &facts); err != nil {
		t.Fatal(err)
	}
	if facts.Session == "" || facts.User != "alice" || facts.Transport != "websocket" || facts.Node == "" || facts.Resumed == nil || *facts.Resumed || facts.Ping != 30 {
		t.Errorf("sys:open %s", open.Data)
	}

	const form = "application/x-www-form-urlencoded" // as curl -d says
	status, got := r.call("POST", "/api/users/alice/messages", `{"text":"hi"}`, "Content-Type", form)
	if status != 200 || got["delivered"] != 1.0 || got["id"] == "" {
		t.Errorf("%d %v", status, got)
	}
	if e := alice.expect("message"); string(e.Data) != `{"text":"hi"}` || e.ID != got["id"] || e.Channel != "@alice" {
		t.Errorf("%+v", e)
	}

	r.call("POST", "/api/channels/chat:lobby/messages?type=said", `[1, 2]`)
	if e := alice.expect("said"); string(e.Data) != `[1, 2]` || e.Channel != "chat:lobby" {
		t.Errorf("%+v", e)
	}
	for _, path := range []string{"a/b", "a%2Fb", "a%2fb"} {
		status, got := r.call("POST", "/api/channels/"+path+"/messages", `1`)
		if e := alice.expect("message"); status != 200 || e.Channel != "a/b" {
			t.Errorf("%s: %d %v %+v", path, status, got, e)
		}
	}
	r.call("POST", "/api/broadcast", ` "to all"`+"\n", "Openline-Type", "notice")
	if e := alice.expect("notice"); string(e.Data) != `"to all"` || e.Channel != "@*" {
		t.Errorf("%+v", e)
	}
}

func TestSessionsTalk(t *testing.T) {
	r := start(t, nil)
	alice, bob := r.dial("/ws/alice", nil), r.dial("/ws/bob", nil)
	alice.expect("sys:open")
	bob.expect("sys:open")
	alice.send(`{"type":"send","to":"bob","data":"hello","ref":"r1"}`)
	if e := bob.expect("message"); e.From != "alice" || string(e.Data) != `"hello"` {
		t.Errorf("%+v", e)
	}
	if e := alice.expect("sys:ok"); string(e.Ref) != `"r1"` || !strings.Contains(string(e.Data), `"delivered":1`) {
		t.Errorf("%+v", e)
	}
}

func TestRawSession(t *testing.T) {
	r := start(t, nil)
	a, b := r.dial("/ws/alice?raw=game", nil), r.dial("/ws/bob?raw=game", nil)
	// Neither gets sys:open: wait until both are there.
	for n := 0.0; n < 2; {
		_, got := r.call("GET", "/api/channels/game/subscribers", "")
		n = got["count"].(float64)
	}
	if err := a.c.Write(t.Context(), websocket.Binary, []byte{0, 1, 255}); err != nil {
		t.Fatal(err)
	}
	for _, s := range []*session{a, b} {
		if kind, data := s.read(); kind != websocket.Binary || !bytes.Equal(data, []byte{0, 1, 255}) {
			t.Errorf("%v %v", kind, data)
		}
	}
	b.send("plain")
	if kind, data := a.read(); kind != websocket.Text || string(data) != "plain" {
		t.Errorf("%v %q", kind, data)
	}
}

func TestNextRequestAfterAnswer(t *testing.T) {
	r := start(t, nil)
	for i := range 3 {
		if status, _ := r.call("GET", "/api/users/alice", ""); status != 200 {
			t.Errorf("%d: status %d", i, status)
		}
	}
	if s := fmt.Sprint(r.call("GET", "/readyz", "")); !strings.Contains(s, "ready") {
		t.Error(s)
	}
}
