package websocket_test

import (
	"errors"
	"net/http"
	"runtime"
	"testing"

	"github.com/openline/openline/websocket"
	"github.com/openline/openline/websocket/wstest"
)

// exiting is a handler that ends its goroutine in one of its methods.
type exiting struct {
	at     string
	closed chan struct{}
}

func (h *exiting) do(at string) {
	if h.at == at {
		runtime.Goexit()
	}
}

func (h *exiting) OnOpen(c *websocket.LoopConn) {
	_ = c.Ping([]byte("x"))
	h.do("open")
}

func (h *exiting) OnMessage(c *websocket.LoopConn, m websocket.Message) {
	_ = c.Write(m.Type, m.Data)
	h.do("message")
}

func (h *exiting) OnPong(*websocket.LoopConn, []byte) { h.do("pong") }

func (h *exiting) OnClose(*websocket.LoopConn, *websocket.CloseError) {
	h.closed <- struct{}{}
	h.do("close")
}

// TestLoopGoexit: a handler that ends its goroutine ends its connection, and
// nothing else.
func TestLoopGoexit(t *testing.T) {
	eachWay(t, websocket.ConnOptions{}, func(t *testing.T, _ string, loop *websocket.Loop, _ *pauser) {
		other := &exiting{closed: make(chan struct{}, 1)}
		still := wstest.Connect(t, serveLoop(t, loop, nil, func() websocket.EventHandler { return other }))
		still.ExpectPing()
		for _, at := range []string{"open", "message", "pong", "close"} {
			h := &exiting{at: at, closed: make(chan struct{}, 1)}
			p := wstest.Connect(t, serveLoop(t, loop, nil, func() websocket.EventHandler { return h }))
			if at != "open" {
				b := p.AppendFrame(p.AppendFrame(nil, true, 1, []byte("Hello")), true, 10, []byte("x"))
				p.SendBytes(p.AppendFrame(b, true, 8, nil)) // at once: it may end with any of them
			}
			<-h.closed
			for {
				if _, err := p.Next(); err != nil {
					break
				}
			}
			p.Close()
			still.SendMessage(websocket.Text, []byte(at))
			still.ExpectText(at)
		}
		done := make(chan int, 2)
		loop.Do(func() {
			loop.Do(func() { done <- 2 })
			runtime.Goexit()
		})
		loop.Do(func() { done <- 1 })
		if a, b := <-done, <-done; a+b != 3 {
			t.Error(a, b)
		}
		still.Close()
		<-other.closed
		if err := loop.Shutdown(t.Context()); err != nil || loop.Len() != 0 {
			t.Error(err, loop.Len())
		}
	})
}

// TestServerGoexit: so does one that is asked about a request.
func TestServerGoexit(t *testing.T) {
	o := &websocket.ServerOptions{AcceptOptions: websocket.AcceptOptions{Limiter: &websocket.Limiter{Connections: 1}}}
	_, addr := startServer(t, true, o, func(_ http.ResponseWriter, r *http.Request) websocket.EventHandler {
		if r.URL.Path == "/exit" {
			runtime.Goexit()
		}
		return loopEcho{}
	})
	for range 3 {
		if _, err := websocket.Dial(t.Context(), "ws://"+addr+"/exit", nil); err == nil {
			t.Error("it opened")
		}
	}
	p := wstest.Connect(t, "ws://"+addr+"/")
	p.SendMessage(websocket.Text, []byte("Hello"))
	p.ExpectText("Hello")
	p.Close()
}

// TestLoopPingsBounded: Pings wait in the same bounds as messages.
func TestLoopPingsBounded(t *testing.T) {
	for _, goroutines := range []bool{false, true} {
		loop, err := websocket.NewLoop()
		if err != nil {
			t.Fatal(err)
		}
		if goroutines {
			_ = loop.Shutdown(t.Context())
			loop = websocket.NewLoopWithoutPoller()
		}
		conns := make(chan *websocket.LoopConn, 1)
		o := &websocket.AcceptOptions{ConnOptions: websocket.ConnOptions{QueueBytes: 10_000}}
		url := serveLoop(t, loop, o, func() websocket.EventHandler {
			return loopFuncs{open: func(c *websocket.LoopConn) { conns <- c }}
		})
		p := wstest.Connect(t, url)
		c := <-conns
		sent := 0
		for {
			err := c.Ping(make([]byte, 125))
			if errors.Is(err, websocket.ErrQueueFull) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			sent++
		}
		for range sent {
			p.ExpectPing()
		}
	}
}
