package websocket_test

import (
	"runtime"
	"testing"

	"github.com/openline/openline/websocket"
	"github.com/openline/openline/websocket/wstest"
)

// TestLoopCloseNowInOnClose: a handler that tidies up does not take the Close
// frame from the peer.
func TestLoopCloseNowInOnClose(t *testing.T) {
	url, _ := loopServer(t, nil, func() websocket.EventHandler {
		return loopFuncs{close: func(c *websocket.LoopConn, _ *websocket.CloseError) { _ = c.CloseNow() }}
	})
	for range 20 {
		p := wstest.Connect(t, url)
		p.Send("83 80 12 34 56 78")
		p.ExpectClose(1002)
		p.ExpectEnd()
		p.Close()
	}
}

// TestLoopNilPrepared: a mistake in a handler ends its connection and holds up no
// other.
func TestLoopNilPrepared(t *testing.T) {
	url, _ := loopServer(t, nil, func() websocket.EventHandler {
		return loopFuncs{message: func(c *websocket.LoopConn, _ websocket.Message) { _ = c.TrySend(nil) }}
	})
	p := wstest.Connect(t, url)
	p.SendMessage(websocket.Text, nil)
	p.ExpectClose(websocket.CloseInternalError)
}

// TestLoopDrainAgain: a handler that fills the queue whenever it is empty lets the
// others have their turn.
func TestLoopDrainAgain(t *testing.T) {
	conns := make(chan *websocket.LoopConn, 1)
	stop, first, deepest := false, 0, 0
	data := make([]byte, 10_000)
	url, loop := loopServer(t, &websocket.AcceptOptions{ConnOptions: websocket.ConnOptions{QueueBytes: 50_000}}, func() websocket.EventHandler {
		return loopTold{
			loopFuncs: loopFuncs{open: func(c *websocket.LoopConn) { conns <- c }},
			drain: func(c *websocket.LoopConn) {
				deepest = max(deepest, runtime.Callers(0, make([]uintptr, 500)))
				if first == 0 {
					first = deepest
				}
				for !stop && c.WriteFragment(websocket.Binary, data, true) == nil {
					continue
				}
			},
		}
	})
	p := wstest.Connect(t, url)
	c := <-conns
	fillLoop(t, func() error { return c.Write(websocket.Binary, data) })
	for range 3000 {
		p.Message()
	}
	ended := make(chan struct{})
	loop.Do(func() {
		stop = true
		if deepest > first {
			t.Errorf("OnDrain is called %d deep, %d at first", deepest, first)
		}
		close(ended)
	})
	go func() {
		for {
			if _, err := p.Next(); err != nil {
				return
			}
		}
	}()
	<-ended
}
