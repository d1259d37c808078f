package websocket_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/openline/openline/websocket"
	"github.com/openline/openline/websocket/wstest"
)

// onLoop calls f on the loop and waits for it.
func onLoop(t *testing.T, l *websocket.Loop, f func()) {
	t.Helper()
	done := make(chan struct{})
	if !l.Do(func() { f(); close(done) }) {
		t.Fatal("the loop has been shut down")
	}
	<-done
}

// TestLoopSend: what the loop's own goroutine sends arrives in its order, with what
// others send in its place.
func TestLoopSend(t *testing.T) {
	url, loop, conns := loopOpened(t, websocket.ConnOptions{})
	p := wstest.Connect(t, url)
	c := <-conns
	onLoop(t, loop, func() {
		for i, more := range []bool{false, true, true, false, false} {
			if err := c.Send(prepare(t, fmt.Sprint(i)), more); err != nil {
				t.Error(err)
			}
		}
		if err := c.Write(websocket.Text, []byte("5")); err != nil {
			t.Error(err)
		}
		if err := c.Send(prepare(t, "6"), false); err != nil {
			t.Error(err)
		}
	})
	for i := range 7 {
		p.ExpectText(fmt.Sprint(i))
	}
	onLoop(t, loop, func() {
		if err := c.Send(prepare(t, "first"), true); err != nil {
			t.Error(err)
		}
		if err := c.Close(1000, ""); err != nil {
			t.Error(err)
		}
		if err := c.Send(prepare(t, "last"), true); err == nil {
			t.Error("a message was taken behind the Close")
		}
	})
	p.ExpectText("first")
	p.ExpectClose(1000)
}

// TestLoopSendInHandlers: in a handler's method its own connection's messages are
// held together, and those of others leave.
func TestLoopSendInHandlers(t *testing.T) {
	conns := make(chan *websocket.LoopConn, 2)
	var other *websocket.LoopConn
	o := &websocket.AcceptOptions{ConnOptions: websocket.ConnOptions{QueueMessages: -1}}
	url, loop := loopServer(t, o, func() websocket.EventHandler {
		return loopFuncs{
			open: func(c *websocket.LoopConn) { conns <- c },
			message: func(c *websocket.LoopConn, m websocket.Message) {
				for _, to := range []*websocket.LoopConn{c, other} {
					for _, more := range []bool{true, false, true} {
						if err := to.Send(prepare(t, string(m.Data)), more); err != nil {
							t.Error(err)
						}
					}
				}
			},
		}
	})
	a := wstest.Connect(t, url)
	<-conns
	b := wstest.Connect(t, url)
	second := <-conns
	onLoop(t, loop, func() { other = second })
	for i := range 100 {
		a.SendMessage(websocket.Text, []byte(fmt.Sprint(i)))
	}
	for _, p := range []*wstest.Peer{a, b} {
		for i := range 100 {
			for range 3 {
				p.ExpectText(fmt.Sprint(i))
			}
		}
	}
}

// TestLoopSendToSlowPeer: what the socket does not take is queued, as far as the
// bounds allow, and arrives whole when the peer reads.
func TestLoopSendToSlowPeer(t *testing.T) {
	for _, compress := range []*websocket.Compression{nil, {Threshold: -1}} {
		for _, more := range []bool{false, true} {
			url, loop, conns := loopOpened(t, websocket.ConnOptions{QueueBytes: 1 << 20, Compression: compress})
			fields := []string{}
			if compress != nil {
				fields = append(fields, "Sec-WebSocket-Extensions: permessage-deflate")
			}
			p := wstest.Connect(t, url, fields...)
			c := <-conns
			sent := 0
			text := func(i int) []byte { return bytes.Repeat([]byte{byte(i), byte(i >> 8), byte(i >> 1)}, 3000) }
			for full := false; !full; {
				onLoop(t, loop, func() {
					for range 3 {
						m, err := websocket.PrepareUncompressed(websocket.Binary, text(sent))
						if err != nil {
							t.Error(err)
						}
						switch err := c.Send(m, more); {
						case errors.Is(err, websocket.ErrQueueFull):
							full = true
							return
						case err != nil:
							t.Error(err)
							full = true
							return
						}
						sent++
					}
				})
			}
			for i := range sent {
				p.ExpectMessage(websocket.Binary, text(i))
			}
		}
	}
}

// TestLoopSendCompressed: Send takes part in context takeover.
func TestLoopSendCompressed(t *testing.T) {
	url, loop, conns := loopOpened(t, websocket.ConnOptions{Compression: &websocket.Compression{}})
	p := wstest.Connect(t, url, "Sec-WebSocket-Extensions: permessage-deflate")
	c := <-conns
	text := strings.Repeat("all work and no play ", 20)
	onLoop(t, loop, func() {
		for i := range 4 {
			if err := c.Send(prepare(t, text), i%2 == 0); err != nil {
				t.Error(err)
			}
			if err := c.Write(websocket.Text, []byte(text+"!")); err != nil {
				t.Error(err)
			}
		}
	})
	for range 4 {
		p.ExpectText(text)
		p.ExpectText(text + "!")
	}
}

// TestLoopSendDialled: a client's frames are masked.
func TestLoopSendDialled(t *testing.T) {
	loop, err := websocket.NewLoop()
	if err != nil {
		t.Fatal(err)
	}
	p, conn := wstest.Listen(t).Dial(nil)
	opened := make(chan struct{})
	c, err := loop.Attach(conn, loopFuncs{open: func(*websocket.LoopConn) { close(opened) }})
	if err != nil {
		t.Fatal(err)
	}
	<-opened
	onLoop(t, loop, func() {
		for i, more := range []bool{false, true, false} {
			if err := c.Send(prepare(t, fmt.Sprint(i)), more); err != nil {
				t.Error(err)
			}
		}
	})
	for i := range 3 {
		p.ExpectText(fmt.Sprint(i))
	}
	p.Close()
	if err := loop.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestLoopSendAllocations: Send costs no memory that has to be collected, whether
// it writes or queues.
func TestLoopSendAllocations(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector allocates, too")
	}
	url, loop, conns := loopOpened(t, websocket.ConnOptions{})
	p := wstest.Connect(t, url)
	c := <-conns
	m := prepare(t, "Hello, world")
	for _, more := range []bool{false, true} {
		sent := make([]byte, 14)
		done := make(chan struct{})
		send := func() {
			if err := c.Send(m, more); err != nil {
				t.Error(err)
			}
			done <- struct{}{}
		}
		n := testing.AllocsPerRun(1000, func() {
			loop.Do(send)
			<-done
			if _, err := io.ReadFull(p.NetConn(), sent); err != nil {
				t.Fatal(err)
			}
		})
		if n > 0 {
			t.Errorf("with more %v: %v allocations a message", more, n)
		}
	}
}
