package websocket_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openline/openline/websocket"
	"github.com/openline/openline/websocket/wstest"
)

// RFC 6455 §5.5: control frames.

func init() {
	scripts("WS-5.5-01", "5.5-01-largest-control-frames")
	scripts("WS-5.5-02", "5.5-02-long-control-frames")
	scripts("WS-5.5.1-01", "5.5.1-01-close")
	scripts("WS-5.5.1-02", "5.5.1-02-close-without-a-body")
	scripts("WS-5.5.1-03", "5.5.1-03-close-of-one-octet")
	scripts("WS-5.5.1-04", "5.5.1-04-longest-reason")
	scripts("WS-5.5.1-05", "5.5.1-05-reason-not-utf-8")
	requirement("WS-5.5.1-06", testNothingAfterOurClose)
	requirement("WS-5.5.1-07", func(t *testing.T) {
		t.Parallel()
		playScripts(t, "5.5.1-07-after-close")
		testJunkAfterClose(t)
	})
	scripts("WS-5.5.1-08", "5.5.1-08-two-closes")
	requirement("WS-5.5.1-09", testBothClose)
	requirement("WS-5.5.1-10", testReasonTooLong)
	scripts("WS-5.5.2-01", "5.5.2-01-ping")
	scripts("WS-5.5.2-02", "5.5.2-02-ten-pings")
	requirement("WS-5.5.2-03", testPingAfterOurClose)
	scripts("WS-5.5.2-04", "5.5.2-04-ping-after-close")
	requirement("WS-5.5.2-05", testPingFlood)
	requirement("WS-5.5.2-06", testKeepAlive)
	scripts("WS-5.5.3-01", "5.5.3-01-unsolicited-pong")
}

// testNothingAfterOurClose starts to close with messages queued and writers at
// work. The peer accepts nothing behind the Close.
func testNothingAfterOurClose(t *testing.T) {
	t.Parallel()
	for _, client := range ends {
		e := newBench(t, sink, websocket.ConnOptions{}).open(client)
		ctx := t.Context()
		queued, err := websocket.Prepare(websocket.Text, []byte("queued"))
		if err != nil {
			t.Fatal(err)
		}
		for range 100 {
			if err := e.conn.TrySend(queued); err != nil {
				t.Fatal(err)
			}
		}
		var writers sync.WaitGroup
		for w := range 8 {
			writers.Go(func() {
				for sendBy(ctx, e.conn, w%3, []byte("12345678 written")) == nil || e.conn.Err() == nil {
					continue
				}
			})
		}
		closed := make(chan error, 1)
		started := make(chan struct{})
		go func() {
			<-started
			closed <- e.conn.Close(websocket.CloseNormal, "")
		}()
		got := map[string]int{}
		for n := 0; ; n++ {
			if n == 1000 {
				close(started) // with the writers in full swing
			}
			data, ok := nextMessage(e)
			if !ok {
				break // it was the Close
			}
			got[string(data)]++
		}
		for name, send := range map[string]func() error{
			"Write":      func() error { return e.conn.Write(ctx, websocket.Text, nil) },
			"TrySend":    func() error { return e.conn.TrySend(queued) },
			"NextWriter": func() error { return sendBy(ctx, e.conn, 2, []byte("12345678")) },
			"Ping":       func() error { return e.conn.Ping(ctx) },
		} {
			if err := send(); err == nil {
				t.Errorf("%s after Close succeeds", name)
			}
		}
		e.SendClose(websocket.CloseNormal, "")
		if client {
			e.CloseWrite()
		}
		e.ExpectEnd()
		writers.Wait()
		if err := <-closed; err != nil {
			t.Error(err)
		}
		if got["queued"] != 100 {
			t.Errorf("%s: %d of the 100 messages that were queued before Close came", endName(client), got["queued"])
		}
	}
}

// testJunkAfterClose sends a Close and then much else.
func testJunkAfterClose(t *testing.T) {
	t.Helper()
	b := newBench(t, echoing, websocket.ConnOptions{})
	for _, client := range ends {
		e := b.open(client)
		e.SendClose(websocket.CloseNormal, "")
		junk := make(chan struct{})
		go func() {
			defer close(junk)
			e.CutBytes(1<<16, []byte(strings.Repeat("junk", 1<<18)))
		}()
		e.ExpectClose(websocket.CloseNormal)
		waitFor(t, "the junk to be taken", junk)
		if client {
			e.CloseWrite()
		}
		e.ExpectEnd()
		e.expectErr(t, websocket.CloseNormal, true)
	}
}

// testBothClose crosses two Close frames.
func testBothClose(t *testing.T) {
	t.Parallel()
	playScript(t, newBench(t, echoing, websocket.ConnOptions{}), &wstest.Script{
		Name: "alone", Steps: []wstest.Step{
			{Verb: "recv", Octets: []byte{0x88, 0x82, 0x12, 0x34, 0x56, 0x78, 0x11, 0xDC}}, {Verb: "close", Code: 1000},
		},
	}, 0)
	for _, client := range ends {
		for range 50 {
			e := newBench(t, sink, websocket.ConnOptions{}).open(client)
			closed := make(chan error, 1)
			go func() { closed <- e.conn.Close(websocket.CloseNormal, "") }()
			e.SendClose(websocket.CloseNormal, "") // before ours was read, perhaps before it was sent
			e.ExpectClose(websocket.CloseNormal)
			if client {
				e.CloseWrite()
			}
			e.ExpectEnd()
			if err := <-closed; err != nil {
				t.Fatalf("Close: %v", err)
			}
			if _, err := e.result(t); err.Code != websocket.CloseNormal || err.Err != nil {
				t.Fatalf("the application sees %v", err)
			}
		}
	}
}

