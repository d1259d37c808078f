package websocket_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openline/openline/websocket"
	"github.com/openline/openline/websocket/http1"
	"github.com/openline/openline/websocket/wstest"
)

// plainListener is a listener that loops cannot accept from.
type plainListener struct{ net.Listener }

// startServer serves on a listener of its own, on loops or by net/http.
func startServer(t *testing.T, loops bool, o *websocket.ServerOptions, open func(http.ResponseWriter, *http.Request) websocket.EventHandler) (s *websocket.Server, addr string) {
	t.Helper()
	if o == nil {
		o = &websocket.ServerOptions{}
	}
	o.Logger = slog.New(slog.DiscardHandler)
	o.HTTP.Logger = o.Logger
	s, err := websocket.NewServer(open, o)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if addr = l.Addr().String(); !loops {
		l = plainListener{l}
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = s.Shutdown(ctx)
		if err := <-served; err != websocket.ErrServerClosed {
			t.Error(err)
		}
		if o.HTTPServer != nil {
			_ = o.HTTPServer.Close()
		}
	})
	return s, addr
}

// eachServer runs a test with a server on loops, and with one on net/http.
func eachServer(t *testing.T, test func(t *testing.T, loops bool)) {
	t.Run("loops", func(t *testing.T) { test(t, true) })
	t.Run("net/http", func(t *testing.T) { test(t, false) })
}

func echoes(http.ResponseWriter, *http.Request) websocket.EventHandler { return loopEcho{} }

func TestServer(t *testing.T) {
	eachServer(t, func(t *testing.T, loops bool) {
		o := &websocket.ServerOptions{AcceptOptions: websocket.AcceptOptions{
			Subprotocols: []string{"chat"}, Header: http.Header{"X-Server": {"test"}},
			ConnOptions: websocket.ConnOptions{Compression: &websocket.Compression{}},
		}}
		s, addr := startServer(t, loops, o, func(w http.ResponseWriter, r *http.Request) websocket.EventHandler {
			w.Header().Set("X-Path", r.URL.Path)
			if ap, err := netip.ParseAddrPort(r.RemoteAddr); err != nil || !ap.Addr().IsLoopback() {
				t.Error(r.RemoteAddr)
			}
			return loopEcho{}
		})
		c, err := websocket.Dial(t.Context(), "ws://"+addr+"/some/where", &websocket.DialOptions{
			Subprotocols: []string{"other", "chat"}, ConnOptions: websocket.ConnOptions{Compression: &websocket.Compression{}},
		})
		if err != nil {
			t.Fatal(err)
		}
		if c.Subprotocol() != "chat" || c.Compression() == nil {
			t.Error(c.Subprotocol(), c.Compression())
		}
		for _, text := range []string{"Hello", strings.Repeat("all work and no play ", 1000)} {
			if err := c.Write(t.Context(), websocket.Text, []byte(text)); err != nil {
				t.Fatal(err)
			}
			if _, got, err := c.Read(t.Context()); err != nil || string(got) != text {
				t.Fatal(string(got), err)
			}
		}
		if s.Len() != 1 {
			t.Error(s.Len())
		}
		if err := c.Close(1000, ""); err != nil {
			t.Error(err)
		}
		resp, _ := answerOf(t, addr, upgradeRequest(addr))
		if resp.StatusCode != 101 || resp.Header.Get("X-Path") != "/" || resp.Header.Get("X-Server") != "test" {
			t.Error(resp)
		}
	})
}

func upgradeRequest(addr string, fields ...string) string {
	return "GET / HTTP/1.1\r\nHost: " + addr + "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Key: AAECAwQFBgcICQoLDA0ODw==\r\nSec-WebSocket-Version: 13\r\n" + strings.Join(append(fields, "", ""), "\r\n")
}

