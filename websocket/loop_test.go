package websocket_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

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
	return "ws" + strings.TrimPrefix(s.URL, "http"), loop
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

// loopEnds returns a handler that tells how its connections end.
func loopEnds(message func(*websocket.LoopConn, websocket.Message)) (func() websocket.EventHandler, chan *websocket.CloseError) {
	closed := make(chan *websocket.CloseError, 100)
	f := loopFuncs{message: message, close: func(_ *websocket.LoopConn, e *websocket.CloseError) { closed <- e }}
	return func() websocket.EventHandler { return f }, closed
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

// TestLoopEnds: whichever way a connection ends, the handler is told once, and
// nothing is left.
func TestLoopEnds(t *testing.T) {
	for _, test := range []struct {
		name string
		end  func(*wstest.Peer)
		code websocket.CloseCode
	}{
		{"half-close", func(p *wstest.Peer) { p.CloseWrite(); p.ExpectGone() }, websocket.CloseAbnormal},
		{"half-close inside a frame", func(p *wstest.Peer) { p.Send("81 85 12"); p.CloseWrite(); p.ExpectGone() }, websocket.CloseAbnormal},
		{"reset", func(p *wstest.Peer) { p.Reset() }, websocket.CloseAbnormal},
		{"close", func(p *wstest.Peer) { p.SendClose(1001, ""); p.ExpectClose(1001); p.ExpectEnd() }, 1001},
		{"close and half-close", func(p *wstest.Peer) { p.SendClose(1000, ""); p.CloseWrite(); p.ExpectClose(1000); p.ExpectEnd() }, 1000},
		{"violation", func(p *wstest.Peer) { p.Send("83 80 12 34 56 78"); p.ExpectClose(1002); p.ExpectEnd() }, 1002},
		{"bad text", func(p *wstest.Peer) { p.Send("81 81 00 00 00 00 ff"); p.ExpectClose(1007); p.ExpectEnd() }, 1007},
		{"too big", func(p *wstest.Peer) {
			p.Send("82 ff 00 00 00 00 00 10 00 01 12 34 56 78")
			p.ExpectClose(1009)
			p.ExpectEnd()
		}, 1009},
	} {
		t.Run(test.name, func(t *testing.T) {
			h, closed := loopEnds(nil)
			url, loop := loopServer(t, nil, h)
			p := wstest.Connect(t, url)
			p.SendPing("there")
			p.ExpectPong("there")
			test.end(p)
			if e := <-closed; e.Code != test.code {
				t.Error(e)
			}
			p.Close()
			if err := loop.Shutdown(t.Context()); err != nil {
				t.Error(err)
			}
			if n := loop.Len(); n != 0 {
				t.Errorf("%d connections are left", n)
			}
			select {
			case e := <-closed:
				t.Errorf("a second end: %v", e)
			default:
			}
		})
	}
}

// TestLoopHandlerEnds: what a handler does to its own connection holds at once:
// no further message, and the peer is told.
func TestLoopHandlerEnds(t *testing.T) {
	for _, test := range []struct {
		name string
		end  func(*websocket.LoopConn)
		code websocket.CloseCode // 1006: none comes
	}{
		{"Close", func(c *websocket.LoopConn) { _ = c.Close(4000, "enough") }, 4000},
		{"CloseNow", func(c *websocket.LoopConn) { _ = c.CloseNow() }, websocket.CloseAbnormal},
		{"panic", func(*websocket.LoopConn) { panic("test") }, websocket.CloseInternalError},
	} {
		t.Run(test.name, func(t *testing.T) {
			h, closed := loopEnds(func(c *websocket.LoopConn, m websocket.Message) {
				_ = c.Write(m.Type, m.Data)
				test.end(c)
			})
			url, _ := loopServer(t, nil, h)
			p := wstest.Connect(t, url)
			p.Send("81 81 12 34 56 78 73 81 81 12 34 56 78 70") // "a" and "b", in one write
			if test.code == websocket.CloseAbnormal {
				for {
					if _, err := p.Next(); err != nil {
						break
					}
				}
			} else {
				p.ExpectText("a")
				p.ExpectClose(test.code)
				p.SendClose(test.code, "")
				p.ExpectEnd()
			}
			if e := <-closed; e.Code != test.code {
				t.Error(e)
			}
		})
	}
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

// TestLoopWrites: messages of many goroutines arrive whole, each goroutine's in
// its order, and prepared ones among them.
func TestLoopWrites(t *testing.T) {
	conns := make(chan *websocket.LoopConn, 1)
	o := &websocket.AcceptOptions{ConnOptions: websocket.ConnOptions{QueueMessages: -1, QueueBytes: -1}}
	url, _ := loopServer(t, o, func() websocket.EventHandler {
		return loopFuncs{open: func(c *websocket.LoopConn) { conns <- c }}
	})
	p := wstest.Connect(t, url)
	c := <-conns
	const writers, each = 8, 100
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				data := bytes.Repeat([]byte{byte(w), byte(i)}, 1+(w*each+i)*13%20_000)
				var err error
				if i%3 == 0 {
					var m *websocket.Prepared
					if m, err = websocket.Prepare(websocket.Binary, data); err == nil {
						err = c.TrySend(m)
					}
				} else {
					err = c.Write(websocket.Binary, data)
				}
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	next := [writers]int{}
	for range writers * each {
		_, data := p.Message()
		w, i := int(data[0]), int(data[1])
		if next[w] != i || !bytes.Equal(data, bytes.Repeat(data[:2], len(data)/2)) {
			t.Fatalf("writer %d: message %d of %d octets, want number %d", w, i, len(data), next[w])
		}
		next[w]++
	}
	wg.Wait()
}

// TestLoopSlowPeer: a peer that reads nothing fills its own queue and no more; it
// learns why it is closed when it reads again, and others are not held up.
func TestLoopSlowPeer(t *testing.T) {
	conns := make(chan *websocket.LoopConn, 2)
	h, closed := loopEnds(nil)
	url, _ := loopServer(t, nil, func() websocket.EventHandler {
		f := h().(loopFuncs)
		f.open = func(c *websocket.LoopConn) { conns <- c }
		f.message = func(c *websocket.LoopConn, m websocket.Message) { _ = c.Write(m.Type, m.Data) }
		return f
	})
	slow := wstest.Connect(t, url)
	c := <-conns
	m := prepare(t, strings.Repeat("x", 60_000))
	for {
		err := c.TrySend(m)
		if errors.Is(err, websocket.ErrQueueFull) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	other := wstest.Connect(t, url)
	other.SendMessage(websocket.Text, []byte("still here"))
	other.ExpectText("still here")
	if err := c.Close(4008, "slow consumer"); err != nil {
		t.Fatal(err)
	}
	for {
		f := slow.Frame()
		if f.Opcode == 8 {
			break
		}
	}
	slow.SendClose(4008, "")
	slow.ExpectEnd()
	if e := <-closed; e.Code != 4008 || e.Remote {
		t.Error(e)
	}
}

// TestLoopEchoesToASlowReader: an echo whose client writes much before it reads
// anything loses nothing: it is read no faster than it reads.
func TestLoopEchoesToASlowReader(t *testing.T) {
	url, _ := loopServer(t, nil, func() websocket.EventHandler { return loopEcho{} })
	p := wstest.Connect(t, url)
	const messages, size = 4000, 10_000 // 40 MB: more than all buffers between
	data := bytes.Repeat([]byte("y"), size)
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		one := p.AppendFrame(nil, true, 2, data)
		for range messages {
			if _, err := p.NetConn().Write(one); err != nil {
				t.Error(err)
				return
			}
		}
	}()
	for range messages {
		p.ExpectMessage(websocket.Binary, data)
	}
	<-sent
}

// TestLoopPipelined: answers to what came together leave together, in order.
func TestLoopPipelined(t *testing.T) {
	url, _ := loopServer(t, nil, func() websocket.EventHandler { return loopEcho{} })
	p := wstest.Connect(t, url)
	var all []byte
	for i := range 2000 {
		all = p.AppendFrame(all, true, 1, fmt.Append(nil, i))
	}
	go p.CutBytes(100_000, all)
	for i := range 2000 {
		p.ExpectText(fmt.Sprint(i))
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

// TestLoopTimes: silence is asked after, a stalled frame and a Close without an
// answer are given up.
func TestLoopTimes(t *testing.T) {
	h, closed := loopEnds(nil)
	short := 50 * time.Millisecond
	t.Run("keep-alive", func(t *testing.T) {
		url, _ := loopServer(t, &websocket.AcceptOptions{ConnOptions: websocket.ConnOptions{PingInterval: short, PongTimeout: short}}, h)
		p := wstest.Connect(t, url)
		p.ExpectPing() // and no answer
		p.ExpectGone()
		if e := <-closed; e.Code != websocket.CloseAbnormal || e.Err == nil {
			t.Error(e)
		}
	})
	t.Run("stall", func(t *testing.T) {
		url, _ := loopServer(t, &websocket.AcceptOptions{ConnOptions: websocket.ConnOptions{StallTimeout: short}}, h)
		p := wstest.Connect(t, url)
		p.Send("81 85 12")
		p.ExpectClose(websocket.ClosePolicyViolation)
		if e := <-closed; e.Code != websocket.ClosePolicyViolation {
			t.Error(e)
		}
	})
	t.Run("close", func(t *testing.T) {
		url, _ := loopServer(t, &websocket.AcceptOptions{ConnOptions: websocket.ConnOptions{CloseTimeout: short}}, func() websocket.EventHandler {
			f := h().(loopFuncs)
			f.open = func(c *websocket.LoopConn) { _ = c.Close(1000, "") }
			return f
		})
		p := wstest.Connect(t, url)
		p.ExpectClose(1000)
		p.ExpectGone()
		if e := <-closed; e.Code != websocket.CloseAbnormal || e.Remote {
			t.Error(e)
		}
	})
}

// TestLoopShutdown: all are told that the server goes, and who does not listen is
// cut off.
func TestLoopShutdown(t *testing.T) {
	h, closed := loopEnds(nil)
	url, loop := loopServer(t, nil, h)
	var peers []*wstest.Peer
	for range 20 {
		p := wstest.Connect(t, url)
		p.SendPing("x")
		p.ExpectPong("x")
		peers = append(peers, p)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- loop.Shutdown(ctx) }()
	for _, p := range peers[1:] {
		p.ExpectClose(websocket.CloseGoingAway)
		p.SendClose(websocket.CloseGoingAway, "")
		p.ExpectEnd()
		p.Close()
	}
	cancel() // the first one does not answer
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if n := loop.Len(); n != 0 {
		t.Errorf("%d are left", n)
	}
	for range peers {
		<-closed
	}
	if loop.Do(func() {}) {
		t.Error("a loop that has ended takes a task")
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

// TestLoopCompression: messages are compressed both ways, and prepared ones once.
func TestLoopCompression(t *testing.T) {
	o := &websocket.AcceptOptions{ConnOptions: websocket.ConnOptions{Compression: &websocket.Compression{Threshold: -1}}}
	conns := make(chan *websocket.LoopConn, 1)
	url, _ := loopServer(t, o, func() websocket.EventHandler {
		return loopFuncs{
			open:    func(c *websocket.LoopConn) { conns <- c },
			message: func(c *websocket.LoopConn, m websocket.Message) { _ = c.Write(m.Type, m.Data) },
		}
	})
	c, err := websocket.Dial(t.Context(), url, &websocket.DialOptions{ConnOptions: websocket.ConnOptions{Compression: &websocket.Compression{Threshold: -1}}})
	if err != nil {
		t.Fatal(err)
	}
	there := <-conns
	for i := range 50 {
		text := strings.Repeat(fmt.Sprintf("message %d ", i%5), 20)
		if i%7 == 0 {
			if err := there.TrySend(prepare(t, text)); err != nil {
				t.Fatal(err)
			}
		} else if err := c.Write(t.Context(), websocket.Text, []byte(text)); err != nil {
			t.Fatal(err)
		}
		if _, got, err := c.Read(t.Context()); err != nil || string(got) != text {
			t.Fatalf("%q, %v", got, err)
		}
	}
	if err := c.Close(1000, ""); err != nil {
		t.Error(err)
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

// TestLoopDrain: who found the queue full hears when it is empty.
func TestLoopDrain(t *testing.T) {
	conns, drained := make(chan *websocket.LoopConn, 1), make(chan struct{}, 1)
	url, _ := loopServer(t, nil, func() websocket.EventHandler {
		return loopTold{
			loopFuncs: loopFuncs{open: func(c *websocket.LoopConn) { conns <- c }},
			drain:     func(*websocket.LoopConn) { drained <- struct{}{} },
		}
	})
	p := wstest.Connect(t, url)
	c := <-conns
	sent := 0
	data := make([]byte, 10_000)
	for ; ; sent++ {
		if err := c.Write(websocket.Binary, data); errors.Is(err, websocket.ErrQueueFull) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	for range sent {
		p.ExpectMessage(websocket.Binary, data)
	}
	<-drained
	if err := c.Write(websocket.Text, []byte("goes on")); err != nil {
		t.Error(err)
	}
	p.ExpectText("goes on")
}

// TestLoopFragments: a message can be sent in parts; nothing comes between them
// but control frames, and text is checked across them.
func TestLoopFragments(t *testing.T) {
	conns := make(chan *websocket.LoopConn, 1)
	url, _ := loopServer(t, nil, func() websocket.EventHandler {
		return loopFuncs{open: func(c *websocket.LoopConn) { conns <- c }}
	})
	p := wstest.Connect(t, url)
	c := <-conns
	for _, part := range []string{"Z\xc3", "\x9f\xe6\xb0", "\xb4"} {
		if err := c.WriteFragment(websocket.Text, []byte(part), false); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Write(websocket.Text, []byte("no")); err == nil {
		t.Error("a message was taken inside another")
	}
	if err := c.TrySend(prepare(t, "no")); err == nil {
		t.Error("a prepared message was taken inside another")
	}
	if err := c.WriteFragment(websocket.Text, []byte("\xff"), true); err == nil {
		t.Error("text that is not UTF-8 was taken")
	}
	if err := c.WriteFragment(websocket.Text, []byte("!"), true); err != nil {
		t.Fatal(err)
	}
	p.ExpectText("Zß水!")
}

// TestLoopAllocations: a message that is echoed costs no memory that has to be
// collected, and a connection that is idle costs little.
func TestLoopAllocations(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector allocates, too")
	}
	if n := websocket.LoopConnSize; n > 208 {
		t.Errorf("an idle connection takes %d bytes", n)
	}
	url, _ := loopServer(t, nil, func() websocket.EventHandler { return loopEcho{} })
	p := wstest.Connect(t, url)
	nc := p.NetConn()
	_ = nc.SetDeadline(time.Now().Add(guard))
	frame := p.AppendFrame(nil, true, 2, make([]byte, 64))
	got := make([]byte, 2+64)
	echo := func() {
		if _, err := nc.Write(frame); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(nc, got); err != nil {
			t.Fatal(err)
		}
	}
	echo()
	if n := testing.AllocsPerRun(1000, echo); n > 0 {
		t.Errorf("%v allocations a message", n)
	}
}
