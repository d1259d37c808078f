package websocket_test

import (
	"errors"
	"fmt"
	"io"
	"testing"
	"testing/synctest"

	"github.com/openline/openline/websocket"
	"github.com/openline/openline/websocket/wstest"
)

// TestTrySendOrder: what was queued goes out in order, before what is written
// after it, and not inside a message that is being streamed.
func TestTrySendOrder(t *testing.T) {
	for _, client := range ends {
		e := newBench(t, sink, websocket.ConnOptions{}).open(client)
		for i := range 100 {
			if err := e.conn.TrySend(prepare(t, fmt.Sprint("queued ", i))); err != nil {
				t.Fatal(err)
			}
			if err := e.conn.Write(t.Context(), websocket.Text, fmt.Append(nil, "written ", i)); err != nil {
				t.Fatal(err)
			}
		}
		for i := range 100 {
			e.ExpectText(fmt.Sprint("queued ", i))
			e.ExpectText(fmt.Sprint("written ", i))
		}
		w, err := e.conn.NextWriter(t.Context(), websocket.Binary)
		if err != nil {
			t.Fatal(err)
		}
		if err := e.conn.TrySend(prepare(t, "before the first fragment")); err != nil {
			t.Fatal(err)
		}
		e.ExpectText("before the first fragment")
		long := make([]byte, 5000)
		if _, err := w.Write(long); err != nil {
			t.Fatal(err)
		}
		for i := range 10 {
			if err := e.conn.TrySend(prepare(t, fmt.Sprint(i))); err != nil {
				t.Fatal(err)
			}
		}
		e.SendPing("between") // goes between fragments, unlike those
		if f := e.Frame(); f.Opcode != 2 || f.Fin {
			t.Fatalf("%+v", f)
		}
		e.ExpectPong("between")
		if _, err := w.Write(long); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if f := e.Frame(); f.Opcode != 0 || f.Fin {
			t.Fatalf("%+v", f)
		}
		if f := e.Frame(); f.Opcode != 0 || !f.Fin {
			t.Fatalf("%+v", f)
		}
		for i := range 10 {
			e.ExpectText(fmt.Sprint(i))
		}
		e.bye(t, client)
	}
}

// TestQueueBounds: the queue is full at either bound, an empty one takes
// anything, and what it refused it forgets.
func TestQueueBounds(t *testing.T) {
	for _, c := range []struct {
		options websocket.ConnOptions
		size    int
		fit     int // messages that fit beside the one that is being written
	}{
		{websocket.ConnOptions{QueueMessages: 5}, 10, 5},
		{websocket.ConnOptions{QueueBytes: 1000}, 300 - 4, 3}, // a header of four octets each
		{websocket.ConnOptions{QueueBytes: 1000}, 5000, 1},
		{websocket.ConnOptions{}, 10, 256},
		{websocket.ConnOptions{}, 100_000, 10},
		{websocket.ConnOptions{QueueMessages: -1, QueueBytes: -1}, 1000, 5000},
	} {
		synctest.Test(t, func(t *testing.T) {
			options := c.options
			options.PingInterval, options.WriteTimeout = -1, -1
			conn, there := websocket.NewTestPair(t, &options)
			peer := wstest.NewPeer(t, there, false)
			message, err := websocket.Prepare(websocket.Binary, make([]byte, c.size))
			if err != nil {
				t.Fatal(err)
			}
			if err := conn.TrySend(message); err != nil { // the pipe takes none of it yet
				t.Fatal(err)
			}
			synctest.Wait()
			fit := 0
			for fit < 5000 {
				if err := conn.TrySend(message); err != nil {
					if !errors.Is(err, websocket.ErrQueueFull) {
						t.Fatal(err)
					}
					break
				}
				fit++
			}
			if fit != c.fit {
				t.Errorf("%+v: %d messages of %d octets fit, want %d", c.options, fit, c.size, c.fit)
			}
			for range 1 + fit {
				peer.ExpectMessage(websocket.Binary, make([]byte, c.size))
			}
			synctest.Wait()
			if err := conn.TrySend(message); err != nil {
				t.Errorf("the queue is empty and takes nothing: %v", err)
			}
			peer.ExpectMessage(websocket.Binary, make([]byte, c.size))
			_ = conn.CloseNow()
			if _, ok := errors.AsType[*websocket.CloseError](conn.TrySend(message)); !ok {
				t.Error("TrySend after the end gives no CloseError")
			}
		})
	}
}

