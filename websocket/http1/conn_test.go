package http1

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// memConn is the reading side of a connection: its Reads give in, in pieces of at most n octets.
type memConn struct {
	net.Conn
	in  []byte
	n   int
	end error // after in
}

func (c *memConn) Read(p []byte) (int, error) {
	if len(c.in) == 0 {
		return 0, c.end
	}
	n := copy(p[:min(len(p), c.n)], c.in)
	c.in = c.in[n:]
	return n, nil
}

func (c *memConn) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (c *memConn) SetReadDeadline(time.Time) error  { return nil }
func (c *memConn) SetWriteDeadline(time.Time) error { return nil }

// What conn.Read gives is what the scanner lets through, whatever the pieces in and out.
func TestConnReads(t *testing.T) {
	cfg, err := (&Options{Logger: discard}).resolve()
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range readRules(t) {
		for _, v := range r.vectors {
			if len(v.in) > 100000 {
				continue
			}
			in := append(bytes.Clone(v.in), adminRequest...)
			want := scan(&scanner{cfg: cfg}, in, len(in), whole)
			for _, n := range []int{1, 3, 1000, 1 << 20} {
				nc := guard(&memConn{in: in, n: n, end: io.EOF}, cfg)
				got := make([]byte, 0, len(in)+1000)
				var err error
				for err == nil {
					var k int
					k, err = nc.Read(got[len(got):min(cap(got), len(got)+n)])
					got = got[:len(got)+k]
				}
				if string(got) != want.out+want.raw {
					t.Fatalf("%s %.100s: in pieces of %d:\n got %q\nwant %q, %q", r.id, v.text, n, got, want.out, want.raw)
				}
				if want.broken != nil && !errors.Is(err, want.broken) || want.broken == nil && !errors.Is(err, io.EOF) {
					t.Fatalf("%s %.100s: ends with %v", r.id, v.text, err)
				}
			}
		}
	}
}

func TestDetach(t *testing.T) {
	cfg, _ := new(Options).resolve()
	const request = "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n"
	inner := &memConn{in: []byte(request + "frames and more"), n: 1 << 20}
	nc := guard(inner, cfg)
	b := make([]byte, 4096)
	if n, err := nc.Read(b); err != nil || string(b[:n]) != request {
		t.Fatalf("%q, %v", b[:n], err)
	}
	if n, err := nc.Read(b[:1]); err != nil || b[0] != 'f' {
		t.Fatalf("%q, %v", b[:n], err)
	}
	got, held := Detach(nc)
	if got != net.Conn(inner) || string(held) != "rames and more" {
		t.Errorf("Detach: %v, %q", got, held)
	}
	if got, held := Detach(inner); got != net.Conn(inner) || held != nil {
		t.Errorf("Detach of another connection: %v, %q", got, held)
	}
	// In the middle of a request the guard stays.
	nc = guard(&memConn{in: []byte("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n"), n: 1 << 20}, cfg)
	nc.Read(b)
	if got, held := Detach(nc); got != nc || held != nil {
		t.Errorf("Detach in a body: %v, %q", got, held)
	}
}

func TestSyscallConn(t *testing.T) {
	cfg, _ := new(Options).resolve()
	s := startServer(t, nil, nil)
	nc := guard(s.dial(t), cfg)
	if _, err := nc.(*conn).SyscallConn(); err != nil {
		t.Error(err)
	}
	if _, err := guard(new(memConn), cfg).(*conn).SyscallConn(); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("without a descriptor: %v", err)
	}
}

// A handler may hijack a request that is no upgrade: from then on the connection is its own.
func TestHijackPlainRequest(t *testing.T) {
	s := startServer(t, nil, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		nc, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer nc.Close()
		io.WriteString(nc, "go on\n")
		b := make([]byte, 8)
		if _, err := io.ReadFull(rw, b); err != nil {
			t.Error(err)
		}
		rest, _ := rw.Reader.Peek(rw.Reader.Buffered())
		raw, held := Detach(nc)
		raw.Write(append(append(b, rest...), held...))
		io.Copy(raw, raw)
	}))
	nc := s.dial(t)
	io.WriteString(nc, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	b := make([]byte, 100)
	n, _ := io.ReadFull(nc, b[:6])
	if string(b[:n]) != "go on\n" {
		t.Fatalf("%q", b[:n])
	}
	const own = "not HTTP\r\n\r\n\x00\x01"
	io.WriteString(nc, own)
	nc.CloseWrite()
	if got, err := io.ReadAll(nc); err != nil || string(got) != own {
		t.Errorf("%q, %v", got, err)
	}
}