// answerOf sends a request and returns the answer with its body.
func answerOf(t *testing.T, addr, request string) (*http.Response, string) {
	t.Helper()
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = nc.Close() }()
	_ = nc.SetDeadline(time.Now().Add(guard))
	if _, err := io.WriteString(nc, request); err != nil {
		t.Fatal(err)
	}
	method, _, _ := strings.Cut(request, " ")
	resp, err := http.ReadResponse(bufio.NewReader(nc), &http.Request{Method: method})
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode == http.StatusSwitchingProtocols {
		return resp, ""
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

// TestServerRefusals: whoever reads a request refuses it alike.
func TestServerRefusals(t *testing.T) {
	requests := []string{
		"GET / HTTP/1.1\r\nHost: %s\r\n\r\n",
		"HEAD / HTTP/1.1\r\nHost: %s\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: %s\r\nContent-Length: 3\r\n\r\nabc",
		"GET / HTTP/1.1\r\n\r\n",
		"GET / HTTP/1.0\r\nHost: %s\r\n\r\n",
		"GET / HTTP/2.0\r\nHost: %s\r\n\r\n",
		"GET  / HTTP/1.1\r\nHost: %s\r\n\r\n",
		"GET / HTTP/1.1\nHost: %s\n\n",
		"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: %s\r\nX: \x01\r\n\r\n",
		"GET /" + strings.Repeat("x", 5000) + " HTTP/1.1\r\nHost: %s\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: %s\r\nX: " + strings.Repeat("x", 5000) + "\r\n\r\n",
		"\x16\x03\x01\x02\x00",
		upgradeRequest("%s", "Origin: http://evil.example"),
		upgradeRequest("%s", "Sec-WebSocket-Protocol: other"),
		upgradeRequest("%s", "Sec-WebSocket-Extensions: ="),
		upgradeRequest("%s", "Content-Length: 5"),
		strings.Replace(upgradeRequest("%s"), "13", "12", 1),
		strings.Replace(upgradeRequest("%s"), "AAEC", "AA", 1),
		strings.Replace(upgradeRequest("%s"), "GET / ", "GET /nothing ", 1),
		strings.Replace(upgradeRequest("%s"), "GET / ", "GET /panic ", 1),
		strings.Replace(upgradeRequest("%s"), "GET / ", "GET /own ", 1),
	}
	answers := [2][]string{}
	for i, loops := range []bool{true, false} {
		o := &websocket.ServerOptions{
			AcceptOptions: websocket.AcceptOptions{Subprotocols: []string{"chat"}, RequireSubprotocol: true},
			HTTP:          http1.Options{Hosts: []string{"127.0.0.1"}, MaxHeaderBytes: 4096},
		}
		_, addr := startServer(t, loops, o, func(w http.ResponseWriter, r *http.Request) websocket.EventHandler {
			switch r.URL.Path {
			case "/panic":
				panic("test")
			case "/own":
				w.Header().Set("X-Own", "yes")
				w.WriteHeader(http.StatusTeapot)
				_, _ = io.WriteString(w, "short and stout")
				return nil
			case "/nothing":
				return nil
			}
			return loopEcho{}
		})
		for _, request := range requests {
			if strings.Contains(request, "/nothing") || strings.Contains(request, "/panic") || strings.Contains(request, "/own") {
				request = strings.Replace(request, "Upgrade: websocket", "Sec-WebSocket-Protocol: chat\r\nUpgrade: websocket", 1)
			}
			resp, body := answerOf(t, addr, strings.Replace(request, "%s", addr, 1))
			for _, name := range []string{"Date"} {
				if resp.Header.Get(name) == "" {
					t.Errorf("%.60q: no %s", request, name)
				}
				resp.Header.Del(name)
			}
			delete(resp.Header, "Content-Length")
			delete(resp.Header, "Connection") // net/http answers HTTP/1.0 as such
			answers[i] = append(answers[i], fmt.Sprintf("%d %v %s", resp.StatusCode, resp.Header, strings.ReplaceAll(body, addr, "ADDR")))
		}
	}
	for i, request := range requests {
		if answers[0][i] != answers[1][i] {
			t.Errorf("%.80q:\n%s\nby net/http:\n%s", request, answers[0][i], answers[1][i])
		}
		if strings.HasPrefix(answers[0][i], "101") || strings.HasPrefix(answers[0][i], "200") {
			t.Errorf("%.80q: %s", request, answers[0][i])
		}
	}
}

// TestServerCuts: however the request is cut, and whatever comes with it, the
// connection opens and loses nothing.
func TestServerCuts(t *testing.T) {
	_, addr := startServer(t, true, nil, echoes)
	request := upgradeRequest(addr)
	all := []byte("\r\n" + request + "\x81\x85\x00\x00\x00\x00early\x81\x84\x00\x00\x00\x00bird")
	want := "\x81\x05early\x81\x04bird"
	for cut := range len(all) {
		nc, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		_ = nc.SetDeadline(time.Now().Add(guard))
		for _, part := range [][]byte{all[:cut], all[cut:]} {
			if _, err := nc.Write(part); err != nil {
				t.Fatal(err)
			}
		}
		br := bufio.NewReader(nc)
		resp, err := http.ReadResponse(br, nil)
		if err != nil || resp.StatusCode != 101 {
			t.Fatal(resp, err)
		}
		got := make([]byte, len(want))
		if _, err := io.ReadFull(br, got); err != nil || string(got) != want {
			t.Fatalf("cut at %d: %q, %v", cut, got, err)
		}
		_ = nc.Close()
	}
}

// TestServerFailsEarly: the response comes before anything else, even if what came
// with the request ends the connection at once.
func TestServerFailsEarly(t *testing.T) {
	_, addr := startServer(t, true, nil, func(http.ResponseWriter, *http.Request) websocket.EventHandler {
		return loopFuncs{open: func(c *websocket.LoopConn) {
			_ = c.Write(websocket.Binary, make([]byte, 100_000))
			panic("test")
		}}
	})
	resp, _ := answerOf(t, addr, upgradeRequest(addr)+"\x83\x80abcd")
	if resp.StatusCode != 101 {
		t.Error(resp)
	}
}

// TestServerBesideHTTP: what opens no WebSocket is answered by net/http, on the
// same connection as before, and after it.
func TestServerBesideHTTP(t *testing.T) {
	eachServer(t, func(t *testing.T, loops bool) {
		mux := http.NewServeMux()
		mux.HandleFunc("POST /echo", func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) })
		mux.Handle("/ws", websocket.Handle(func(ctx context.Context, c *websocket.Conn) {
			for m, err := range c.Messages(ctx) {
				if err != nil || c.Write(ctx, m.Type, m.Data) != nil {
					return
				}
			}
		}, nil))
		o := &websocket.ServerOptions{HTTPServer: &http.Server{Handler: mux}}
		_, addr := startServer(t, loops, o, func(_ http.ResponseWriter, r *http.Request) websocket.EventHandler {
			if r.URL.Path == "/ws" {
				return nil
			}
			return loopEcho{}
		})
		nc, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		_ = nc.SetDeadline(time.Now().Add(guard))
		br := bufio.NewReader(nc)
		for range 2 {
			if _, err := io.WriteString(nc, "POST /echo HTTP/1.1\r\nHost: "+addr+"\r\nContent-Length: 5\r\n\r\nHello"); err != nil {
				t.Fatal(err)
			}
			resp, err := http.ReadResponse(br, nil)
			if err != nil {
				t.Fatal(err)
			}
			if body, err := io.ReadAll(resp.Body); err != nil || string(body) != "Hello" {
				t.Fatal(string(body), err)
			}
		}
		_ = nc.Close()
		if resp, body := answerOf(t, addr, "GET /nowhere HTTP/1.1\r\nHost: "+addr+"\r\n\r\n"); resp.StatusCode != 404 || !strings.Contains(body, "404 page not found") {
			t.Error(resp.StatusCode, body)
		}
		for _, path := range []string{"/", "/ws"} { // of the loop's, and of the mux's
			p := wstest.Connect(t, "ws://"+addr+path)
			p.SendMessage(websocket.Text, []byte(path))
			p.ExpectText(path)
			p.SendClose(1000, "")
			p.ExpectClose(1000)
			p.ExpectEnd()
			p.Close()
		}
	})
}