// TestCloseSendsTheQueueFirst: what was queued before Close is sent before it.
func TestCloseSendsTheQueueFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn, there := websocket.NewTestPair(t, &websocket.ConnOptions{PingInterval: -1})
		peer := wstest.NewPeer(t, there, false)
		for i := range 200 {
			if err := conn.TrySend(prepare(t, fmt.Sprint(i))); err != nil {
				t.Fatal(err)
			}
		}
		closed := make(chan error, 1)
		go func() { closed <- conn.Close(websocket.CloseGoingAway, "later") }()
		synctest.Wait()
		if err := conn.TrySend(prepare(t, "late")); websocket.CloseCodeOf(err) != websocket.CloseGoingAway {
			t.Errorf("TrySend after Close: %v", err)
		}
		for i := range 200 {
			peer.ExpectText(fmt.Sprint(i))
		}
		if reason := peer.ExpectClose(websocket.CloseGoingAway); reason != "later" {
			t.Errorf("reason %q", reason)
		}
		peer.SendClose(websocket.CloseGoingAway, "")
		if err := <-closed; err != nil {
			t.Error(err)
		}
		_ = there.Close()
	})
}

// TestPeersCloseDropsTheQueue: who has closed is sent nothing more.
func TestPeersCloseDropsTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn, there := websocket.NewTestPair(t, &websocket.ConnOptions{PingInterval: -1})
		peer := wstest.NewPeer(t, there, false)
		for i := range 200 {
			if err := conn.TrySend(prepare(t, fmt.Sprint(i))); err != nil {
				t.Fatal(err)
			}
			synctest.Wait() // the first is on its way alone
		}
		go peer.SendClose(websocket.CloseNormal, "")
		if _, _, err := conn.Read(t.Context()); websocket.CloseCodeOf(err) != websocket.CloseNormal {
			t.Fatal(err)
		}
		peer.ExpectText("0")
		peer.ExpectClose(websocket.CloseNormal)
		_ = there.Close()
	})
}

// TestTrySendNeverBlocks: not on a peer that does not read, not on a writer that
// is stuck, not on an open message.
func TestTrySendNeverBlocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn, there := websocket.NewTestPair(t, &websocket.ConnOptions{PingInterval: -1, WriteTimeout: -1})
		wrote := make(chan error, 1)
		go func() { wrote <- conn.Write(t.Context(), websocket.Binary, make([]byte, 1<<20)) }()
		synctest.Wait()
		for range 10 {
			if err := conn.TrySend(prepare(t, "x")); err != nil {
				t.Fatal(err)
			}
		}
		go func() { _, _ = io.Copy(io.Discard, there) }()
		if err := <-wrote; err != nil {
			t.Fatal(err)
		}
		_ = conn.CloseNow()
		_ = there.Close()
	})
}

func TestPrepared(t *testing.T) {
	data := []byte("hello")
	p, err := websocket.Prepare(websocket.Binary, data)
	if err != nil {
		t.Fatal(err)
	}
	clear(data)
	if p.Type() != websocket.Binary || string(p.Data()) != "hello" {
		t.Fatalf("%s %q", p.Type(), p.Data())
	}
	if _, err := websocket.Prepare(0, data); err == nil {
		t.Error("a message of no type is prepared")
	}
	// One message, shared by connections of both ends.
	for _, client := range ends {
		for range 3 {
			e := newBench(t, sink, websocket.ConnOptions{}).open(client)
			if err := e.conn.TrySend(p); err != nil {
				t.Fatal(err)
			}
			e.ExpectMessage(websocket.Binary, []byte("hello"))
			e.bye(t, client)
		}
	}
}
