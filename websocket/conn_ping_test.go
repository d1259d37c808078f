package websocket_test

import (
	"context"
	"errors"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openline/openline/websocket"
	"github.com/openline/openline/websocket/wstest"
)

// TestPing waits for the Pong of its own Ping, or of a later one.
func TestPing(t *testing.T) {
	for _, client := range ends {
		e := newBench(t, sink, websocket.ConnOptions{}).open(client)
		ctx := t.Context()
		done := make(chan error, 3)
		var payloads [][]byte
		for range 3 {
			go func() { done <- e.conn.Ping(ctx) }()
			payloads = append(payloads, e.ExpectPing())
		}
		// What answers none of them.
		e.SendFrame(true, 0xA, nil)
		e.SendFrame(true, 0xA, []byte("12345678"))
		e.SendFrame(true, 0xA, append([]byte("x"), payloads[0]...))
		e.SendPing("sync")
		e.ExpectPong("sync")
		select {
		case err := <-done:
			t.Fatalf("answered by a Pong of another Ping: %v", err)
		default:
		}
		e.SendFrame(true, 0xA, payloads[1]) // answers the first, too
		for range 2 {
			if err := <-done; err != nil {
				t.Fatal(err)
			}
		}
		select {
		case err := <-done:
			t.Fatalf("answered by the Pong of an earlier Ping: %v", err)
		default:
		}
		e.SendFrame(true, 0xA, payloads[2])
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		short, cancel := cutOff(t)
		defer cancel()
		if err := e.conn.Ping(short); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
		e.ExpectPing()
		e.bye(t, client)
		if err := e.conn.Ping(ctx); websocket.CloseCodeOf(err) != websocket.CloseNormal {
			t.Fatal(err)
		}
	}
}

// TestPingEachOther: both ends of a real connection.
func TestPingEachOther(t *testing.T) {
	server, client := wstest.Pipe(t, nil, nil)
	for _, c := range []*websocket.Conn{server, client} {
		go func() { _, _, _ = c.Read(t.Context()) }()
	}
	for range 100 {
		for _, c := range []*websocket.Conn{server, client} {
			if err := c.Ping(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestKeepAliveJudgesReadersOnly: while nobody reads, an answer would not be
// seen, so its absence means nothing; what is asked is asked once.
func TestKeepAliveJudgesReadersOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, there := websocket.NewTestPair(t, &websocket.ConnOptions{PingInterval: time.Second, PongTimeout: time.Second})
		peer := wstest.NewPeer(t, there, false)
		peer.ExpectPing()
		time.Sleep(time.Hour) // the clock of the bubble
		if err := c.Err(); err != nil {
			t.Fatal(err)
		}
		go peer.SendMessage(websocket.Text, []byte("alive"))
		if _, _, err := c.Read(t.Context()); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		go func() {
			for {
				if _, err := peer.Next(); err != nil {
					return
				}
			}
		}()
		if _, _, err := c.Read(t.Context()); websocket.CloseCodeOf(err) != websocket.CloseAbnormal {
			t.Fatal(err)
		}
		if took := time.Since(start); took > 3*time.Second {
			t.Errorf("a silent peer was given up after %s", took)
		}
	})
}

// TestKeepAliveOff: nothing is asked.
func TestKeepAliveOff(t *testing.T) {
	for _, options := range []websocket.ConnOptions{{PingInterval: -1}, {PongTimeout: -1}} {
		synctest.Test(t, func(t *testing.T) {
			c, there := websocket.NewTestPair(t, &options)
			peer := wstest.NewPeer(t, there, false)
			read := make(chan error, 1)
			go func() {
				_, _, err := c.Read(t.Context())
				read <- err
			}()
			time.Sleep(24 * time.Hour) // the clock of the bubble
			go peer.SendMessage(websocket.Text, nil)
			if err := <-read; err != nil {
				t.Error(err)
			}
			_ = c.CloseNow()
			peer.ExpectEnd()
		})
	}
}

// TestKeepAliveAsksFirst: however short the time to answer is and however busy
// the machine, nobody is given up who has not been asked.
func TestKeepAliveAsksFirst(t *testing.T) {
	srv := httptest.NewServer(websocket.Handle(func(ctx context.Context, c *websocket.Conn) { _, _, _ = c.Read(ctx) },
		&websocket.AcceptOptions{ConnOptions: websocket.ConnOptions{PingInterval: 20 * time.Millisecond, PongTimeout: time.Nanosecond}}))
	defer srv.Close()
	var all sync.WaitGroup
	for range 500 {
		p := wstest.Connect(t, srv.URL)
		all.Go(func() {
			if f, err := p.Next(); err != nil || f.Opcode != 9 {
				t.Errorf("%+v, %v", f, err)
			}
		})
	}
	all.Wait()
}
