package websocket_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/openline/openline/websocket"
	"github.com/openline/openline/websocket/wstest"
)

// guard bounds the waits of tests, so that one which would hang fails.
const guard = 30 * time.Second

// ends are the two sides that a requirement on both is tried with.
var ends = []bool{false, true} // is the client under test?

func endName(client bool) string {
	if client {
		return "client"
	}
	return "server"
}

// app is what runs on the end under test.
type app func(ctx context.Context, e *endpoint)

// endpoint is our end of a connection, with a raw peer at the other.
type endpoint struct {
	*wstest.Peer
	conn     *websocket.Conn
	messages []websocket.Message // what the application got; to be read when done is closed
	err      error               // how its loop ended; likewise
	done     chan struct{}       // closed when the application is
}

// echoing notes each message and sends it back.
func echoing(ctx context.Context, e *endpoint) {
	for {
		typ, msg, err := e.conn.Read(ctx)
		if err != nil {
			e.err = err
			return
		}
		e.messages = append(e.messages, websocket.Message{Type: typ, Data: msg})
		if err := e.conn.Write(ctx, typ, msg); err != nil {
			e.err = err
			return
		}
	}
}

// sink reads and sends nothing back.
func sink(ctx context.Context, e *endpoint) {
	for {
		if _, _, err := e.conn.Read(ctx); err != nil {
			e.err = err
			return
		}
	}
}

// bench makes endpoints that run an application under the same options.
type bench struct {
	t        *testing.T
	run      app
	options  websocket.ConnOptions
	listener *wstest.Listener
	server   *httptest.Server
	handler  *websocket.Handler
	accepted chan *endpoint
	// extension is what the peer offers or answers where options has Compression.
	extension string
}

func newBench(t *testing.T, run app, o websocket.ConnOptions) *bench {
	t.Helper()
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	b := &bench{t: t, run: run, options: o, listener: wstest.Listen(t), accepted: make(chan *endpoint), extension: "permessage-deflate"}
	b.handler = websocket.Handle(func(ctx context.Context, c *websocket.Conn) {
		e := &endpoint{conn: c, done: make(chan struct{})}
		b.accepted <- e
		defer close(e.done)
		run(ctx, e)
	}, &websocket.AcceptOptions{ConnOptions: o})
	b.server = httptest.NewUnstartedServer(b.handler)
	b.server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
	b.server.Start()
	t.Cleanup(func() {
		b.server.Close()
		ctx, cancel := context.WithTimeout(context.Background(), guard)
		defer cancel()
		if err := b.handler.Shutdown(ctx); err != nil {
			t.Errorf("server does not shut down: %v", err)
		}
	})
	return b
}

// open opens one more connection; with client set, our end is the client.
func (b *bench) open(client bool) *endpoint {
	b.t.Helper()
	extension := []string{}
	if b.options.Compression != nil {
		extension = append(extension, "Sec-WebSocket-Extensions: "+b.extension)
	}
	if !client {
		p := wstest.Connect(b.t, b.server.URL, extension...)
		e := <-b.accepted
		e.Peer = p
		return e
	}
	e := &endpoint{done: make(chan struct{})}
	e.Peer, e.conn = b.listener.Dial(&websocket.DialOptions{ConnOptions: b.options}, extension...)
	go e.runClient(b.run)
	return e
}

// runClient runs the application with a context that ends with the connection,
// as a server's handler has it.
func (e *endpoint) runClient(run app) {
	defer close(e.done)
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		<-e.conn.Done()
		cancel()
	}()
	run(ctx, e)
}

// result waits for the application's end and returns what it got.
func (e *endpoint) result(t *testing.T) ([]websocket.Message, *websocket.CloseError) {
	t.Helper()
	waitFor(t, "the application's end", e.done)
	c, ok := errors.AsType[*websocket.CloseError](e.err)
	if !ok {
		t.Fatalf("the application ended with %v, not a CloseError", e.err)
	}
	if c != e.conn.Err() {
		t.Fatalf("the application ended with %v, the connection with %v", c, e.conn.Err())
	}
	return e.messages, c
}

// expectErr waits for the application's end, which has to be this one.
func (e *endpoint) expectErr(t *testing.T, code websocket.CloseCode, remote bool) *websocket.CloseError {
	t.Helper()
	_, err := e.result(t)
	if err.Code != code || err.Remote != remote {
		t.Fatalf("the application sees %v, want %s, remote %v", err, code, remote)
	}
	return err
}

// bye closes the connection from the peer's side and checks that nothing else
// was to come.
func (e *endpoint) bye(t *testing.T, client bool) {
	t.Helper()
	e.SendClose(websocket.CloseNormal, "")
	e.ExpectClose(websocket.CloseNormal)
	if client {
		e.CloseWrite()
	}
	e.ExpectEnd()
	e.Close()
	e.expectErr(t, websocket.CloseNormal, true)
}

func waitFor(t *testing.T, what string, done <-chan struct{}) {
	t.Helper()
	timer := time.NewTimer(guard)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
		t.Fatalf("waited in vain for %s", what)
	}
}

