package websocket_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/openline/openline/websocket"
	"github.com/openline/openline/websocket/wstest"
)

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

// TestLoopStoppedPeer: a peer that is behind and reads nothing is cut off long before
// the time is over that one which reads is given, and the system keeps little for it.
func TestLoopStoppedPeer(t *testing.T) {
	conns := make(chan *websocket.LoopConn, 1)
	h, closed := loopEnds(nil)
	url, _ := loopServer(t, &websocket.AcceptOptions{ConnOptions: websocket.ConnOptions{CloseTimeout: time.Hour, WriteTimeout: time.Hour}}, func() websocket.EventHandler {
		f := h().(loopFuncs)
		f.open = func(c *websocket.LoopConn) { conns <- c }
		return f
	})
	stopped := wstest.Connect(t, url)
	c := <-conns
	m := prepare(t, strings.Repeat("x", 60_000))
	fillLoop(t, func() error { return c.TrySend(m) })
	if err := c.Close(4008, "slow consumer"); err != nil {
		t.Fatal(err)
	}
	if e := <-closed; e.Code != websocket.CloseAbnormal || e.Remote || e.Err == nil {
		t.Error(e)
	}
	_ = stopped.NetConn().SetReadDeadline(time.Now().Add(guard))
	if n, err := io.Copy(io.Discard, stopped.NetConn()); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("%d octets and then %v, want a reset", n, err)
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
