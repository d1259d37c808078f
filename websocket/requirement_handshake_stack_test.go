package websocket_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
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
	"github.com/openline/openline/websocket/internal/frame"
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

// answer is one response of a server, whole.
type answer struct {
	*http.Response
	body string
	head string // as it came
}

// exchange sends in, in pieces of size, on a connection of its own and reads
// until the server closes, which what is sent must bring about. It returns the
// responses, and what followed a 101. A reset is an error.
func (s *stack) exchange(t testing.TB, in string, size int, methods ...string) ([]answer, string) {
	t.Helper()
	nc := s.dialRaw(t)
	written := make(chan struct{})
	go func() {
		defer close(written)
		for rest := in; rest != ""; {
			n := min(size, len(rest))
			if _, err := io.WriteString(nc, rest[:n]); err != nil {
				return // the server has closed: what it sent counts
			}
			rest = rest[n:]
		}
	}()
	out, err := io.ReadAll(nc)
	if err != nil {
		t.Errorf("%.100q: after %q: %v", in, out, err)
	}
	nc.Close()
	<-written
	list, rest, err := parseAnswers(out, methods...)
	if err != nil {
		t.Errorf("%.100q: answer %q: %v", in, out, err)
	}
	return list, rest
}

// parseAnswers takes a server's octets apart; methods are those of the requests,
// GET where there is none.
func parseAnswers(out []byte, methods ...string) (list []answer, rest string, err error) {
	r := bytes.NewReader(out)
	br := bufio.NewReader(r)
	at := func() int { return len(out) - r.Len() - br.Buffered() }
	for at() < len(out) || br.Buffered() > 0 {
		req := &http.Request{Method: http.MethodGet}
		if len(methods) > 0 {
			req.Method = methods[0]
		}
		from := at()
		resp, err := http.ReadResponse(br, req)
		if err != nil {
			return list, "", err
		}
		a := answer{Response: resp, head: string(out[from:at()])}
		if resp.StatusCode == http.StatusSwitchingProtocols {
			return append(list, a), string(out[at():]), nil
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			return list, "", err
		}
		a.body = string(body)
		list = append(list, a)
		if resp.StatusCode >= 200 {
			methods = methods[min(1, len(methods)):]
		}
	}
	return list, "", nil
}

// options returns the elements of the Connection field, which net/http removes.
func (a answer) options() (list []string) {
	for line := range strings.SplitSeq(a.head, "\r\n") {
		if name, value, _ := strings.Cut(line, ":"); strings.EqualFold(name, "Connection") {
			for option := range strings.SplitSeq(value, ",") {
				list = append(list, strings.TrimSpace(option))
			}
		}
	}
	return list
}

func statuses(list []answer) []int {
	codes := make([]int, 0, len(list))
	for _, a := range list {
		codes = append(codes, a.StatusCode)
	}
	return codes
}

// opens checks that request opens a connection on which frames work.
func (s *stack) opens(t testing.TB, request string) answer {
	t.Helper()
	return s.opensBy(t, request, len(request)+100)
}

func (s *stack) opensBy(t testing.TB, request string, size int) answer {
	t.Helper()
	list, rest := s.exchange(t, request+hiAndBye, size)
	if codes := statuses(list); !slices.Equal(codes, []int{101}) {
		t.Errorf("%.120q: %d, want 101: %s", request, codes, bodies(list))
		return answer{Response: &http.Response{Header: http.Header{}}}
	}
	if rest != echoHi+echoBye {
		t.Errorf("%.120q: after the 101 came %s", request, frames(rest))
	}
	checkOpening(t, request, list[0])
	if list[0].Header["Sec-Websocket-Extensions"] != nil && !s.extensions {
		t.Errorf("%.120q: the 101 has extensions", request)
	}
	return list[0]
}

// checkOpening checks a 101 response.
func checkOpening(t testing.TB, request string, a answer) {
	t.Helper()
	for name, want := range map[string]string{"Upgrade": "websocket", "Connection": "Upgrade"} {
		if got := a.Header[name]; len(got) != 1 || got[0] != want {
			t.Errorf("%.120q: %s is %q, want %q once", request, name, got, want)
		}
	}
	if len(a.Header["Sec-Websocket-Accept"]) != 1 {
		t.Errorf("%.120q: Sec-WebSocket-Accept is %q", request, a.Header["Sec-Websocket-Accept"])
	}
	for _, name := range []string{"Content-Length", "Transfer-Encoding"} {
		if len(a.Header[name]) > 0 || strings.Contains(strings.ToLower(a.head), strings.ToLower(name)) {
			t.Errorf("%.120q: the 101 has %s", request, name)
		}
	}
	if !strings.HasPrefix(a.head, "HTTP/1.1 101 ") {
		t.Errorf("%.120q: %q", request, a.head)
	}
}

// refused checks that request gets one complete response with one of the
// statuses given, that the connection ends then, and that what follows is not
// run as a request.
func (s *stack) refused(t testing.TB, request string, want ...int) answer {
	t.Helper()
	list, rest := s.exchange(t, request+adminRequest, len(request)+len(adminRequest), methodOf(request))
	if s.admin.Load() > 0 {
		t.Fatalf("%.120q: /admin was run", request)
	}
	if len(list) != 1 || !slices.Contains(want, list[0].StatusCode) || rest != "" {
		t.Errorf("%.120q: %d, want one of %d; then %q", request, statuses(list), want, rest)
		return answer{Response: &http.Response{Header: http.Header{}}}
	}
	a := list[0]
	if !a.Close {
		t.Errorf("%.120q: %d without Connection: close", request, a.StatusCode)
	}
	if a.ContentLength < 0 {
		t.Errorf("%.120q: %d without Content-Length", request, a.StatusCode)
	}
	a.checkUpgradeRequired(t)
	return a
}

// checkUpgradeRequired checks what RFC 9110 §15.5.22 and §7.8 demand of a 426.
func (a answer) checkUpgradeRequired(t testing.TB) {
	t.Helper()
	if a.StatusCode == http.StatusUpgradeRequired && (a.Header.Get("Upgrade") != "websocket" || !slices.Contains(a.options(), "Upgrade")) {
		t.Errorf("426 lacks Upgrade: websocket or Connection: Upgrade: %q", a.head)
	}
}

// ordinary checks that request, which is not an opening one, gets one response
// with the status given and that the connection goes on.
func (s *stack) ordinary(t testing.TB, request string, want int) answer {
	t.Helper()
	list, _ := s.exchange(t, request+lastRequest, len(request)+len(lastRequest), methodOf(request))
	if codes := statuses(list); !slices.Equal(codes, []int{want, 200}) {
		t.Errorf("%.120q: %d, want %d and 200", request, codes, want)
		return answer{Response: &http.Response{Header: http.Header{}}}
	}
	return list[0]
}

func methodOf(request string) string {
	method, _, _ := strings.Cut(strings.TrimLeft(request, "\r\n"), " ")
	return method
}

func bodies(list []answer) string {
	var b strings.Builder
	for _, a := range list {
		b.WriteString(a.body)
	}
	return b.String()
}

// frames describes octets as frames.
func frames(s string) string {
	var b strings.Builder
	for len(s) > 0 {
		h, n, err := frame.ParseHeader([]byte(s))
		if err != nil || n == 0 || uint64(len(s)-n) < h.Length {
			fmt.Fprintf(&b, "octets %x", s)
			break
		}
		fmt.Fprintf(&b, "%s %q; ", h.Opcode, s[n:n+int(h.Length)])
		s = s[n+int(h.Length):]
	}
	return b.String()
}
