package websocket_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openline/openline/websocket"
	"github.com/openline/openline/websocket/wstest"
)

// countingConn counts the writes.
type countingConn struct {
	net.Conn
	writes atomic.Int32
}

func (c *countingConn) Write(p []byte) (int, error) {
	c.writes.Add(1)
	return c.Conn.Write(p)
}

// held is what a test of held messages is made of.
type held struct {
	*testing.T
	c       *websocket.Conn
	nc      *countingConn
	p       *wstest.Peer
	in, out chan struct{} // for the loop to tell where it is, and to be let go on
}

// inHand runs a test in a bubble, for either end: n short messages, "0" and so on,
// arrive together, and body is what the loop over them does with each.
func inHand(t *testing.T, n int, body func(h *held, m websocket.Message) (more bool), test func(h *held)) {
	t.Helper()
	for _, client := range ends {
		t.Run(endName(client), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				here, there := net.Pipe()
				nc := &countingConn{Conn: here}
				c := websocket.NewTestConn(nc, client, &websocket.ConnOptions{PingInterval: -1})
				p := wstest.NewPeer(t, there, !client)
				h := &held{t, c, nc, p, make(chan struct{}), make(chan struct{})}
				var all []byte
				for i := range n {
					all = p.AppendFrame(all, true, 1, fmt.Append(nil, i))
				}
				var running sync.WaitGroup
				running.Go(func() { p.SendBytes(all) })
				running.Go(func() {
					defer func() {
						if v := recover(); v != nil && v != "in the loop" {
							panic(v)
						}
					}()
					for m, err := range c.Messages(t.Context()) {
						if err != nil || !body(h, m) {
							break
						}
					}
				})
				test(h)
				_ = c.CloseNow()
				_ = there.Close()
				running.Wait()
			})
		})
	}
}

func (h *held) reply(m websocket.Message) {
	if err := h.c.Write(h.Context(), m.Type, m.Data); err != nil {
		h.Error(err)
	}
}

// TestRepliesLeaveTogether: what is answered while more is in hand leaves in one
// write, and in order. The first write is of what the first, short read brought.
func TestRepliesLeaveTogether(t *testing.T) {
	const n = 500
	inHand(t, n, func(h *held, m websocket.Message) bool {
		h.reply(m)
		return true
	}, func(h *held) {
		for i := range n {
			h.p.ExpectText(fmt.Sprint(i))
		}
		if w := h.nc.writes.Load(); w > 3 {
			h.Errorf("%d answers left in %d writes", n, w)
		}
	})
}

// TestHoldOrder: whatever else is sent from the loop comes after what is held.
func TestHoldOrder(t *testing.T) {
	const n = 50
	inHand(t, n, func(h *held, m websocket.Message) bool {
		h.reply(m)
		switch m.Data[len(m.Data)-1] {
		case '2':
			if err := h.c.TrySend(prepare(t, "queued")); err != nil {
				h.Error(err)
			}
		case '5':
			w, err := h.c.NextWriter(h.Context(), websocket.Text)
			if err != nil {
				h.Error(err)
				return false
			}
			_, _ = w.Write([]byte("streamed"))
			if err := w.Close(); err != nil {
				h.Error(err)
			}
		case '7':
			if err := h.c.Write(h.Context(), websocket.Text, make([]byte, 100<<10)); err != nil {
				h.Error(err)
			}
		}
		return true
	}, func(h *held) {
		for i := range n {
			h.p.ExpectText(fmt.Sprint(i))
			switch i % 10 {
			case 2:
				h.p.ExpectText("queued")
			case 5:
				h.p.ExpectText("streamed")
			case 7:
				h.p.ExpectMessage(websocket.Text, make([]byte, 100<<10))
			}
		}
	})
}

// TestHeldIsNotStranded: a loop that waits for what its answer brings about gets
// it, though further messages are in hand.
func TestHeldIsNotStranded(t *testing.T) {
	inHand(t, 3, func(h *held, m websocket.Message) bool {
		h.reply(m)
		<-h.out
		return true
	}, func(h *held) {
		for i := range 3 {
			start := time.Now()
			h.p.ExpectText(fmt.Sprint(i))
			if d := time.Since(start); d > time.Millisecond {
				h.Errorf("answer %d was held for %v", i, d)
			}
			h.out <- struct{}{}
		}
	})
}

