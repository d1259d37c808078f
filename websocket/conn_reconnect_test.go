package websocket_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openline/openline/websocket"
	"github.com/openline/openline/websocket/wstest"
)

// TestReconnectEnds lists when Reconnect is done and when it dials again.
func TestReconnectEnds(t *testing.T) {
	boom := errors.New("boom")
	readUntil := func(ctx context.Context, c *websocket.Conn) error {
		_, _, err := c.Read(ctx)
		return err
	}
	for name, c := range map[string]struct {
		server func(p *wstest.Peer) // what the first server does
		run    func(context.Context, *websocket.Conn) error
		again  bool // is there a second connection?
		want   error
	}{
		"the function is done": {
			run: func(context.Context, *websocket.Conn) error { return nil },
		},
		"the function fails": {
			run: func(context.Context, *websocket.Conn) error { return boom }, want: boom,
		},
		"the function fails after the peer's normal Close": {
			server: func(p *wstest.Peer) { p.SendClose(websocket.CloseNormal, "") },
			run: func(ctx context.Context, c *websocket.Conn) error {
				_ = readUntil(ctx, c)
				return boom
			}, want: boom,
		},
		"the peer closes normally": {server: func(p *wstest.Peer) { p.SendClose(websocket.CloseNormal, "") }, run: readUntil},
		"the server goes away":     {server: func(p *wstest.Peer) { p.SendClose(websocket.CloseGoingAway, "") }, run: readUntil, again: true},
		"the connection is lost":   {server: func(p *wstest.Peer) { p.Close() }, run: readUntil, again: true},
		"the server goes away in a Messages loop": {
			server: func(p *wstest.Peer) { p.SendClose(websocket.CloseGoingAway, "") },
			run: func(ctx context.Context, c *websocket.Conn) error {
				for _, err := range c.Messages(ctx) {
					if err != nil {
						return err
					}
				}
				return nil
			}, again: true,
		},
		"our end closes normally": {
			run: func(_ context.Context, c *websocket.Conn) error { return c.Close(websocket.CloseNormal, "") },
		},
		"our end fails the connection": {
			server: func(p *wstest.Peer) { p.Send("83") }, run: readUntil, again: true,
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			dials := 0
			served := make(chan struct{}, 2)
			dial := func(context.Context, string, string) (net.Conn, error) {
				dials++
				first := dials == 1
				here, there := net.Pipe()
				go func() {
					p := wstest.AcceptOver(t, there)
					switch {
					case !first:
						p.SendClose(websocket.CloseNormal, "")
					case c.server != nil:
						c.server(p)
					}
					for {
						f, err := p.Next()
						if err != nil {
							break
						}
						if f.Opcode == 8 && first && c.server == nil {
							p.SendFrame(true, 8, f.Payload)
						}
						if f.Opcode == 8 {
							break
						}
					}
					_ = there.Close()
					served <- struct{}{}
				}()
				return here, nil
			}
			run := func(ctx context.Context, conn *websocket.Conn) error {
				if dials == 1 {
					return c.run(ctx, conn)
				}
				return readUntil(ctx, conn)
			}
			err := websocket.Reconnect(t.Context(), "ws://example.com/", &websocket.DialOptions{NetDial: dial, Proxy: noProxy}, run)
			want := 1
			if c.again {
				want = 2
			}
			for range dials {
				<-served
			}
			if !errors.Is(err, c.want) || c.want == nil && err != nil || dials != want {
				t.Errorf("%s: %v after %d connections, want %v after %d", name, err, dials, c.want, want)
			}
		})
	}
}

// TestReconnectGivesUp when the server says that trying again is of no use, and
// when its context ends.
func TestReconnectGivesUp(t *testing.T) {
	srv := httptest.NewServer(http.NotFoundHandler())
	defer srv.Close()
	never := func(context.Context, *websocket.Conn) error { t.Error("a connection"); return nil }
	err := websocket.Reconnect(t.Context(), wsURL(srv), nil, never)
	if e, ok := errors.AsType[*websocket.HandshakeError](err); !ok || e.Status != http.StatusNotFound {
		t.Error(err)
	}
	if err := websocket.Reconnect(t.Context(), "gopher://example.com", nil, never); err == nil {
		t.Error("a URL of another scheme is taken")
	}
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		refuse := func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("refused") }
		err := websocket.Reconnect(ctx, "ws://example.com", &websocket.DialOptions{
			ConnOptions: websocket.ConnOptions{Logger: slog.New(slog.DiscardHandler)}, NetDial: refuse, Proxy: noProxy,
		}, never)
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	})
}

// TestBackoffAfterAConnectionThatHeld: the delays begin anew, near nothing.
func TestBackoffAfterAConnectionThatHeld(t *testing.T) {
	for range 10 { // by chance, one could be as short without that
		synctest.Test(t, func(t *testing.T) {
			const failures = 6
			var at []time.Time
			var server sync.WaitGroup
			dial := func(context.Context, string, string) (net.Conn, error) {
				at = append(at, time.Now())
				if n := len(at); n <= failures || n > failures+2 {
					return nil, errors.New("refused")
				}
				here, there := net.Pipe()
				server.Go(func() {
					p := wstest.AcceptOver(t, there)
					if len(at) == failures+2 {
						p.SendClose(websocket.CloseNormal, "")
						p.ExpectClose(websocket.CloseNormal)
					} else {
						time.Sleep(time.Minute) // the clock of the bubble
					}
					p.Close()
				})
				return here, nil
			}
			err := websocket.Reconnect(t.Context(), "ws://example.com", &websocket.DialOptions{
				ConnOptions: websocket.ConnOptions{PingInterval: -1}, NetDial: dial, Proxy: noProxy,
			}, func(ctx context.Context, c *websocket.Conn) error {
				_, _, err := c.Read(ctx)
				if len(at) == failures+1 {
					at[failures] = time.Now() // the delay counts from the end
				}
				return err
			})
			server.Wait()
			if err != nil || len(at) != failures+2 {
				t.Fatal(err, len(at))
			}
			if delay := at[failures+1].Sub(at[failures]); delay > 5*time.Second {
				t.Errorf("the first delay after a minute's connection is %s", delay)
			}
		})
	}
}
