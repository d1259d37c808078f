package websocket_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openline/openline/websocket"
	"github.com/openline/openline/websocket/wstest"
)

// RFC 6455 §7.1–§7.3: closing.

func init() {
	scripts("WS-7.1-01", "7.1-01-server-closes-first")
	requirement("WS-7.1-02", testClientWaitsForTheServer)
	requirement("WS-7.1-03", testCloseWithoutAnswer)
	scripts("WS-7.1-04", "7.1-04-unread-input")
	requirement("WS-7.1-05", testEndWithoutClose)
	requirement("WS-7.1-06", testHalfClosedPeer)
	scripts("WS-7.1-07", "7.1-07-half-close-after-close")
	scripts("WS-7.1-08", "7.1-08-first-close-counts")
	scripts("WS-7.1-09", "7.1-09-nothing-after-a-failure")
	requirement("WS-7.1-10", testFittingCodes)
	scripts("WS-7.1-11", "7.1-11-failing-server")
	requirement("WS-7.1-12", testShutdown)
	requirement("WS-7.1-13", testPanic)
	requirement("WS-7.2-01", testReconnect)
}

// testClientWaitsForTheServer: the client leaves the end of TCP to the server,
// for CloseTimeout.
func testClientWaitsForTheServer(t *testing.T) {
	for _, remote := range []bool{false, true} { // who closes first
		synctest.Test(t, func(t *testing.T) {
			c, there := websocket.NewTestPair(t, &websocket.ConnOptions{})
			peer := wstest.NewPeer(t, there, false)
			start := time.Now()
			closed := make(chan error, 1)
			if remote {
				go peer.SendClose(websocket.CloseNormal, "")
			}
			go func() {
				if remote {
					_, _, err := c.Read(t.Context())
					if websocket.CloseCodeOf(err) == websocket.CloseNormal {
						err = nil
					}
					closed <- err
					return
				}
				closed <- c.Close(websocket.CloseNormal, "")
			}()
			peer.ExpectClose(websocket.CloseNormal)
			if !remote {
				peer.SendClose(websocket.CloseNormal, "")
			}
			if err := <-closed; err != nil {
				t.Error(err)
			}
			if took := time.Since(start); took != 0 {
				t.Errorf("the client's application waits %s", took)
			}
			peer.ExpectEnd()
			if took := time.Since(start); took != 5*time.Second {
				t.Errorf("the client closes TCP after %s, want 5 s", took)
			}
		})
	}
	// Over TCP: no FIN before the server's, and then one.
	e := newBench(t, sink, websocket.ConnOptions{}).open(true)
	e.SendClose(websocket.CloseNormal, "")
	e.ExpectClose(websocket.CloseNormal)
	e.CloseWrite()
	e.ExpectEnd()
	e = newBench(t, sink, websocket.ConnOptions{CloseTimeout: 100 * time.Millisecond}).open(true)
	e.SendClose(websocket.CloseNormal, "")
	e.ExpectClose(websocket.CloseNormal)
	e.ExpectGone()
}

