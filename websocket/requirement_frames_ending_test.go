package websocket_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openline/openline/websocket"
	"github.com/openline/openline/websocket/wstest"
)

// RFC 6455 §7.1–§7.3, continued: servers that stop, handlers that crash, clients
// that come back.

func init() {
	requirement("WS-7.1-12", testShutdown)
	requirement("WS-7.1-13", testPanic)
	requirement("WS-7.2-01", testReconnect)
}

// testShutdown stops a server with 1,000 connections, ten of which do not read
// what they are sent: the others are told, those are cut off at the limit of the
// shutdown. Without a limit, alone, they are cut off at CloseTimeout.
func testShutdown(t *testing.T) {
	const stuck = 10
	for _, limited := range []bool{false, true} {
		connections, options := stuck, websocket.ConnOptions{CloseTimeout: 200 * time.Millisecond}
		if limited {
			connections, options.CloseTimeout = 1000, time.Hour
		}
		full := make(chan struct{}, stuck)
		b := newBench(t, func(ctx context.Context, e *endpoint) {
			if typ, _, _ := e.conn.Read(ctx); typ == websocket.Binary {
				go func() {
					for e.conn.Write(ctx, websocket.Binary, make([]byte, 1<<20)) == nil {
						full <- struct{}{}
					}
				}()
			}
			sink(ctx, e)
		}, options)
		list := make([]*endpoint, connections)
		for i := range list {
			list[i] = b.open(false)
			if i < stuck {
				list[i].SendFrame(true, 2, nil)
				<-full
			}
		}
		go func() {
			for range full { //nolint:revive // what else fits the buffers of the system
			}
		}()
		var peers sync.WaitGroup
		told := make(chan websocket.CloseCode, connections)
		for _, e := range list[stuck:] {
			peers.Go(func() {
				f, err := e.Next()
				if err != nil || f.Opcode != 8 || len(f.Payload) < 2 {
					told <- 0
					return
				}
				told <- websocket.CloseCode(f.Payload[0])<<8 | websocket.CloseCode(f.Payload[1])
				_, _ = e.NetConn().Write(e.AppendFrame(nil, true, 8, f.Payload[:2]))
				if _, err := e.Next(); err != io.EOF {
					told <- 0
				}
			})
		}
		ctx, cancel := context.WithTimeout(t.Context(), guard)
		if limited {
			// The limit passes when all that can be told have been told.
			go func() {
				peers.Wait()
				cancel()
			}()
		}
		err := b.handler.Shutdown(ctx)
		cancel()
		if limited != errors.Is(err, context.Canceled) || !limited && err != nil {
			t.Fatalf("Shutdown: %v", err)
		}
		peers.Wait()
		close(told)
		n := 0
		for code := range told {
			if code != websocket.CloseGoingAway {
				t.Fatalf("a peer was told %d and then the end of TCP, or something else", code)
			}
			n++
		}
		if n != connections-stuck {
			t.Errorf("%d peers were told, want %d", n, connections-stuck)
		}
		for _, e := range list[:stuck] {
			for {
				if _, err := e.Next(); err != nil {
					break
				}
			}
		}
		for _, e := range list {
			waitFor(t, "the handler", e.done)
			e.Close()
		}
		close(full)
		if n := b.handler.Len(); n != 0 {
			t.Errorf("%d connections are left", n)
		}
		b.handler = websocket.Handle(nil, nil) // this one has been shut down
	}
}

// testPanic: a handler that panics closes its connection with 1011, says nothing
// of the cause to the peer, and leaves the others alone.
func testPanic(t *testing.T) {
	t.Parallel()
	b := newBench(t, func(ctx context.Context, e *endpoint) {
		for {
			_, msg, err := e.conn.Read(ctx)
			if err != nil {
				e.err = err
				return
			}
			if string(msg) == "panic" {
				panic("the secret cause")
			}
			_ = e.conn.Write(ctx, websocket.Text, msg)
		}
	}, websocket.ConnOptions{})
	other, e := b.open(false), b.open(false)
	e.SendMessage(websocket.Text, []byte("panic"))
	if reason := e.ExpectClose(websocket.CloseInternalError); strings.Contains(reason, "secret") || strings.Contains(reason, "goroutine") {
		t.Errorf("the reason tells %q", reason)
	}
	e.SendClose(websocket.CloseInternalError, "")
	e.ExpectEnd()
	other.SendMessage(websocket.Text, []byte("well"))
	other.ExpectText("well")
	other.bye(t, false)
}

// testReconnect: a server that accepts and resets ten times, then refuses to
// answer twice, and then closes normally.
func testReconnect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var at []time.Time
		var servers sync.WaitGroup
		dial := func(context.Context, string, string) (net.Conn, error) {
			at = append(at, time.Now())
			n := len(at)
			if n == 11 || n == 12 {
				return nil, errors.New("refused")
			}
			here, there := net.Pipe()
			servers.Go(func() {
				p := wstest.AcceptOver(t, there)
				if n == 13 {
					p.SendClose(websocket.CloseNormal, "")
					p.ExpectClose(websocket.CloseNormal)
				}
				_ = there.Close()
			})
			return here, nil
		}
		runs := 0
		err := websocket.Reconnect(t.Context(), "ws://example.com/", &websocket.DialOptions{
			ConnOptions: websocket.ConnOptions{Logger: slog.New(slog.DiscardHandler)}, NetDial: dial, Proxy: noProxy,
		}, func(ctx context.Context, c *websocket.Conn) error {
			runs++
			_, _, err := c.Read(ctx)
			return err
		})
		servers.Wait()
		if err != nil || runs != 11 || len(at) != 13 {
			t.Fatalf("%v after %d connections and %d attempts", err, runs, len(at))
		}
		bound := 5 * time.Second
		distinct := map[time.Duration]bool{}
		for i := range at[1:] {
			delay := at[i+1].Sub(at[i])
			if delay < 0 || delay > bound {
				t.Errorf("delay %d is %s, want at most %s", i+1, delay, bound)
			}
			distinct[delay] = true
			bound = min(2*bound, time.Minute)
		}
		if len(distinct) < 11 {
			t.Errorf("the delays are not random: %v", distinct)
		}
	})
	// A bound that is met again and again is not growing: over many series the
	// mean of each delay is half its bound.
	const series = 2000
	var sum [8]time.Duration
	for range series {
		var b websocket.Backoff
		for i := range sum {
			sum[i] += b.Next()
		}
	}
	bound := 5 * time.Second
	for i, s := range sum {
		if mean := s / series; mean < bound*45/100 || mean > bound*55/100 {
			t.Errorf("the mean of delay %d is %s, want about %s", i+1, mean, bound/2)
		}
		bound = min(2*bound, time.Minute)
	}
}
