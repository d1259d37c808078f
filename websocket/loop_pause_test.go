package websocket_test

import (
	"context"
	"testing"
	"time"

	"github.com/openline/openline/websocket"
	"github.com/openline/openline/websocket/wstest"
)

// pauser is a handler that pauses its connection at each message.
type pauser struct {
	opened chan *websocket.LoopConn
	got    chan string
	closed chan *websocket.CloseError
}

func (h *pauser) OnOpen(c *websocket.LoopConn) { h.opened <- c }

func (h *pauser) OnMessage(c *websocket.LoopConn, m websocket.Message) {
	c.Pause()
	c.Pause()
	h.got <- string(m.Data)
}

func (h *pauser) OnClose(_ *websocket.LoopConn, e *websocket.CloseError) { h.closed <- e }

// eachWay runs a test with a loop, and with goroutines in its place.
func eachWay(t *testing.T, o websocket.ConnOptions, test func(t *testing.T, url string, loop *websocket.Loop, h *pauser)) {
	for _, goroutines := range []bool{false, true} {
		name := "loop"
		if goroutines {
			name = "goroutines"
		}
		t.Run(name, func(t *testing.T) {
			loop, err := websocket.NewLoop()
			if err != nil {
				t.Fatal(err)
			}
			if goroutines {
				if err := loop.Shutdown(t.Context()); err != nil {
					t.Fatal(err)
				}
				loop = websocket.NewLoopWithoutPoller()
			}
			h := &pauser{make(chan *websocket.LoopConn, 10), make(chan string, 100), make(chan *websocket.CloseError, 10)}
			url := serveLoop(t, loop, &websocket.AcceptOptions{ConnOptions: o}, func() websocket.EventHandler { return h })
			test(t, url, loop, h)
		})
	}
}

func (h *pauser) expect(t *testing.T, want string) {
	t.Helper()
	if got := <-h.got; got != want {
		t.Fatalf("message %q, want %q", got, want)
	}
}

// TestLoopPause: nothing is read from a paused connection; others go on.
func TestLoopPause(t *testing.T) {
	eachWay(t, websocket.ConnOptions{}, func(t *testing.T, url string, _ *websocket.Loop, h *pauser) {
		p := wstest.Connect(t, url)
		c := <-h.opened
		c.Resume() // it is not paused
		p.SendMessage(websocket.Text, []byte("1"))
		h.expect(t, "1")
		for _, m := range []string{"2", "3", "4"} {
			p.SendMessage(websocket.Text, []byte(m))
			// Whoever polls has seen it when another connection's message is through.
			other := wstest.Connect(t, url)
			<-h.opened
			other.SendMessage(websocket.Text, []byte("other"))
			h.expect(t, "other")
			c.Resume()
			h.expect(t, m)
		}
	})
}

// TestLoopPauseClose: a paused connection closes as any other, and what comes
// meanwhile is dropped.
func TestLoopPauseClose(t *testing.T) {
	eachWay(t, websocket.ConnOptions{}, func(t *testing.T, url string, loop *websocket.Loop, h *pauser) {
		p := wstest.Connect(t, url)
		c := <-h.opened
		p.SendMessage(websocket.Text, []byte("1"))
		h.expect(t, "1")
		p.SendMessage(websocket.Text, []byte("2"))
		if err := c.Close(4000, "enough"); err != nil {
			t.Fatal(err)
		}
		p.ExpectClose(4000)
		p.SendMessage(websocket.Text, []byte("3"))
		p.SendClose(4000, "")
		if e := <-h.closed; e.Code != 4000 || e.Err != nil || e.Remote {
			t.Error(e)
		}
		p.ExpectEnd()
		p.Close()
		if len(h.got) > 0 {
			t.Errorf("%q was delivered", <-h.got)
		}
		c.Pause()
		c.Resume()

		wait := wstest.Connect(t, url)
		c = <-h.opened
		wait.SendMessage(websocket.Text, []byte("1"))
		h.expect(t, "1")
		_ = c.CloseNow()
		if e := <-h.closed; e.Code != websocket.CloseAbnormal {
			t.Error(e)
		}

		last := wstest.Connect(t, url)
		<-h.opened
		last.SendMessage(websocket.Text, []byte("1"))
		h.expect(t, "1")
		ended := make(chan error)
		go func() { ended <- loop.Shutdown(context.Background()) }()
		last.ExpectClose(websocket.CloseGoingAway)
		last.SendClose(websocket.CloseGoingAway, "")
		if e := <-h.closed; e.Code != websocket.CloseGoingAway {
			t.Error(e)
		}
		last.ExpectEnd()
		last.Close()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// TestLoopPauseReset: that the peer is gone is noticed when the connection is read
// again.
func TestLoopPauseReset(t *testing.T) {
	eachWay(t, websocket.ConnOptions{}, func(t *testing.T, url string, loop *websocket.Loop, h *pauser) {
		p := wstest.Connect(t, url)
		c := <-h.opened
		p.SendMessage(websocket.Text, []byte("1"))
		h.expect(t, "1")
		p.SendMessage(websocket.Text, []byte("2"))
		p.Reset()
		for range 3 { // the loop sees it, and does not come back to it
			onLoop(t, loop, func() {})
		}
		c.Resume()
		select {
		case <-h.got: // what came before the reset may still be there
			c.Resume()
			<-h.closed
		case <-h.closed:
		}
	})
}

// TestLoopPauseKeepAlive: a peer that nobody reads is not judged by its silence.
func TestLoopPauseKeepAlive(t *testing.T) {
	o := websocket.ConnOptions{PingInterval: 20 * time.Millisecond, PongTimeout: 20 * time.Millisecond, StallTimeout: 20 * time.Millisecond}
	eachWay(t, o, func(t *testing.T, url string, _ *websocket.Loop, h *pauser) {
		p := wstest.Connect(t, url)
		c := <-h.opened
		frame := p.AppendFrame(nil, true, 1, []byte("2"))
		p.SendBytes(append(p.AppendFrame(nil, true, 1, []byte("1")), frame[0]))
		h.expect(t, "1")
		for range 3 { // others are, over and over
			wstest.Connect(t, url)
			<-h.opened
			if e := <-h.closed; e.Code != websocket.CloseAbnormal {
				t.Fatal(e)
			}
		}
		if err := c.Err(); err != nil {
			t.Fatal(err)
		}
		p.SendBytes(frame[1:])
		c.Resume()
		h.expect(t, "2")
	})
}

// TestLoopDoInOrder: functions are called one after the other, everywhere, and
// Shutdown waits for them.
func TestLoopDoInOrder(t *testing.T) {
	eachWay(t, websocket.ConnOptions{}, func(t *testing.T, _ string, loop *websocket.Loop, _ *pauser) {
		var got []int
		release := make(chan struct{})
		loop.Do(func() {
			<-release
			panic("test")
		})
		const calls = 100
		for i := range calls {
			if !loop.Do(func() { got = append(got, i) }) {
				t.Fatal("refused")
			}
		}
		loop.Do(func() { loop.Do(func() { got = append(got, calls) }) })
		close(release)
		onLoop(t, loop, func() {})
		onLoop(t, loop, func() {}) // behind the one that another added
		loop.Do(func() { got = append(got, calls+1) })
		if err := loop.Shutdown(context.Background()); err != nil {
			t.Fatal(err)
		}
		for i, n := range got {
			if i != n {
				t.Fatal(got)
			}
		}
		if len(got) != calls+2 {
			t.Error(len(got), "were called")
		}
		if loop.Do(func() {}) {
			t.Error("a function was taken after Shutdown")
		}
	})
}
