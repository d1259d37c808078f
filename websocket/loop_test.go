package websocket_test

import (
	"bufio"
	"bytes"
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/openline/openline/websocket"
	"github.com/openline/openline/websocket/wstest"
)

// loopEcho sends everything back.
type loopEcho struct{ closed chan *websocket.CloseError }

func (loopEcho) OnOpen(*websocket.LoopConn) {}

func (loopEcho) OnMessage(c *websocket.LoopConn, m websocket.Message) {
	if err := c.Write(m.Type, m.Data); err != nil {
		panic(err)
	}
}

func (h loopEcho) OnClose(_ *websocket.LoopConn, err *websocket.CloseError) {
	if h.closed != nil {
		h.closed <- err
	}
}

// loopServer serves handlers on a loop.
func loopServer(t *testing.T, o *websocket.AcceptOptions, h func() websocket.EventHandler) (url string, loop *websocket.Loop) {
	t.Helper()
	loop, err := websocket.NewLoop()
	if err != nil {
		t.Fatal(err)
	}
	return serveLoop(t, loop, o, h), loop
}

// serveLoop has loop serve handlers.
func serveLoop(t *testing.T, loop *websocket.Loop, o *websocket.AcceptOptions, h func() websocket.EventHandler) (url string) {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, o)
		if err != nil {
			return
		}
		if _, err := loop.Attach(c, h()); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(func() {
		s.Close()
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = loop.Shutdown(ctx)
	})
	return "ws" + strings.TrimPrefix(s.URL, "http")
}

func TestLoopEcho(t *testing.T) {
	closed := make(chan *websocket.CloseError, 1)
	url, _ := loopServer(t, nil, func() websocket.EventHandler { return loopEcho{closed} })
	p := wstest.Connect(t, url)
	p.SendMessage(websocket.Text, []byte("Hello"))
	p.ExpectText("Hello")
	p.SendPing("x")
	p.ExpectPong("x")
	for _, n := range []int{0, 125, 126, 65535, 65536, 70_000, 1 << 20} {
		data := bytes.Repeat([]byte("a"), n)
		p.SendMessage(websocket.Binary, data)
		p.ExpectMessage(websocket.Binary, data)
	}
	p.SendClose(1000, "bye")
	p.ExpectClose(1000)
	p.ExpectEnd()
	if e := <-closed; e.Code != 1000 || e.Reason != "bye" || !e.Remote {
		t.Fatal(e)
	}
}

// loopFuncs is a handler of functions, any of which may be nil.
type loopFuncs struct {
	open    func(*websocket.LoopConn)
	message func(*websocket.LoopConn, websocket.Message)
	close   func(*websocket.LoopConn, *websocket.CloseError)
}

func (f loopFuncs) OnOpen(c *websocket.LoopConn) {
	if f.open != nil {
		f.open(c)
	}
}

func (f loopFuncs) OnMessage(c *websocket.LoopConn, m websocket.Message) {
	if f.message != nil {
		f.message(c, m)
	}
}

func (f loopFuncs) OnClose(c *websocket.LoopConn, e *websocket.CloseError) {
	if f.close != nil {
		f.close(c, e)
	}
}

// TestLoopEarlyFrames: what arrives behind the handshake, in the same segment, is
// not lost.
func TestLoopEarlyFrames(t *testing.T) {
	url, _ := loopServer(t, nil, func() websocket.EventHandler { return loopEcho{} })
	nc, err := net.Dial("tcp", strings.TrimPrefix(url, "ws://"))
	if err != nil {
		t.Fatal(err)
	}
	request := "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: AAECAwQFBgcICQoLDA0ODw==\r\nSec-WebSocket-Version: 13\r\n\r\n"
	// A message and the half of another.
	if _, err := nc.Write([]byte(request + "\x81\x82\x12\x34\x56\x78\x5a\x5d\x81\x82\x12\x34")); err != nil {
		t.Fatal(err)
	}
	br := bufio.NewReader(nc)
	if _, err := http.ReadResponse(br, nil); err != nil {
		t.Fatal(err)
	}
	p := wstest.NewPeer(t, bufferedConn{nc, br}, true)
	p.ExpectText("Hi")
	p.Send("56 78 5a 5d")
	p.ExpectText("Hi")
}

// TestLoopLogger: what is said of a handler that crashed goes where the
// connection's options have it go.
func TestLoopLogger(t *testing.T) {
	var said bytes.Buffer
	o := &websocket.AcceptOptions{ConnOptions: websocket.ConnOptions{Logger: slog.New(slog.NewTextHandler(&said, nil))}}
	h, closed := loopEnds(func(*websocket.LoopConn, websocket.Message) { panic("test") })
	url, _ := loopServer(t, o, h)
	p := wstest.Connect(t, url)
	p.Send("81 81 12 34 56 78 73")
	p.ExpectClose(websocket.CloseInternalError)
	p.SendClose(websocket.CloseInternalError, "")
	p.ExpectEnd()
	<-closed
	if !strings.Contains(said.String(), "handler panicked") {
		t.Errorf("the connection's logger was told %q", said.String())
	}
}