// testCloseWithoutAnswer: a peer that ignores our Close is cut off, also when it
// goes on sending.
func testCloseWithoutAnswer(t *testing.T) {
	const timeout = 3 * time.Second
	for _, sends := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			c, there := websocket.NewTestPair(t, &websocket.ConnOptions{CloseTimeout: timeout})
			peer := wstest.NewPeer(t, there, false)
			start := time.Now()
			closed := make(chan error, 1)
			go func() { closed <- c.Close(websocket.CloseNormal, "") }()
			peer.ExpectClose(websocket.CloseNormal)
			if sends {
				for there.SetDeadline(time.Now().Add(time.Minute)) == nil {
					if _, err := there.Write([]byte{0x82, 1, 7}); err != nil {
						break
					}
					time.Sleep(time.Second / 7) //nolint:forbidigo // the clock of the bubble
				}
			}
			err := <-closed
			if e, ok := errors.AsType[*websocket.CloseError](err); !ok || e.Code != websocket.CloseAbnormal || e.Remote {
				t.Errorf("Close: %v", err)
			}
			peer.ExpectGone()
			if took := time.Since(start); took < timeout || took > timeout+time.Second/7 {
				t.Errorf("cut off after %s, want %s", took, timeout)
			}
		})
	}
	for _, client := range ends {
		e := newBench(t, sink, websocket.ConnOptions{CloseTimeout: 50 * time.Millisecond}).open(client)
		go func() { _ = e.conn.Close(websocket.CloseNormal, "") }()
		e.ExpectClose(websocket.CloseNormal)
		data := e.AppendFrame(nil, true, 2, make([]byte, 1000))
		for {
			_ = e.NetConn().SetWriteDeadline(time.Now().Add(guard))
			if _, err := e.NetConn().Write(data); err != nil {
				if errors.Is(err, context.DeadlineExceeded) {
					t.Error("still open")
				}
				break
			}
		}
		e.expectErr(t, websocket.CloseAbnormal, false)
	}
}

// testEndWithoutClose: FIN, a reset and a cut TLS stream are abnormal closures.
func testEndWithoutClose(t *testing.T) {
	t.Parallel()
	for _, client := range ends {
		b := newBench(t, echoing, websocket.ConnOptions{})
		for name, end := range map[string]func(e *endpoint){
			"FIN":         func(e *endpoint) { e.CloseWrite(); e.ExpectGone() },
			"reset":       func(e *endpoint) { e.Reset() },
			"FIN and RST": func(e *endpoint) { e.SendMessage(websocket.Text, []byte("x")); e.Peer.Close() },
		} {
			e := b.open(client)
			end(e)
			if _, err := e.result(t); err.Code != websocket.CloseAbnormal || !err.Remote || err.Err == nil {
				t.Errorf("%s, after %s: %v", endName(client), name, err)
			}
		}
		e := openTLS(t, client, sink)
		e.SendMessage(websocket.Text, []byte("x"))
		_ = e.NetConn().(*tls.Conn).NetConn().Close() // no close_notify
		e.expectErr(t, websocket.CloseAbnormal, true)
	}
}

// openTLS opens a connection over TLS.
func openTLS(t *testing.T, client bool, run app) *endpoint {
	t.Helper()
	options := websocket.ConnOptions{Logger: slog.New(slog.DiscardHandler)}
	e := &endpoint{done: make(chan struct{})}
	accepted := make(chan struct{})
	srv := httptest.NewUnstartedServer(websocket.Handle(func(ctx context.Context, c *websocket.Conn) {
		e.conn = c
		close(accepted)
		defer close(e.done)
		run(ctx, e)
	}, &websocket.AcceptOptions{ConnOptions: options}))
	srv.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
	srv.StartTLS()
	t.Cleanup(srv.Close)
	config := &tls.Config{InsecureSkipVerify: true} // the test's own certificate
	if !client {
		nc, err := tls.Dial("tcp", srv.Listener.Addr().String(), config)
		if err != nil {
			t.Fatal(err)
		}
		e.Peer = wstest.ConnectOver(t, nc, srv.URL)
		waitFor(t, "the server's end", accepted)
		return e
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: srv.TLS.Certificates})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	dialed := make(chan error, 1)
	go func() {
		c, err := websocket.Dial(t.Context(), "wss://"+l.Addr().String(), &websocket.DialOptions{ConnOptions: options, TLSConfig: config})
		e.conn = c
		dialed <- err
	}()
	nc, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	e.Peer = wstest.AcceptOver(t, nc)
	if err := <-dialed; err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.conn.CloseNow() })
	go e.runClient(run)
	return e
}

