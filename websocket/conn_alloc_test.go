package websocket_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http/httptest"
	"runtime"
	"testing"
	"time"

	"github.com/openline/openline/websocket"
	"github.com/openline/openline/websocket/wstest"
)

// TestAllocations: small messages cost no memory that has to be collected.
func TestAllocations(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector allocates, too")
	}
	for _, client := range ends {
		e := newBench(t, idle, websocket.ConnOptions{}).open(client)
		ctx := t.Context()
		nc := e.NetConn()
		_ = nc.SetDeadline(time.Now().Add(guard))
		message := make([]byte, 32)
		frame := e.AppendFrame(nil, true, 2, message)
		prepared, err := websocket.Prepare(websocket.Binary, message)
		if err != nil {
			t.Fatal(err)
		}
		sent := make([]byte, 2+32)
		if client {
			sent = make([]byte, 2+4+32)
		}
		take := func(err error) {
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadFull(nc, sent); err != nil {
				t.Fatal(err)
			}
		}
		var buf []byte
		for _, c := range []struct {
			name string
			most float64
			run  func()
		}{
			{"Write", 1, func() { take(e.conn.Write(ctx, websocket.Binary, message)) }},
			{"TrySend", 1, func() { take(e.conn.TrySend(prepared)) }},
			{"ReadAppend", 1, func() {
				if _, err := nc.Write(frame); err != nil {
					t.Fatal(err)
				}
				var err error
				if _, buf, err = e.conn.ReadAppend(ctx, buf[:0]); err != nil {
					t.Fatal(err)
				}
			}},
			{"Read", 2, func() {
				if _, err := nc.Write(frame); err != nil {
					t.Fatal(err)
				}
				if _, _, err := e.conn.Read(ctx); err != nil {
					t.Fatal(err)
				}
			}},
		} {
			n := testing.AllocsPerRun(1000, c.run)
			t.Logf("%s, %s of 32 octets: %v allocations", endName(client), c.name, n)
			if n > c.most {
				t.Errorf("%s, %s of 32 octets: %v allocations, want at most %v", endName(client), c.name, n, c.most)
			}
		}
		_ = e.conn.CloseNow()
	}
}

// TestHeldAllocations: nor do replies that are held.
func TestHeldAllocations(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector allocates, too")
	}
	const together = 64
	for _, client := range ends {
		e := newBench(t, func(ctx context.Context, e *endpoint) { echo(ctx, e.conn) }, websocket.ConnOptions{}).open(client)
		nc := e.NetConn()
		_ = nc.SetDeadline(time.Now().Add(guard))
		var all []byte
		size := 2 + 64
		if client {
			size += 4
		}
		for range together {
			all = e.AppendFrame(all, true, 2, make([]byte, 64))
		}
		sent := make([]byte, together*size)
		n := testing.AllocsPerRun(300, func() {
			if _, err := nc.Write(all); err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadFull(nc, sent); err != nil {
				t.Fatal(err)
			}
		})
		t.Logf("%s, %d messages that came together: %v allocations", endName(client), together, n)
		if n > 3 {
			t.Errorf("%s, %d messages that came together: %v allocations", endName(client), together, n)
		}
		_ = e.conn.CloseNow()
	}
}

// heapAndStacks is what the heap and the stacks take.
func heapAndStacks() (heap, stacks int64) {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // what pools hold survives one
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc), int64(m.StackInuse)
}

// TestIdleMemory: what a connection costs that is open and waits for input,
// beside a plain net.Conn at the other end.
func TestIdleMemory(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector takes memory, too")
	}
	const connections = 1000
	const mostHeap = 4 << 10  // with the other end
	const mostStack = 3 << 10 // of a server that waits in Messages
	report := func(t *testing.T, client bool, heap, stacks int64) {
		t.Helper()
		heap, stacks = heap/connections, stacks/connections
		t.Logf("an idle %s connection: %d octets of heap, that of the other end's net.Conn included, and %d of stack", endName(client), heap, stacks)
		if !client && stacks > mostStack {
			t.Errorf("an idle %s connection takes %d octets of stack, want at most %d", endName(client), stacks, mostStack)
		}
		if heap > mostHeap {
			t.Errorf("an idle %s connection takes %d octets of heap, want at most %d", endName(client), heap, mostHeap)
		}
	}
	server := func(t *testing.T, messages int) {
		opened := make(chan struct{})
		handler := websocket.Handle(func(ctx context.Context, c *websocket.Conn) {
			opened <- struct{}{}
			echo(ctx, c)
		}, nil)
		srv := httptest.NewServer(handler)
		defer srv.Close()
		request := []byte("GET / HTTP/1.1\r\nHost: " + srv.Listener.Addr().String() + "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
			"Sec-WebSocket-Key: AAECAwQFBgcICQoLDA0ODw==\r\nSec-WebSocket-Version: 13\r\n\r\n")
		peers := make([]net.Conn, 0, connections)
		open := func() {
			nc, err := net.Dial("tcp", srv.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			peers = append(peers, nc)
			if _, err := nc.Write(request); err != nil {
				t.Fatal(err)
			}
			<-opened
			if messages == 0 {
				return
			}
			_ = nc.SetDeadline(time.Now().Add(guard))
			b := make([]byte, 1<<10)
			if n, err := nc.Read(b); err != nil || !bytes.HasSuffix(b[:n], []byte("\r\n\r\n")) {
				t.Fatalf("%q, %v", b[:n], err)
			}
			for range messages {
				if _, err := nc.Write([]byte{0x81, 0x85, 0, 0, 0, 0, 'H', 'e', 'l', 'l', 'o'}); err != nil {
					t.Fatal(err)
				}
				if _, err := io.ReadFull(nc, b[:7]); err != nil {
					t.Fatal(err)
				}
			}
		}
		for range connections / 10 { // what is needed once; and goroutines begin with as much as the average one has needed
			open()
		}
		heapBefore, stacksBefore := heapAndStacks()
		for range connections {
			open()
		}
		heapAfter, stacksAfter := heapAndStacks()
		report(t, false, heapAfter-heapBefore, stacksAfter-stacksBefore)
		for _, nc := range peers {
			_ = nc.Close()
		}
		if err := handler.Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	t.Run("server", func(t *testing.T) { server(t, 0) })
	t.Run("server that has answered", func(t *testing.T) { server(t, 3) })
	t.Run("client", func(t *testing.T) {
		l := wstest.Listen(t)
		conns := make([]*websocket.Conn, 0, connections)
		peers := make([]net.Conn, 0, connections)
		ended := make(chan struct{}, connections+1)
		open := func() {
			p, c := l.Dial(nil)
			nc := p.NetConn()
			peers, conns = append(peers, nc), append(conns, c)
			go func() {
				_, _, _ = c.Read(context.Background())
				ended <- struct{}{}
			}()
		}
		open()
		heapBefore, stacksBefore := heapAndStacks()
		for range connections {
			open()
		}
		heapAfter, stacksAfter := heapAndStacks()
		report(t, true, heapAfter-heapBefore, stacksAfter-stacksBefore)
		for i := range conns {
			_ = conns[i].CloseNow()
			_ = peers[i].Close()
			<-ended
		}
	})
}
