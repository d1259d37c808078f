package client

import (
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

	"github.com/openline/openline/websocket"
)

// memory is a listener whose connections are pipes, fit for synctest.
type memory struct {
	conns  chan net.Conn
	closed chan struct{}
	refuse func() error // if it returns an error, dial fails with it; nil: never

	mu   sync.Mutex
	open []net.Conn
}

func newMemory() *memory {
	return &memory{conns: make(chan net.Conn), closed: make(chan struct{})}
}

func (m *memory) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	if m.refuse != nil {
		if err := m.refuse(); err != nil {
			return nil, &net.OpError{Op: "dial", Net: "tcp", Err: err}
		}
	}
	a, b := net.Pipe()
	select {
	case m.conns <- a:
		m.mu.Lock()
		defer m.mu.Unlock()
		m.open = append(m.open, a, b)
		return b, nil
	case <-m.closed:
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (m *memory) Accept() (net.Conn, error) {
	select {
	case c := <-m.conns:
		return c, nil
	case <-m.closed:
		return nil, net.ErrClosed
	}
}

func (m *memory) Close() error   { close(m.closed); return nil }
func (m *memory) Addr() net.Addr { return &net.TCPAddr{} }

// fake is a server that plays scripts, one for each connection to a transport.
type fake struct {
	t       *testing.T
	l       *memory
	scripts map[string]chan func(*line) // by transport
	send    http.HandlerFunc            // POST /send
	states  chan State
	cut     chan struct{} // closed: what every serves is cut
}

func newFake(t *testing.T) *fake {
	f := &fake{t: t, l: newMemory(), scripts: make(map[string]chan func(*line)), states: make(chan State, 1000), cut: make(chan struct{})}
	for _, name := range []string{"ws", "sse", "stream", "poll"} {
		f.scripts[name] = make(chan func(*line), 100)
	}
	srv := &http.Server{Handler: f, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = srv.Serve(f.l)
	}()
	t.Cleanup(func() {
		_ = srv.Close()
		f.l.mu.Lock()
		for _, c := range f.l.open {
			_ = c.Close()
		}
		f.l.mu.Unlock()
		<-done
	})
	return f
}

// play adds scripts for the connections to a transport, in their order.
func (f *fake) play(transport string, scripts ...func(*line)) {
	for _, s := range scripts {
		f.scripts[transport] <- s
	}
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, rest, _ := strings.Cut(r.URL.Path, "/")
	name, user, _ := strings.Cut(rest, "/")
	if user != "alice" {
		f.t.Errorf("path %q", r.URL.Path)
	}
	if name == "send" {
		f.send(w, r)
		return
	}
	select {
	case script := <-f.scripts[name]:
		script(&line{t: f.t, name: name, w: w, r: r})
	default:
		f.t.Errorf("an unexpected request for %s", r.URL)
		(&line{w: w}).refuse(http.StatusForbidden, "forbidden") // so that the client ends
	}
}

// options returns those of a client of f.
func (f *fake) options(order ...Transport) *Options {
	return &Options{
		User: "alice", Transports: order, Logger: quiet,
		HTTPClient: &http.Client{Transport: &http.Transport{DialContext: f.l.dial, DisableKeepAlives: true}},
		WebSocket:  &websocket.DialOptions{NetDial: f.l.dial},
		OnState:    func(s State) { f.states <- s },
	}
}

// dial returns a client that is closed at the end of the test.
func (f *fake) dial(o *Options) *Client {
	f.t.Helper()
	c, err := Dial(f.t.Context(), "http://server.test", o)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { _ = c.Close() })
	return c
}

// state waits for the next state of a phase.
func (f *fake) state(p Phase) State {
	for s := range f.states {
		if s.Phase == p {
			return s
		}
	}
	return State{}
}

// line is the server's end of one connection.
type line struct {
	t    *testing.T
	name string
	w    http.ResponseWriter
	r    *http.Request
	conn *websocket.Conn

	writing sync.Mutex
}

// since returns the cursor that the client asks for.
func (l *line) since() string {
	if id := l.r.Header.Get("Last-Event-ID"); id != "" {
		return id
	}
	return l.r.URL.Query().Get("since")
}

func (l *line) wantSince(want string) {
	l.t.Helper()
	if got := l.since(); got != want {
		l.t.Errorf("%s: since is %q, want %q", l.name, got, want)
	}
}