// TestHeldIsNotStrandedByOthers: another goroutine's message does not wait for
// the loop either.
func TestHeldIsNotStrandedByOthers(t *testing.T) {
	inHand(t, 3, func(h *held, _ websocket.Message) bool {
		h.in <- struct{}{}
		<-h.out
		return true
	}, func(h *held) {
		<-h.in
		if err := h.c.Write(h.Context(), websocket.Text, []byte("other")); err != nil {
			h.Error(err)
		}
		h.p.ExpectText("other")
		for range 2 {
			h.out <- struct{}{}
			<-h.in
		}
		h.out <- struct{}{}
	})
}

// TestHeldLeavesAtTheEnd: what was written before the loop is left, in whatever
// way, arrives, and at once.
func TestHeldLeavesAtTheEnd(t *testing.T) {
	for name, leave := range map[string]func(h *held){
		"break":    func(*held) {},
		"panic":    func(*held) { panic("in the loop") },
		"CloseNow": func(h *held) { _ = h.c.CloseNow() },
		"Close":    func(h *held) { go func() { _ = h.c.Close(websocket.CloseNormal, "") }() },
		"Ping": func(h *held) {
			ctx, cancel := context.WithTimeout(h.Context(), time.Second)
			defer cancel()
			_ = h.c.Ping(ctx)
		},
		"Read": func(h *held) { // takes what is in hand, and waits
			ctx, cancel := context.WithTimeout(h.Context(), time.Second)
			defer cancel()
			for range 2 {
				if _, _, err := h.c.Read(ctx); err != nil {
					h.Error(err)
				}
			}
			if _, _, err := h.c.Read(ctx); err == nil {
				h.Error(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			inHand(t, 3, func(h *held, m websocket.Message) bool {
				h.reply(m)
				leave(h)
				close(h.out)
				return false
			}, func(h *held) {
				start := time.Now()
				h.p.ExpectText("0")
				if d := time.Since(start); d > 0 {
					h.Errorf("it took %v", d)
				}
				if name == "Read" {
					<-h.out
				}
			})
		})
	}
}

// TestHeldWhenTheContextEnds: the iteration's context ends, what was written is
// sent all the same; a Write whose context has ended is not held.
func TestHeldWhenTheContextEnds(t *testing.T) {
	inHand(t, 3, func(h *held, m websocket.Message) bool {
		ctx, cancel := context.WithCancel(h.Context())
		if err := h.c.Write(ctx, m.Type, m.Data); err != nil {
			h.Error(err)
		}
		cancel()
		if err := h.c.Write(ctx, m.Type, m.Data); !errors.Is(err, context.Canceled) {
			h.Error(err)
		}
		if m.Data[0] == '2' {
			close(h.out)
		}
		return true
	}, func(h *held) {
		for i := range 3 {
			h.p.ExpectText(fmt.Sprint(i))
		}
		<-h.out
	})
}

// TestHeldAmongWriters: with many writers at once everyone's messages arrive, in
// everyone's order.
func TestHeldAmongWriters(t *testing.T) {
	const writers, each = 4, 300
	for _, client := range ends {
		e := newBench(t, func(ctx context.Context, e *endpoint) {
			c := e.conn
			var writing sync.WaitGroup
			for w := range writers {
				writing.Go(func() {
					for i := range each {
						if err := c.Write(ctx, websocket.Text, fmt.Append(nil, w, " ", i)); err != nil {
							t.Error(err)
							return
						}
					}
				})
			}
			echo(ctx, c)
			writing.Wait()
			e.err = c.Err()
		}, websocket.ConnOptions{}).open(client)
		var sending sync.WaitGroup
		sending.Go(func() {
			var all []byte
			for i := range each {
				all = e.AppendFrame(all, true, 1, fmt.Append(nil, writers, " ", i))
			}
			e.CutBytes(1000, all)
		})
		next := make([]int, writers+1)
		for range (writers + 1) * each {
			_, msg := e.Message()
			var w, i int
			if _, err := fmt.Sscan(string(msg), &w, &i); err != nil || i != next[w] {
				t.Fatalf("%q, %v: message %d of that writer is due", msg, err, next[w])
			}
			next[w]++
		}
		sending.Wait()
		e.bye(t, client)
	}
}

// TestHeldCompressed: held messages refer to each other as they were written.
func TestHeldCompressed(t *testing.T) {
	server, client := compressedPipe(t, websocket.Compression{Threshold: -1}, websocket.Compression{Threshold: -1})
	go echo(t.Context(), server)
	const n = 200
	go func() {
		for i := range n {
			if err := client.TrySend(prepare(t, string(event(i)))); err != nil { // several leave together
				t.Error(err)
			}
		}
	}()
	for i := range n {
		if _, msg, err := client.Read(t.Context()); err != nil || string(msg) != string(event(i)) {
			t.Fatalf("%q, %v", msg, err)
		}
	}
}