// TestServerSlowRequest: a header section that trickles in is cut, with 408 if
// anything came of it.
func TestServerSlowRequest(t *testing.T) {
	o := &websocket.ServerOptions{HTTP: http1.Options{HeaderTimeout: 30 * time.Millisecond}}
	_, addr := startServer(t, true, o, echoes)
	resp, body := answerOf(t, addr, upgradeRequest(addr)[:50])
	if resp.StatusCode != http.StatusRequestTimeout || !strings.Contains(body, "did not arrive in time") {
		t.Error(resp.StatusCode, body)
	}
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	_ = nc.SetDeadline(time.Now().Add(guard))
	if b, err := io.ReadAll(nc); err != nil || len(b) > 0 {
		t.Errorf("%q, %v", b, err)
	}
	_ = nc.Close()
}

// TestServerCounts: limits are counted and released, and so is what Admit admits.
func TestServerCounts(t *testing.T) {
	limiter := &websocket.Limiter{Connections: 1}
	var admitted atomic.Int32
	left := make(chan int32, 10)
	o := &websocket.ServerOptions{
		AcceptOptions: websocket.AcceptOptions{Limiter: limiter},
		Admit: func(from netip.AddrPort) (func(), bool) {
			if !from.Addr().IsLoopback() {
				t.Error(from)
			}
			if admitted.Add(1) > 4 {
				return nil, false
			}
			return func() { left <- admitted.Load() }, true
		},
	}
	closed := make(chan *websocket.CloseError, 1)
	_, addr := startServer(t, true, o, func(http.ResponseWriter, *http.Request) websocket.EventHandler { return loopEcho{closed} })
	p := wstest.Connect(t, "ws://"+addr)
	<-left
	if resp, body := answerOf(t, addr, upgradeRequest(addr)); resp.StatusCode != 503 || !strings.Contains(body, "as many connections as it may have") {
		t.Error(resp.StatusCode, body)
	}
	<-left
	p.SendClose(1000, "")
	p.ExpectClose(1000)
	p.ExpectEnd()
	p.Close()
	<-closed
	for limiter.Open() > 0 { // its socket is about to be closed
		runtime.Gosched()
	}
	p = wstest.Connect(t, "ws://"+addr)
	<-left
	p.Close()
}