// begin answers the request.
func (l *line) begin() {
	switch l.name {
	case "ws":
		c, err := websocket.Accept(l.w, l.r, &websocket.AcceptOptions{
			Subprotocols: []string{subprotocol}, ConnOptions: websocket.ConnOptions{Logger: quiet, PingInterval: -1, WriteTimeout: -1},
		})
		if err != nil {
			l.t.Error(err)
			panic(http.ErrAbortHandler)
		}
		l.conn = c
	case "sse":
		l.w.Header().Set("Content-Type", "text/event-stream")
		l.write("retry: 1000\n\n")
	case "stream":
		l.w.Header().Set("Content-Type", "application/x-ndjson")
		l.write("\n")
	}
}

// open begins with sys:open.
func (l *line) open(cursor string, resumed bool) {
	l.begin()
	l.send(opened(cursor, resumed))
}

func opened(cursor string, resumed bool) string {
	return fmt.Sprintf(`{"type":"sys:open","data":{"session":"s1","user":"alice","cursor":%q,"resumed":%t,"ping":15}}`, cursor, resumed)
}

func message(n int) string {
	return fmt.Sprintf(`{"id":"e-%d","type":"message","channel":"chat:x","from":"bob","data":%d,"time":"2026-11-22T10:15:30.123Z"}`, n, n)
}

// send sends an envelope.
func (l *line) send(envelope string) {
	switch l.name {
	case "ws":
		_ = l.conn.Write(l.r.Context(), websocket.Text, []byte(envelope))
	case "sse":
		l.write("event: x\ndata: " + envelope + "\n\n")
	case "stream":
		l.write(envelope + "\n")
	}
}

func (l *line) messages(from, to int) {
	for n := from; n <= to; n++ {
		l.send(message(n))
	}
}

func (l *line) write(s string) {
	l.writing.Lock()
	defer l.writing.Unlock()
	_, _ = io.WriteString(l.w, s)
	_ = http.NewResponseController(l.w).Flush()
}

// answer is the answer to a poll.
func (l *line) answer(cursor string, messages ...string) {
	l.w.Header().Set("Content-Type", "application/json")
	l.write(fmt.Sprintf(`{"cursor":%q,"messages":[%s]}`, cursor, strings.Join(messages, ",")))
}

// request waits for a request of the client's over WebSocket.
func (l *line) request() wireRequest {
	l.t.Helper()
	_, b, err := l.conn.Read(context.Background())
	var q wireRequest
	if err == nil {
		err = json.Unmarshal(b, &q)
	}
	if err != nil {
		l.t.Error(err)
	}
	return q
}

func (l *line) ok(q wireRequest, data string) {
	l.send(fmt.Sprintf(`{"type":"sys:ok","ref":%d,"data":%s}`, q.Ref, data))
}

// wait waits until the client has gone.
func (l *line) wait() {
	if l.conn == nil {
		<-l.r.Context().Done()
		return
	}
	for range l.conn.Messages(context.Background()) {
		continue
	}
}

// cut ends the connection without a word.
func (l *line) cut() {
	if l.conn != nil {
		_ = l.conn.CloseNow()
		return
	}
	panic(http.ErrAbortHandler)
}

// refuse answers with a status.
func (l *line) refuse(status int, code string, fields ...string) {
	for i := 0; i < len(fields); i += 2 {
		l.w.Header().Set(fields[i], fields[i+1])
	}
	if code == "" {
		l.w.WriteHeader(status)
		return
	}
	l.w.Header().Set("Content-Type", "application/problem+json")
	l.w.WriteHeader(status)
	_, _ = fmt.Fprintf(l.w, `{"code":%q,"detail":"Because of the test."}`, code)
}

// numbers takes n messages and returns what they say.
func numbers(t *testing.T, c *Client, n int) string {
	t.Helper()
	var got []string
	for range n {
		e, err := c.Next(t.Context())
		if err != nil {
			t.Fatalf("after %v: %v", got, err)
		}
		switch e := e.(type) {
		case *Message:
			got = append(got, string(e.Data))
		case *Gap:
			got = append(got, "gap "+e.Reason)
		case *Presence:
			got = append(got, fmt.Sprintf("%s %t", e.User, e.Joined))
		}
	}
	return strings.Join(got, " ")
}