// scripts registers the test of a requirement that is scripts: each is played
// to the end that it is for, in one write, octet by octet, and, if it fails, with
// no more octets than are needed for that.
func scripts(id, file string) {
	requirement(id, func(t *testing.T) {
		t.Parallel()
		playScripts(t, file)
	})
}

func playScripts(t *testing.T, file string) {
	t.Helper()
	type settings struct {
		limit   int64
		deflate bool
		ratio   int
	}
	benches := map[settings]*bench{}
	for _, s := range wstest.ReadScripts(t, filepath.Join("internal", "proto", "testdata", file+".txt")) {
		key := settings{s.ReadLimit, s.Deflate, s.MaxRatio}
		b := benches[key]
		if b == nil {
			o := websocket.ConnOptions{ReadLimit: s.ReadLimit}
			if s.Deflate {
				o.Compression = wholeWindow()
				o.Compression.MaxRatio = s.MaxRatio
			}
			b = newBench(t, echoing, o)
			benches[key] = b
		}
		variants := []wstest.Script{s}
		if short, ok := s.Shortest(); ok {
			variants = append(variants, short)
		}
		for _, v := range variants {
			playScript(t, b, &v, 0)
			if len(v.Input()) < 2048 {
				playScript(t, b, &v, 1)
			}
		}
	}
}

// wholeWindow are settings with which a plain offer gets a plain answer.
func wholeWindow() *websocket.Compression {
	return &websocket.Compression{WindowBits: -1, PeerWindowBits: -1, Threshold: -1}
}

// playScript plays one script on a connection of its own and checks what the
// application saw against it.
func playScript(t *testing.T, b *bench, s *wstest.Script, cut int) {
	t.Helper()
	e := b.open(s.Client)
	e.Play(s, cut)
	var want []websocket.Message
	for _, step := range s.Steps {
		if step.Verb == "message" {
			want = append(want, websocket.Message{Type: step.Type, Data: step.Data})
		}
	}
	last := s.Steps[len(s.Steps)-1]
	switch last.Verb {
	case "close":
		if err := e.expectErr(t, last.Code, true); err.Reason != string(last.Data) || err.Err != nil {
			t.Fatalf("%s: the application sees %v, want the reason %q", s.Name, err, last.Data)
		}
	case "fail":
		if err := e.expectErr(t, last.Code, false); err.Err == nil {
			t.Fatalf("%s: the application sees no cause: %v", s.Name, err)
		}
	case "lost":
		e.expectErr(t, websocket.CloseAbnormal, true)
	default:
		e.bye(t, s.Client)
	}
	e.Close()
	if got, _ := e.result(t); !slices.EqualFunc(got, want, sameMessage) {
		t.Fatalf("%s: the application got %v, want %v", s.Name, got, want)
	}
}

func sameMessage(a, b websocket.Message) bool { return a.Type == b.Type && bytes.Equal(a.Data, b.Data) }

// slowListener hands out connections whose Read gives at most size octets.
type slowListener struct {
	net.Listener
	size int
}

func (l slowListener) Accept() (net.Conn, error) {
	nc, err := l.Listener.Accept()
	return pieceConn{nc, l.size}, err
}

// pieceConn is a connection that is read in pieces of at most size octets. What
// is no *net.TCPConn also takes the portable way through the library.
type pieceConn struct {
	net.Conn
	size int
}

func (c pieceConn) Read(p []byte) (int, error) { return c.Conn.Read(p[:min(c.size, len(p))]) }

func (c pieceConn) CloseWrite() error { return c.Conn.(*net.TCPConn).CloseWrite() }

// openInPieces opens a connection whose end under test reads in such pieces.
func openInPieces(t *testing.T, run app, client bool, size int, o websocket.ConnOptions) *endpoint {
	t.Helper()
	o.Logger = slog.New(slog.DiscardHandler)
	e := &endpoint{done: make(chan struct{})}
	if client {
		dial := &websocket.DialOptions{ConnOptions: o, NetDial: func(ctx context.Context, network, address string) (net.Conn, error) {
			nc, err := new(net.Dialer).DialContext(ctx, network, address)
			return pieceConn{nc, size}, err
		}}
		e.Peer, e.conn = wstest.Listen(t).Dial(dial)
		go e.runClient(run)
		return e
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	accepted := make(chan struct{})
	srv := &http.Server{ReadHeaderTimeout: guard, Handler: websocket.Handle(func(ctx context.Context, c *websocket.Conn) {
		e.conn = c
		close(accepted)
		defer close(e.done)
		run(ctx, e)
	}, &websocket.AcceptOptions{ConnOptions: o})}
	go func() { _ = srv.Serve(slowListener{l, size}) }()
	t.Cleanup(func() { _ = srv.Close() })
	e.Peer = wstest.Connect(t, fmt.Sprintf("ws://%s/", l.Addr()))
	waitFor(t, "the server's end", accepted)
	return e
}