// TestServerShutdown: those that are opening are refused, the others closed.
func TestServerShutdown(t *testing.T) {
	s, addr := startServer(t, true, nil, echoes)
	p := wstest.Connect(t, "ws://"+addr)
	opening, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = opening.Close() }()
	_ = opening.SetDeadline(time.Now().Add(guard))
	if _, err := io.WriteString(opening, "GET /"); err != nil {
		t.Fatal(err)
	}
	for range 2 { // whatever loop it came to has read it when another has been there and back
		other := wstest.Connect(t, "ws://"+addr)
		other.SendMessage(websocket.Text, nil)
		other.ExpectText("")
		other.Close()
	}
	ended := make(chan error, 1)
	go func() { ended <- s.Shutdown(context.Background()) }()
	p.ExpectClose(websocket.CloseGoingAway)
	p.SendClose(websocket.CloseGoingAway, "")
	p.ExpectEnd()
	p.Close()
	b, err := io.ReadAll(opening)
	if err != nil || !bytes.HasPrefix(b, []byte("HTTP/1.1 503 ")) || !bytes.Contains(b, []byte("The server is shutting down.")) {
		t.Errorf("%q, %v", b, err)
	}
	_ = opening.Close()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if _, err := net.Dial("tcp", addr); err == nil {
		t.Error("it still listens")
	}
}

// TestServerPeerGone: a peer that is gone by the time its connection is handed over
// to net/http still has an address, which many a program asks for.
func TestServerPeerGone(t *testing.T) {
	var nameless atomic.Int64
	look := func(addr string) {
		if _, err := netip.ParseAddrPort(addr); err != nil {
			nameless.Add(1)
		}
	}
	o := &websocket.ServerOptions{HTTPServer: &http.Server{
		ConnState: func(nc net.Conn, _ http.ConnState) { look(nc.RemoteAddr().String()) },
		Handler:   http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { look(r.RemoteAddr) }),
		ErrorLog:  slog.NewLogLogger(slog.DiscardHandler, slog.LevelError),
	}}
	_, addr := startServer(t, true, o, echoes)
	for range 300 {
		nc, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(nc, "GET / HTTP/1.1\r\nHost: "+addr+"\r\n\r\n")
		_ = nc.(*net.TCPConn).SetLinger(0)
		_ = nc.Close()
	}
	answerOf(t, addr, "GET / HTTP/1.1\r\nHost: "+addr+"\r\nConnection: close\r\n\r\n") // it is still there
	if n := nameless.Load(); n > 0 {
		t.Errorf("%d connections without an address", n)
	}
}

// TestServerShutdownAtOnce: that Shutdown comes while Serve begins is no failure.
func TestServerShutdownAtOnce(t *testing.T) {
	eachServer(t, func(t *testing.T, loops bool) {
		for range 100 {
			s, err := websocket.NewServer(echoes, nil)
			if err != nil {
				t.Fatal(err)
			}
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			if !loops {
				l = plainListener{l}
			}
			served := make(chan error, 1)
			go func() { served <- s.Serve(l) }()
			if err := s.Shutdown(t.Context()); err != nil {
				t.Error(err)
			}
			if err := <-served; err != websocket.ErrServerClosed {
				t.Fatal(err)
			}
		}
	})
}