// Serve keeps the server's own hooks, may be called for several listeners, and reports options that make no sense.
func TestServeInstalls(t *testing.T) {
	type key struct{}
	var states atomic.Int32
	srv := &http.Server{
		MaxHeaderBytes: 1000,
		ConnContext:    func(ctx context.Context, c net.Conn) context.Context { return context.WithValue(ctx, key{}, "own") },
		ConnState:      func(net.Conn, http.ConnState) { states.Add(1) },
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, r.Context().Value(key{}).(string))
		}),
	}
	done := make(chan error, 2)
	for range 2 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		go func() { done <- Serve(srv, l, &Options{Logger: discard}) }()
		s := &testServer{addr: l.Addr().String()}
		s.script(t, "GET / HTTP/1.1\r\nHost: a\r\nCookie: "+strings.Repeat("c", 60000)+"\r\n\r\n", "200 own")
		s.script(t, "GET / HTTP/1.1\r\n\r\n", "400 400 Bad Request: "+errNoHost.reason()+"\n close")
	}
	if states.Load() == 0 {
		t.Error("ConnState was not called")
	}
	if err := Serve(srv, nil, &Options{MaxHeaderBytes: 1 << 20}); !errors.Is(err, errSmallLimit) {
		t.Errorf("a larger bound on a running server: %v", err)
	}
	if err := Serve(srv, nil, &Options{Hosts: []string{"http://a"}}); err == nil || !strings.HasPrefix(err.Error(), "http1: ") {
		t.Errorf("a malformed host: %v", err)
	}
	srv.Close()
	for range 2 {
		if err := <-done; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	}
}

func TestServeFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "file")
	data := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
	s := startServer(t, nil, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, name) }))
	s.script(t, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "200 "+string(data))
}

// Once a header section is through, reading costs nothing extra; nor does the next header section, if it comes in one piece.
func TestReadAllocations(t *testing.T) {
	const n = 1000
	for _, c := range []struct{ what, head, piece string }{
		{"upgrade", baseRequest, "frames"},
		{"length", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n", strings.Repeat("x", 100)},
		{"chunked", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", "5;a=b\r\nhello\r\n"},
		{"headers", "", "GET /a?b=%20 HTTP/1.1\r\nHost: ws.test\r\nCookie: a=b\r\n\r\n"},
	} {
		cfg, _ := (&Options{Hosts: []string{"ws.test", "a", "127.0.0.1"}, Logger: discard}).resolve()
		if c.what == "upgrade" {
			cfg.hosts = nil
		}
		inner := &memConn{in: []byte(c.head + strings.Repeat(c.piece, n+1)), n: max(len(c.head), len(c.piece))}
		nc := guard(inner, cfg)
		b := make([]byte, 4096)
		if c.head != "" {
			nc.Read(b)
			inner.n = len(c.piece)
		}
		allocs := testing.AllocsPerRun(n, func() {
			if k, err := nc.Read(b); err != nil || k == 0 {
				t.Fatal(c.what, k, err)
			}
		})
		if allocs != 0 {
			t.Errorf("%s: %v allocations a Read", c.what, allocs)
		}
	}
}

func BenchmarkHead(b *testing.B) {
	in := []byte("GET /ws/alice?channels=a,b&token=eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJl HTTP/1.1\r\n" +
		"Host: chat.example.com\r\nConnection: keep-alive\r\nPragma: no-cache\r\nCache-Control: no-cache\r\n" +
		"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36\r\n" +
		"Origin: https://chat.example.com\r\nAccept-Encoding: gzip, deflate, br, zstd\r\nAccept-Language: en-GB,en;q=0.9,de;q=0.8\r\n" +
		"Cookie: session=" + strings.Repeat("0123456789abcdef", 20) + "\r\n\r\n")
	cfg, _ := (&Options{Hosts: []string{"chat.example.com"}}).resolve()
	s := &scanner{cfg: cfg}
	p := bytes.Clone(in)
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	for b.Loop() {
		if s.pass(p, len(p)) != len(in) {
			b.Fatal(s.refused)
		}
	}
}

func BenchmarkChunked(b *testing.B) {
	in := []byte(strings.Repeat("400\r\n"+strings.Repeat("x", 0x400)+"\r\n", 4))
	s := &scanner{mode: modeChunked}
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	for b.Loop() {
		if s.pass(in, len(in)) != len(in) {
			b.Fatal(s.broken)
		}
	}
}
