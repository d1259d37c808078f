package websocket_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/openline/openline/websocket"
	"github.com/openline/openline/websocket/wstest"
)

// loopOpened serves on a loop with connections that come out of a channel.
func loopOpened(t *testing.T, o websocket.ConnOptions) (url string, loop *websocket.Loop, conns chan *websocket.LoopConn) {
	t.Helper()
	conns = make(chan *websocket.LoopConn, 1)
	url, loop = loopServer(t, &websocket.AcceptOptions{ConnOptions: o}, func() websocket.EventHandler {
		return loopFuncs{open: func(c *websocket.LoopConn) { conns <- c }}
	})
	return url, loop, conns
}

// fillLoop writes until the queue is full.
func fillLoop(t *testing.T, write func() error) {
	t.Helper()
	for {
		if err := write(); errors.Is(err, websocket.ErrQueueFull) {
			return
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

// TestLoopAlwaysBehind: a peer that reads, but never has it all, costs the memory
// of its queue, not of all that was ever sent to it.
func TestLoopAlwaysBehind(t *testing.T) {
	url, _, conns := loopOpened(t, websocket.ConnOptions{QueueMessages: -1, QueueBytes: 8 << 20})
	p := wstest.Connect(t, url)
	c := <-conns
	data := make([]byte, 10_000)
	for range 250 {
		fillLoop(t, func() error { return c.Write(websocket.Binary, data) })
		if _, octets, memory := websocket.LoopQueued(c); memory > 16<<20 {
			t.Fatalf("%d octets that wait take %d bytes", octets, memory)
		}
		for range 20 {
			p.ExpectMessage(websocket.Binary, data)
		}
	}
}

// TestLoopCountsWhatWaits: a message that has been sent makes room for another,
// whether or not the queue was ever empty.
func TestLoopCountsWhatWaits(t *testing.T) {
	const most = 40
	url, loop, conns := loopOpened(t, websocket.ConnOptions{QueueMessages: most, QueueBytes: -1})
	p := wstest.Connect(t, url)
	c := <-conns
	m := prepare(t, strings.Repeat("x", 512<<10))
	fillLoop(t, func() error { return c.TrySend(m) })
	for {
		p.ExpectText(strings.Repeat("x", 512<<10))
		done := make(chan struct{})
		loop.Do(func() { close(done) })
		<-done
		messages, octets, _ := websocket.LoopQueued(c)
		if messages == most {
			continue
		}
		if messages == 0 || octets == 0 {
			t.Errorf("there was room only when nothing waited any more")
		}
		return
	}
}

// TestLoopAnswersAreBounded: a handler that writes until it is told to stop is
// told so.
func TestLoopAnswersAreBounded(t *testing.T) {
	for _, name := range []string{"Write", "TrySend"} {
		t.Run(name, func(t *testing.T) {
			data := make([]byte, 1000)
			m, err := websocket.Prepare(websocket.Binary, data)
			if err != nil {
				t.Fatal(err)
			}
			wrote := make(chan error, 1)
			url, _ := loopServer(t, nil, func() websocket.EventHandler {
				return loopFuncs{message: func(c *websocket.LoopConn, _ websocket.Message) {
					for range 100_000 {
						write := func() error { return c.Write(websocket.Binary, data) }
						if name == "TrySend" {
							write = func() error { return c.TrySend(m) }
						}
						if err := write(); err != nil {
							wrote <- err
							return
						}
					}
					wrote <- nil
				}}
			})
			p := wstest.Connect(t, url)
			p.SendMessage(websocket.Text, nil)
			if err := <-wrote; !errors.Is(err, websocket.ErrQueueFull) {
				t.Errorf("100 MB for a peer that reads nothing: %v", err)
			}
		})
	}
}

// TestLoopPingsOfASlowPeer: a peer that asks without reading the answers gets the
// latest few.
func TestLoopPingsOfASlowPeer(t *testing.T) {
	url, loop, conns := loopOpened(t, websocket.ConnOptions{QueueMessages: -1, QueueBytes: -1})
	p := wstest.Connect(t, url)
	c := <-conns
	m := prepare(t, strings.Repeat("x", 1<<20))
	for range 20 { // more than the buffers between take
		if err := c.TrySend(m); err != nil {
			t.Fatal(err)
		}
	}
	payload := strings.Repeat("p", 125)
	for range 1000 {
		p.SendPing(payload)
		done := make(chan struct{})
		loop.Do(func() { close(done) })
		<-done
	}
	if _, _, memory := websocket.LoopQueued(c); memory > 4000 { // the prepared message's is shared
		t.Errorf("Pongs take %d bytes", memory)
	}
}

// TestLoopStallWithoutPings: a frame that does not go on is given up also when
// nothing else is looked at.
func TestLoopStallWithoutPings(t *testing.T) {
	url, _, _ := loopOpened(t, websocket.ConnOptions{StallTimeout: 50 * time.Millisecond, PingInterval: -1})
	p := wstest.Connect(t, url)
	p.Send("81 85 12")
	p.ExpectClose(websocket.ClosePolicyViolation)
}

// TestLoopWritesBesideAHandler: others write to a connection while the loop is at
// it.
func TestLoopWritesBesideAHandler(t *testing.T) {
	h, closed := loopEnds(func(c *websocket.LoopConn, m websocket.Message) {
		data := bytes.Clone(m.Data)
		go func() { _ = c.Write(m.Type, data) }()
		_ = c.Write(m.Type, m.Data)
	})
	url, _ := loopServer(t, &websocket.AcceptOptions{ConnOptions: websocket.ConnOptions{QueueMessages: -1, QueueBytes: -1}}, h)
	p := wstest.Connect(t, url)
	var all []byte
	const messages = 500
	for i := range messages {
		all = p.AppendFrame(all, true, 2, bytes.Repeat([]byte{byte(i)}, 300))
	}
	go p.CutBytes(len(all), all)
	for range 2 * messages {
		if _, data := p.Message(); !bytes.Equal(data, bytes.Repeat(data[:1], 300)) {
			t.Fatalf("%x", data)
		}
	}
	p.SendClose(1000, "")
	p.ExpectClose(1000)
	<-closed
}

// TestLoopBusyIsNotASlowPeer: that the loop has not come to sending is no reason
// for a queue to be full; that the peer does not read is.
func TestLoopBusyIsNotASlowPeer(t *testing.T) {
	url, loop, conns := loopOpened(t, websocket.ConnOptions{QueueMessages: 4})
	p := wstest.Connect(t, url)
	c := <-conns
	const n = 100
	onLoop(t, loop, func() {
		for i := range n {
			if err := c.TrySend(prepare(t, fmt.Sprint(i))); err != nil {
				t.Errorf("message %d: %v", i, err)
			}
			if err := c.Send(prepare(t, fmt.Sprint(i)), true); err != nil {
				t.Errorf("message %d: %v", i, err)
			}
		}
	})
	for i := range n {
		p.ExpectText(fmt.Sprint(i))
		p.ExpectText(fmt.Sprint(i))
	}
	onLoop(t, loop, func() {
		m := prepare(t, strings.Repeat("x", 1<<16))
		var err error
		for i := 0; err == nil && i < 1<<12; i++ {
			err = c.TrySend(m)
		}
		if !errors.Is(err, websocket.ErrQueueFull) {
			t.Errorf("got %v from a peer that does not read", err)
		}
	})
}