// testReasonTooLong: what does not fit is an error, and the connection goes on.
func testReasonTooLong(t *testing.T) {
	t.Parallel()
	for _, client := range ends {
		e := newBench(t, echoing, websocket.ConnOptions{}).open(client)
		for _, reason := range []string{strings.Repeat("é", 62), strings.Repeat("x", 124), strings.Repeat("x", 1<<20)} {
			if err := e.conn.Close(websocket.CloseNormal, reason); err == nil {
				t.Errorf("a reason of %d octets is taken", len(reason))
			}
		}
		e.SendMessage(websocket.Text, []byte("still open"))
		e.ExpectText("still open")
		reason := strings.Repeat("é", 61) + "x"
		closed := make(chan error, 1)
		go func() { closed <- e.conn.Close(websocket.CloseNormal, reason) }()
		if got := e.ExpectClose(websocket.CloseNormal); got != reason {
			t.Errorf("the reason is %q", got)
		}
		e.SendClose(websocket.CloseNormal, "")
		if client {
			e.CloseWrite()
		}
		e.ExpectEnd()
		if err := <-closed; err != nil {
			t.Error(err)
		}
	}
}

// testPingAfterOurClose: a Ping before the peer's Close is answered, though our
// own Close is out.
func testPingAfterOurClose(t *testing.T) {
	t.Parallel()
	for _, client := range ends {
		for _, glued := range []bool{false, true} {
			e := newBench(t, sink, websocket.ConnOptions{}).open(client)
			closed := make(chan error, 1)
			go func() { closed <- e.conn.Close(websocket.CloseNormal, "") }()
			e.ExpectClose(websocket.CloseNormal)
			if glued {
				b := e.AppendFrame(nil, true, 9, []byte("z"))
				e.SendBytes(e.AppendFrame(b, true, 8, []byte{3, 232}))
				e.ExpectPong("z")
			} else {
				e.SendPing("z")
				e.ExpectPong("z")
				e.SendClose(websocket.CloseNormal, "")
			}
			if client {
				e.CloseWrite()
			}
			e.ExpectEnd()
			if err := <-closed; err != nil {
				t.Error(err)
			}
		}
	}
}

// testPingFlood sends a million Pings of 125 octets and reads nothing.
func testPingFlood(t *testing.T) {
	pings := 1_000_000
	if testing.Short() {
		pings /= 10
	}
	for _, client := range ends {
		e := newBench(t, sink, websocket.ConnOptions{WriteTimeout: -1}).open(client)
		one := e.AppendFrame(nil, true, 9, make([]byte, 125))
		var many []byte
		for range 500 {
			many = append(many, one...)
		}
		before := heap()
		for i := range pings / 500 {
			e.SendBytes(many)
			if i%200 == 0 {
				if grown := heapGrowth(before, 1<<20); grown > 1<<20 {
					t.Fatalf("%s: after %d Pings the heap has grown by %d octets", endName(client), i*500, grown)
				}
			}
		}
		// The latest is answered in the end.
		e.SendPing("last")
		for {
			f := e.Frame()
			if f.Opcode != 0xA {
				t.Fatalf("opcode %x instead of a Pong", f.Opcode)
			}
			if string(f.Payload) == "last" {
				break
			}
		}
		e.bye(t, client)
	}
}

// testKeepAlive: a silent peer is asked after PingInterval and given up
// PongTimeout later; one that answers, or sends anything, is not.
func testKeepAlive(t *testing.T) {
	options := websocket.ConnOptions{PingInterval: 100 * time.Millisecond, PongTimeout: 300 * time.Millisecond}
	synctest.Test(t, func(t *testing.T) {
		c, there := websocket.NewTestPair(t, &options)
		peer := wstest.NewPeer(t, there, false)
		start := time.Now()
		pings := make(chan int, 1)
		go func() {
			n := 0
			for {
				f, err := peer.Next()
				if err != nil {
					pings <- n
					return
				}
				if f.Opcode == 9 {
					n++
				}
			}
		}()
		_, _, err := c.Read(t.Context())
		if e, ok := errors.AsType[*websocket.CloseError](err); !ok || e.Code != websocket.CloseAbnormal || !e.Remote {
			t.Errorf("a silent peer: %v", err)
		}
		if took := time.Since(start); took != 400*time.Millisecond {
			t.Errorf("given up after %s, want 400 ms", took)
		}
		if n := <-pings; n != 1 {
			t.Errorf("%d Pings, want one", n)
		}
	})
	for name, answer := range map[string]func(p *wstest.Peer, ping []byte){
		"answers":  func(p *wstest.Peer, ping []byte) { p.SendFrame(true, 0xA, ping) },
		"messages": func(p *wstest.Peer, _ []byte) { p.SendFrame(true, 2, nil) },
	} {
		synctest.Test(t, func(t *testing.T) {
			c, there := websocket.NewTestPair(t, &options)
			peer := wstest.NewPeer(t, there, false)
			var asked sync.WaitGroup
			asked.Go(func() {
				for {
					f, err := peer.Next()
					if err != nil {
						return
					}
					if f.Opcode == 9 {
						answer(peer, f.Payload)
					}
				}
			})
			ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
			defer cancel()
			for _, err := range c.Messages(ctx) {
				if err != nil && !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("a peer that %s: %v", name, err)
				}
			}
			_ = c.CloseNow()
			_, _ = io.Copy(io.Discard, there)
			asked.Wait()
		})
	}
	// Over TCP, where the connection is read by other means.
	for _, client := range ends {
		e := newBench(t, sink, options).open(client)
		e.ExpectPing()
		e.ExpectGone()
		e.expectErr(t, websocket.CloseAbnormal, true)
	}
}
