package http1

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// patience bounds how long a test waits for what should come at once.
const patience = 30 * time.Second

var discard = slog.New(slog.DiscardHandler)

const idleTimeout = 12 * time.Second

func TestMain(m *testing.M) {
	code := m.Run()
	if code == 0 {
		if left := leaked(); left != "" {
			fmt.Fprintln(os.Stderr, "leaked goroutines:\n"+left)
			code = 1
		}
	}
	os.Exit(code)
}

// leaked returns the stacks of goroutines of this package or net/http that do not end.
func leaked() string {
	deadline := time.After(patience)
	for {
		buf := make([]byte, 1<<20)
		buf = buf[:runtime.Stack(buf, true)]
		var left []string
		for _, g := range strings.Split(string(buf), "\n\n")[1:] {
			if strings.Contains(g, "net/http.") || strings.Contains(g, "/http1.") {
				left = append(left, g)
			}
		}
		if len(left) == 0 {
			return ""
		}
		select {
		case <-deadline:
			return strings.Join(left, "\n\n")
		case <-time.After(time.Millisecond):
		}
	}
}

type testServer struct {
	tb    testing.TB
	addr  string
	srv   *http.Server
	h     http.Handler // default: the testServer itself
	admin atomic.Int32 // requests for /admin
	log   lockedBuffer
	posts chan error // what each /post got from reading its body
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func startServer(tb testing.TB, o *Options, h http.Handler) *testServer {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	s := &testServer{addr: l.Addr().String(), h: h}
	s.start(tb, l, o)
	return s
}

func (s *testServer) start(tb testing.TB, l net.Listener, o *Options) {
	tb.Helper()
	s.tb = tb
	s.posts = make(chan error, 1000)
	opts := Options{}
	if o != nil {
		opts = *o
	}
	opts.Logger = slog.New(slog.NewTextHandler(&s.log, nil))
	if s.h == nil {
		s.h = s
	}
	s.srv = &http.Server{Handler: s.h, IdleTimeout: idleTimeout, ErrorLog: slog.NewLogLogger(opts.Logger.Handler(), slog.LevelError)}
	done := make(chan error, 1)
	go func() { done <- Serve(s.srv, l, &opts) }()
	tb.Cleanup(func() {
		s.srv.Close()
		if err := <-done; !errors.Is(err, http.ErrServerClosed) {
			tb.Error(err)
		}
	})
}

func (s *testServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/echo", "":
		s.echo(w, r)
	case "/health":
		io.WriteString(w, "ok\n")
	case "/bye":
		w.Header().Set("Connection", "close")
	case "/host":
		io.WriteString(w, r.Host)
	case "/empty":
		w.WriteHeader(http.StatusNoContent)
	case "/same":
		w.WriteHeader(http.StatusNotModified)
	case "/flush":
		rc := http.NewResponseController(w)
		if err := errors.Join(rc.SetWriteDeadline(time.Now().Add(patience)), rc.Flush()); err != nil {
			s.tb.Error(err)
		}
		io.WriteString(w, "ok\n")
	case "/split":
		w.Header().Set("X-A", "a\r\nX-B: y")
		io.WriteString(w, "ok\n")
	case "/post":
		b, err := io.ReadAll(r.Body)
		s.posts <- err
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		if r.Host != "ws.test:9001" || r.Header.Get("X-T") != "" || r.ContentLength >= 0 && r.ContentLength != int64(len(b)) {
			http.Error(w, "a trailer got into the header", http.StatusInternalServerError)
			return
		}
		w.Write(b)
	case "/ignore": // the body
		io.WriteString(w, "ignored\n")
	case "/admin":
		s.admin.Add(1)
	default:
		http.NotFound(w, r)
	}
}

// echo is what a WebSocket server's handshake looks like from here; after its 101 each octet comes back.
func (s *testServer) echo(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Method != "GET":
		w.Header().Set("Allow", "GET")
		http.Error(w, "only GET", http.StatusMethodNotAllowed)
		return
	case r.ContentLength != 0:
		http.Error(w, "no body", http.StatusBadRequest)
		return
	case !r.ProtoAtLeast(1, 1) || !strings.EqualFold(r.Header.Get("Upgrade"), "websocket") || r.Header.Get("Connection") != "Upgrade" ||
		r.Header.Get("Sec-WebSocket-Version") != "13":
		w.Header().Set("Upgrade", "websocket")
		w.Header().Set("Connection", "Upgrade")
		http.Error(w, "not an upgrade", http.StatusUpgradeRequired)
		return
	}
	nc, rw, err := w.(http.Hijacker).Hijack()
	if err != nil {
		s.tb.Error(err)
		return
	}
	defer nc.Close()
	first, _ := rw.Reader.Peek(rw.Reader.Buffered())
	raw, held := Detach(nc)
	if guardOf(raw) != nil {
		s.tb.Error("Detach left the guard in place")
	}
	io.WriteString(raw, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
	raw.Write(first)
	raw.Write(held)
	io.Copy(raw, raw)
	if cw, ok := raw.(closeWriter); ok {
		cw.CloseWrite()
	}
}

// dial opens a connection to s that is closed when the test ends.
func (s *testServer) dial(tb testing.TB) *net.TCPConn {
	tb.Helper()
	nc, err := net.Dial("tcp", s.addr)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { nc.Close() })
	nc.SetDeadline(time.Now().Add(patience))
	return nc.(*net.TCPConn)
}

// exchange sends in, in pieces of the size given, says that no more will come, and returns all that came back.
func (s *testServer) exchange(tb testing.TB, in []byte, size int) []byte {
	tb.Helper()
	nc := s.dial(tb)
	defer nc.Close()
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		for len(in) > 0 {
			n := min(size, len(in))
			if _, err := nc.Write(in[:n]); err != nil {
				return // the server has had enough
			}
			in = in[n:]
		}
		nc.CloseWrite()
	}()
	out, err := io.ReadAll(nc)
	if err != nil && len(out) == 0 {
		tb.Fatal(err)
	}
	nc.Close()
	<-sent
	return out
}

type answer struct {
	*http.Response
	body string
}

// answers splits out into responses; what follows a 101 is returned as it is.
func answers(tb testing.TB, out []byte, methods ...string) (list []answer, raw string) {
	tb.Helper()
	r := bufio.NewReader(bytes.NewReader(out))
	for {
		if _, err := r.Peek(1); err != nil {
			return list, ""
		}
		method := "GET"
		if len(list) < len(methods) {
			method = methods[len(list)]
		}
		resp, err := http.ReadResponse(r, &http.Request{Method: method})
		if err != nil {
			tb.Fatalf("answer %d: %v\n%q", len(list)+1, err, out)
		}
		if resp.StatusCode == http.StatusSwitchingProtocols {
			rest, _ := io.ReadAll(r)
			return append(list, answer{resp, ""}), string(rest)
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			tb.Fatalf("answer %d: %v\n%q", len(list)+1, err, out)
		}
		list = append(list, answer{resp, string(body)})
	}
}

func statuses(list []answer) (codes []int) {
	for _, a := range list {
		codes = append(codes, a.StatusCode)
	}
	return codes
}
