package websocket_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openline/openline/websocket"
	"github.com/openline/openline/websocket/http1"
)

// patience bounds how long a test waits for what should come at once.
const patience = 30 * time.Second

const (
	baseKey     = "AAECAwQFBgcICQoLDA0ODw=="
	baseAccept  = "Bz3qJYTGdOe8gUSpLosEdiLKDrk="
	baseRequest = "GET /echo HTTP/1.1\r\nHost: ws.test:9001\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Key: " + baseKey + "\r\nSec-WebSocket-Version: 13\r\n\r\n"
	adminRequest = "GET /admin HTTP/1.1\r\nHost: ws.test:9001\r\n\r\n"
	lastRequest  = "GET /health HTTP/1.1\r\nHost: ws.test:9001\r\nConnection: close\r\n\r\n"
)

// What a client sends after its opening request, and what the echo server
// answers to that.
const (
	sayHi    = "\x81\x82\x12\x34\x56\x78\x5a\x5d" // text "Hi"
	sayBye   = "\x88\x82\x12\x34\x56\x78\x11\xdc" // close 1000
	echoHi   = "\x81\x02Hi"
	echoBye  = "\x88\x02\x03\xe8"
	hiAndBye = sayHi + sayBye
)

// change makes a request from the base request: "-Name" removes a field, "+line"
// adds one, "> line" is another request line, "Name: value" replaces a field.
func change(changes ...string) string { return edit(baseRequest, changes...) }

func edit(base string, changes ...string) string {
	lines := strings.Split(strings.TrimSuffix(base, "\r\n\r\n"), "\r\n")
	without := func(name string) {
		lines = append(lines[:1:1], slices.DeleteFunc(slices.Clone(lines[1:]), func(l string) bool {
			n, _, _ := strings.Cut(l, ":")
			return strings.EqualFold(n, name)
		})...)
	}
	for _, c := range changes {
		switch c[0] {
		case '>':
			lines[0] = c[2:]
		case '-':
			without(c[1:])
		case '+':
			lines = append(lines, c[1:])
		default:
			name, _, _ := strings.Cut(c, ":")
			without(name)
			lines = append(lines, c)
		}
	}
	return strings.Join(lines, "\r\n") + "\r\n\r\n"
}

// stack is a whole server: the guard, net/http, routes, and the echo handler.
type stack struct {
	addr  string
	echo  *websocket.Handler
	admin atomic.Int32 // how often /admin was reached
	posts atomic.Int32 // how many whole bodies /post has read
	ended sync.Once
	log   logBuffer

	extensions bool // there may be some
}

type stackOptions struct {
	accept *websocket.AcceptOptions
	guard  *http1.Options
	plain  bool // net/http without the guard
	tls    *tls.Config
	listen net.Listener

	timeouts time.Duration // net/http's own
}

func newStack(t testing.TB, o stackOptions) *stack {
	t.Helper()
	s := new(stack)
	logger := slog.New(slog.NewTextHandler(&s.log, nil))
	accept := websocket.AcceptOptions{}
	if o.accept != nil {
		accept = *o.accept
	}
	accept.Logger = logger
	guard := http1.Options{}
	if o.guard != nil {
		guard = *o.guard
	}
	guard.Logger = logger
	s.echo = websocket.Handle(echo, &accept)
	s.extensions = accept.Compression != nil
	l := o.listen
	if l == nil {
		var err error
		if l, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			t.Fatal(err)
		}
	}
	s.addr = l.Addr().String()
	if o.tls != nil {
		l = tls.NewListener(l, o.tls)
	}
	srv := &http.Server{Handler: s, ReadTimeout: o.timeouts, WriteTimeout: o.timeouts, IdleTimeout: o.timeouts, ErrorLog: slog.NewLogLogger(logger.Handler(), slog.LevelError)}
	ended := make(chan error, 1)
	go func() {
		if o.plain {
			ended <- srv.Serve(l)
		} else {
			ended <- http1.Serve(srv, l, &guard)
		}
	}()
	t.Cleanup(func() {
		srv.Close()
		if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
		s.shutdown(t)
	})
	return s
}

// shutdown closes the WebSocket connections and waits for their end, once.
func (s *stack) shutdown(t testing.TB) {
	s.ended.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := s.echo.Shutdown(ctx); err != nil {
			t.Errorf("connections remain: %v", err)
		}
	})
}

// ServeHTTP takes paths as they are, as a server behind the guard does that
// answers for more than WebSockets: nothing is cleaned, so nothing redirected.
func (s *stack) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/echo", "": // "": CONNECT
		s.echo.ServeHTTP(w, r)
	case "/health":
		io.WriteString(w, "ok\n")
	case "/host":
		io.WriteString(w, r.Host)
	case "/post":
		b, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, "broken body", http.StatusBadRequest)
			return
		}
		s.posts.Add(1)
		for name := range r.Header {
			w.Header().Add("X-Got", name)
		}
		w.Write(b)
	case "/none":
		w.WriteHeader(http.StatusNoContent)
	case "/unauthorized":
		w.Header().Set("WWW-Authenticate", "Bearer")
		http.Error(w, "who are you?", http.StatusUnauthorized)
	case "/busy":
		w.Header().Set("Retry-After", "7")
		http.Error(w, "later", http.StatusServiceUnavailable)
	case "/elsewhere":
		http.Redirect(w, r, "ws://other.test/", http.StatusFound)
	case "/split":
		w.Header().Set("X-A", "a\r\nX-Split: y")
		w.Header().Set("Location", "/\r\nX-Split: y")
		s.echo.ServeHTTP(w, r)
	case "/admin":
		s.admin.Add(1)
	default:
		http.NotFound(w, r)
	}
}

// logBuffer is a log that can be read while it is written.
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

// dialRaw connects to s without any protocol.
func (s *stack) dialRaw(t testing.TB) *net.TCPConn {
	t.Helper()
	nc, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	nc.SetDeadline(time.Now().Add(patience))
	t.Cleanup(func() { nc.Close() })
	return nc.(*net.TCPConn)
}
