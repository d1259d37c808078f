package websocket_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/openline/openline/websocket"
)

// RFC 6455 §6: sending and receiving.

func init() {
	requirement("WS-6-01", testSendOnlyWhenOpen)
	requirement("WS-6-02", testOrderAndBorders)
	requirement("WS-6-03", testPeerThatDoesNotRead)
}

// testSendOnlyWhenOpen: there is no connection to send on before the handshake is
// done; after a Close of either end, or a failure, sending is an error.
func testSendOnlyWhenOpen(t *testing.T) {
	t.Parallel()
	for _, client := range ends {
		for how, closeIt := range map[string]func(e *endpoint){
			"our Close": func(e *endpoint) {
				go func() { _ = e.conn.Close(websocket.CloseNormal, "") }()
				e.ExpectClose(websocket.CloseNormal)
			},
			"the peer's Close": func(e *endpoint) {
				e.SendClose(websocket.CloseNormal, "")
				e.ExpectClose(websocket.CloseNormal)
				waitFor(t, "the end", e.conn.Done())
			},
			"a failure": func(e *endpoint) {
				e.Send("83")
				e.ExpectClose(websocket.CloseProtocolError)
				waitFor(t, "the end", e.conn.Done())
			},
		} {
			e := newBench(t, sink, websocket.ConnOptions{}).open(client)
			prepared, err := websocket.Prepare(websocket.Text, []byte("late"))
			if err != nil {
				t.Fatal(err)
			}
			closeIt(e)
			ctx := t.Context()
			for name, send := range map[string]func() error{
				"Write":      func() error { return e.conn.Write(ctx, websocket.Text, []byte("late")) },
				"TrySend":    func() error { return e.conn.TrySend(prepared) },
				"NextWriter": func() error { return sendBy(ctx, e.conn, 2, []byte("late")) },
				"Ping":       func() error { return e.conn.Ping(ctx) },
			} {
				if _, ok := errors.AsType[*websocket.CloseError](send()); !ok {
					t.Errorf("%s after %s gives no CloseError", name, how)
				}
			}
			if how == "our Close" {
				e.SendClose(websocket.CloseNormal, "")
			}
			if client {
				e.CloseWrite()
			}
			e.ExpectEnd() // no octet more
		}
	}
}

// testOrderAndBorders sends messages of both types, empty ones and a hundred
// numbered ones in one burst.
func testOrderAndBorders(t *testing.T) {
	t.Parallel()
	for _, client := range ends {
		e := newBench(t, echoing, websocket.ConnOptions{}).open(client)
		list := []websocket.Message{
			{Type: websocket.Text, Data: []byte("text")},
			{Type: websocket.Binary, Data: []byte{0xFF, 0}},
			{Type: websocket.Text},
			{Type: websocket.Binary},
		}
		for i := range 100 {
			list = append(list, websocket.Message{Type: websocket.MessageType(1 + i%2), Data: fmt.Appendf(nil, "number %d", i)})
		}
		var burst []byte
		for _, m := range list {
			burst = e.AppendFrame(burst, true, byte(m.Type), m.Data)
		}
		e.SendBytes(burst)
		for _, m := range list {
			e.ExpectMessage(m.Type, m.Data)
		}
		e.bye(t, client)
	}
}

// testPeerThatDoesNotRead: what is queued for it is bounded, a write ends at its
// timeout, and others are not held up.
func testPeerThatDoesNotRead(t *testing.T) {
	for _, client := range ends {
		b := newBench(t, sink, websocket.ConnOptions{WriteTimeout: -1, QueueMessages: 64})
		slow, other := b.open(client), b.open(client)
		message, err := websocket.Prepare(websocket.Binary, make([]byte, 64<<10))
		if err != nil {
			t.Fatal(err)
		}
		before := heap()
		full, sent := false, 0
		for sent < 1<<30>>16 && !full { // what the system's own buffers take is over well before
			switch err := slow.conn.TrySend(message); {
			case errors.Is(err, websocket.ErrQueueFull):
				full = true
			case err != nil:
				t.Fatal(err)
			}
			if err := other.conn.TrySend(message); err != nil {
				t.Fatalf("another connection suffers: %v", err)
			}
			other.Frame()
			sent++
		}
		if !full {
			t.Fatal("the queue never fills up")
		}
		if grown := heapGrowth(before, 4<<20); grown > 4<<20 {
			t.Errorf("%s: %d messages made the heap grow by %d octets", endName(client), sent, grown)
		}
		other.bye(t, client)
		_ = slow.conn.CloseNow()

		// A write, of either kind, ends at its timeout, and the connection with it.
		b = newBench(t, sink, websocket.ConnOptions{WriteTimeout: 100 * time.Millisecond})
		for _, send := range []func(c *websocket.Conn) error{
			func(c *websocket.Conn) error { return c.Write(t.Context(), websocket.Binary, make([]byte, 64<<10)) },
			func(c *websocket.Conn) error {
				if err := c.TrySend(message); !errors.Is(err, websocket.ErrQueueFull) {
					return err
				}
				return nil // until the timeout
			},
		} {
			e := b.open(client)
			var err error
			for err == nil {
				err = send(e.conn)
			}
			if websocket.CloseCodeOf(err) != websocket.CloseAbnormal {
				t.Fatal(err)
			}
			e.expectErr(t, websocket.CloseAbnormal, true)
		}
	}
}
