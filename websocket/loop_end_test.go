package websocket_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/openline/openline/websocket"
	"github.com/openline/openline/websocket/wstest"
)

// loopEnds returns a handler that tells how its connections end.
func loopEnds(message func(*websocket.LoopConn, websocket.Message)) (func() websocket.EventHandler, chan *websocket.CloseError) {
	closed := make(chan *websocket.CloseError, 100)
	f := loopFuncs{message: message, close: func(_ *websocket.LoopConn, e *websocket.CloseError) { closed <- e }}
	return func() websocket.EventHandler { return f }, closed
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