// TestLoopCuts: however the input is cut, the same comes back.
func TestLoopCuts(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("internal", "proto", "testdata", "*.txt"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		for _, s := range wstest.ReadScripts(t, file) {
			if s.Client || s.Deflate {
				continue
			}
			url, _ := loopServer(t, &websocket.AcceptOptions{ConnOptions: websocket.ConnOptions{ReadLimit: s.ReadLimit}},
				func() websocket.EventHandler { return loopEcho{} })
			for _, cut := range []int{0, 1, 7} {
				if len(s.Input()) > 100_000 && cut > 0 {
					continue
				}
				p := wstest.Connect(t, url)
				p.Play(&s, cut)
				p.Close()
			}
		}
	}
}

// TestLoopDo: tasks run between the handlers' methods, in their order, and a panic
// in one does no harm.
func TestLoopDo(t *testing.T) {
	_, loop := loopServer(t, nil, func() websocket.EventHandler { return loopEcho{} })
	var order []int
	done := make(chan struct{})
	for i := range 100 {
		loop.Do(func() { order = append(order, i) })
	}
	loop.Do(func() { panic("test") })
	loop.Do(func() { close(done) })
	<-done
	for i, n := range order {
		if i != n {
			t.Fatalf("task %d ran as number %d", n, i)
		}
	}
}

// TestLoopOverTLS: a connection that no loop can drive has the same handler.
func TestLoopOverTLS(t *testing.T) {
	loop, err := websocket.NewLoop()
	if err != nil {
		t.Fatal(err)
	}
	closed := make(chan *websocket.CloseError, 1)
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c, err := websocket.Accept(w, r, nil); err == nil {
			if _, err := loop.Attach(c, loopEcho{closed}); err != nil {
				t.Error(err)
			}
		}
	}))
	defer s.Close()
	c, err := websocket.Dial(t.Context(), "wss"+strings.TrimPrefix(s.URL, "https"), &websocket.DialOptions{TLSConfig: s.Client().Transport.(*http.Transport).TLSClientConfig})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Write(t.Context(), websocket.Text, []byte("Hello")); err != nil {
		t.Fatal(err)
	}
	if _, got, err := c.Read(t.Context()); err != nil || string(got) != "Hello" {
		t.Fatalf("%q, %v", got, err)
	}
	if err := c.Close(1000, ""); err != nil {
		t.Error(err)
	}
	if e := <-closed; e.Code != 1000 {
		t.Error(e)
	}
	if err := loop.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestLoopClient: the dialling end can be a loop's too; it masks.
func TestLoopClient(t *testing.T) {
	loop, err := websocket.NewLoop()
	if err != nil {
		t.Fatal(err)
	}
	p, c := wstest.Listen(t).Dial(nil)
	heard := make(chan string, 10)
	lc, err := loop.Attach(c, loopFuncs{message: func(c *websocket.LoopConn, m websocket.Message) {
		heard <- string(m.Data)
		_ = c.Write(m.Type, m.Data)
	}})
	if err != nil {
		t.Fatal(err)
	}
	p.SendMessage(websocket.Text, []byte("Hi"))
	p.ExpectText("Hi")
	if got := <-heard; got != "Hi" {
		t.Error(got)
	}
	if err := lc.TrySend(prepare(t, "prepared")); err != nil {
		t.Error(err)
	}
	p.ExpectText("prepared")
	big := bytes.Repeat([]byte("z"), 100_000)
	if err := lc.Write(websocket.Binary, big); err != nil {
		t.Error(err)
	}
	p.ExpectMessage(websocket.Binary, big)
	done := make(chan error, 1)
	go func() { done <- loop.Shutdown(t.Context()) }()
	p.ExpectClose(websocket.CloseGoingAway)
	p.SendClose(websocket.CloseGoingAway, "")
	p.CloseWrite()
	p.ExpectEnd()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// loopTold is a handler that hears everything there is.
type loopTold struct {
	loopFuncs
	pong  func(*websocket.LoopConn, []byte)
	drain func(*websocket.LoopConn)
}

func (h loopTold) OnPong(c *websocket.LoopConn, payload []byte) { h.pong(c, payload) }

func (h loopTold) OnDrain(c *websocket.LoopConn) { h.drain(c) }

// TestLoopPing: a handler hears of the Pong that answers its Ping.
func TestLoopPing(t *testing.T) {
	heard := make(chan string, 1)
	url, _ := loopServer(t, nil, func() websocket.EventHandler {
		return loopTold{
			loopFuncs: loopFuncs{open: func(c *websocket.LoopConn) {
				if err := c.Ping([]byte("well?")); err != nil {
					t.Error(err)
				}
				if err := c.Ping(make([]byte, 126)); err == nil {
					t.Error("a Ping of 126 octets was taken")
				}
			}},
			pong: func(_ *websocket.LoopConn, payload []byte) { heard <- string(payload) },
		}
	})
	p := wstest.Connect(t, url)
	if got := p.ExpectPing(); string(got) != "well?" {
		t.Errorf("%q", got)
	}
	p.SendFrame(true, 10, []byte("well?"))
	if got := <-heard; got != "well?" {
		t.Errorf("%q", got)
	}
}