// testHalfClosedPeer: a peer that has ended its direction without a Close is gone,
// though it still reads what is streamed to it.
func testHalfClosedPeer(t *testing.T) {
	t.Parallel()
	for _, client := range ends {
		streamed := make(chan error, 1)
		e := newBench(t, func(ctx context.Context, e *endpoint) {
			go func() {
				for {
					if err := e.conn.Write(ctx, websocket.Binary, make([]byte, 10_000)); err != nil {
						streamed <- err
						return
					}
				}
			}()
			sink(ctx, e)
		}, websocket.ConnOptions{}).open(client)
		e.Frame()
		e.CloseWrite()
		for {
			if _, err := e.Next(); err != nil { // io.EOF, a reset, or the end in the middle of a frame
				break
			}
		}
		if _, ok := errors.AsType[*websocket.CloseError](<-streamed); !ok {
			t.Error("the stream ends without a CloseError")
		}
		e.expectErr(t, websocket.CloseAbnormal, true)
	}
}

// testFittingCodes triggers each kind of failure.
func testFittingCodes(t *testing.T) {
	t.Parallel()
	for _, client := range ends {
		for name, c := range map[string]struct {
			options websocket.ConnOptions
			run     app
			cause   func(e *endpoint)
			code    websocket.CloseCode
		}{
			"framing":  {cause: func(e *endpoint) { e.Send("83") }, code: websocket.CloseProtocolError},
			"encoding": {cause: func(e *endpoint) { e.SendFrame(true, 1, []byte{0xFF}) }, code: websocket.CloseInvalidPayload},
			"size": {
				options: websocket.ConnOptions{ReadLimit: 10},
				cause:   func(e *endpoint) { e.SendFrame(true, 2, make([]byte, 11)) }, code: websocket.CloseMessageTooBig,
			},
			"fragments": {
				options: websocket.ConnOptions{MaxFragments: 2},
				cause: func(e *endpoint) {
					e.SendFrame(false, 2, nil)
					e.SendFrame(false, 0, nil)
					e.SendFrame(false, 0, nil)
				}, code: websocket.ClosePolicyViolation,
			},
			"rate": {
				options: websocket.ConnOptions{MessageRate: 0.001, MessageBurst: 3},
				cause: func(e *endpoint) {
					for range 4 {
						e.SendFrame(true, 2, nil)
					}
				}, code: websocket.ClosePolicyViolation,
			},
			"unwanted type": {
				run: func(ctx context.Context, e *endpoint) {
					if typ, _, _ := e.conn.Read(ctx); typ == websocket.Binary {
						_ = e.conn.Close(websocket.CloseUnsupportedData, "text only")
					}
				},
				cause: func(e *endpoint) { e.SendFrame(true, 2, nil) }, code: websocket.CloseUnsupportedData,
			},
			"internal error": {
				run: func(ctx context.Context, e *endpoint) {
					w, _ := e.conn.NextWriter(ctx, websocket.Text)
					_, _ = io.WriteString(w, strings.Repeat("x", 5000)+"\xC3")
					_ = w.Close() // ends inside a character
				},
				cause: func(e *endpoint) { e.Frame() }, code: websocket.CloseInternalError,
			},
		} {
			run := c.run
			if run == nil {
				run = sink
			}
			e := newBench(t, run, c.options).open(client)
			c.cause(e)
			e.ExpectClose(c.code) // and no second one: ExpectEnd sees to it
			if c.run != nil && c.code == websocket.CloseUnsupportedData {
				e.SendClose(c.code, "")
				if client {
					e.CloseWrite()
				}
			}
			e.ExpectEnd()
			waitFor(t, name, e.done)
			if code := websocket.CloseCodeOf(e.conn.Err()); code != c.code {
				t.Errorf("%s: the application sees %v", name, e.conn.Err())
			}
			e.Close()
		}
	}
}

// testShutdown stops a server with 1,000 connections, ten of which do not read
// what they are sent.
func testShutdown(t *testing.T) {
	const connections, stuck = 1000, 10
	for _, limited := range []bool{false, true} {
		options := websocket.ConnOptions{CloseTimeout: 500 * time.Millisecond}
		if limited {
			options.CloseTimeout = time.Hour
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
