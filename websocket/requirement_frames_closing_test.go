package websocket_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"strings"
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
					time.Sleep(time.Second / 7) // the clock of the bubble
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
