package websocket_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openline/openline/websocket"
	"github.com/openline/openline/websocket/http1"
)

// pipeListener is a listener without a network, for tests in which time is
// testing/synctest's.
type pipeListener struct {
	conns chan net.Conn
	done  chan struct{}
}

func newPipeListener() *pipeListener {
	return &pipeListener{make(chan net.Conn), make(chan struct{})}
}

func (l *pipeListener) dial() net.Conn {
	here, there := net.Pipe()
	l.conns <- there
	return here
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	close(l.done)
	return nil
}

func (l *pipeListener) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "pipe"} }

// testHalfOpen: a handshake that does not get ahead is cut off when its time is
// over, however its octets trickle in.
func testHalfOpen(t *testing.T) {
	for _, o := range []*http1.Options{nil, {HeaderTimeout: 3 * time.Second}} {
		limit := 10 * time.Second
		if o != nil {
			limit = o.HeaderTimeout
		}
		for name, send := range map[string]func(net.Conn){
			"nothing": func(net.Conn) {},
			"all but the last LF": func(nc net.Conn) {
				io.WriteString(nc, strings.TrimSuffix(baseRequest, "\n"))
			},
			"an octet a second": func(nc net.Conn) {
				for i := range len(baseRequest) {
					if _, err := io.WriteString(nc, baseRequest[i:i+1]); err != nil {
						return
					}
					<-time.After(time.Second)
				}
			},
		} {
			t.Run(limit.String()+" "+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					l := newPipeListener()
					newStack(t, stackOptions{listen: l, guard: o})
					nc := l.dial()
					var sending sync.WaitGroup
					defer sending.Wait()
					defer nc.Close()
					begin := time.Now()
					sending.Go(func() { send(nc) })
					resp, err := http.ReadResponse(bufio.NewReader(nc), nil)
					if spent := time.Since(begin); spent != limit {
						t.Errorf("cut off after %v, want %v", spent, limit)
					}
					if name == "nothing" {
						if err != io.ErrUnexpectedEOF {
							t.Errorf("want a plain close, got %v", err)
						}
						return
					}
					if err != nil || resp.StatusCode != http.StatusRequestTimeout || !resp.Close {
						t.Errorf("want 408 and close, got %v, %v", resp, err)
					}
				})
			})
		}
	}
}

// testHandshakeDeadline: whatever the other side does not do, Dial ends when
// its time is over, and closes the socket.
func testHandshakeDeadline(t *testing.T) {
	trickle := func(text string) func(*scriptPeer) {
		return func(p *scriptPeer) {
			for i := 0; ; i++ {
				c := "a"
				if i < len(text) {
					c = text[i : i+1]
				}
				if _, err := io.WriteString(p, c); err != nil {
					return
				}
				<-time.After(time.Second)
			}
		}
	}
	for name, serve := range map[string]func(*scriptPeer){
		"silence": func(p *scriptPeer) {},
		"a status line that stops": func(p *scriptPeer) {
			p.say("HTTP/1.1 101 ")
		},
		"a header that stops":           func(p *scriptPeer) { p.say(strings.TrimSuffix(response(), "\n")) },
		"an octet a second without end": trickle("HTTP/1.1 101 Switching Protocols\r\nX: "),
	} {
		for _, limit := range []time.Duration{0, 2 * time.Second} {
			t.Run(fmt.Sprint(name, " ", limit), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := newPipeScript(t, func(p *scriptPeer) {
						serve(p)
						p.silence(t)
					})
					begin := time.Now()
					err := s.fail(t, "ws://ws.test/", websocket.DialOptions{HandshakeTimeout: limit})
					want := limit
					if limit == 0 {
						want = 10 * time.Second // the default
					}
					if spent := time.Since(begin); spent != want || !errors.Is(err, context.DeadlineExceeded) {
						t.Errorf("after %v, want %v: %v", spent, want, err)
					}
					s.running.Wait() // the socket is closed, no goroutine is left
				})
			})
		}
	}
	t.Run("TLS", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			begin := time.Now()
			s := newPipeScript(t, nil)
			silent := func(ctx context.Context, network, address string) (net.Conn, error) {
				here, there := net.Pipe()
				s.running.Go(func() { io.Copy(io.Discard, there) })
				return here, nil
			}
			_, err := websocket.Dial(t.Context(), "wss://ws.test/", &websocket.DialOptions{NetDial: silent, Proxy: noProxy})
			if spent := time.Since(begin); spent != 10*time.Second || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("after %v: %v", spent, err)
			}
			s.running.Wait()
		})
	})
	t.Run("TCP and name resolution", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			begin := time.Now()
			never := func(ctx context.Context, network, address string) (net.Conn, error) {
				<-ctx.Done()
				return nil, ctx.Err()
			}
			_, err := websocket.Dial(t.Context(), "ws://ws.test/", &websocket.DialOptions{NetDial: never, Proxy: noProxy})
			if spent := time.Since(begin); spent != 10*time.Second || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("after %v: %v", spent, err)
			}
		})
	})
	t.Run("redirects share it", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := newPipeScript(t, func(p *scriptPeer) {
				<-time.After(4 * time.Second)
				p.say("HTTP/1.1 302 Found\r\nLocation: /again\r\nContent-Length: 0\r\n\r\n")
			})
			begin := time.Now()
			err := s.fail(t, "ws://ws.test/", websocket.DialOptions{MaxRedirects: 10})
			if spent := time.Since(begin); spent != 10*time.Second || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("after %v: %v", spent, err)
			}
			s.running.Wait()
		})
	})
	t.Run("a refusal's body is not waited for", func(t *testing.T) {
		for _, limit := range []time.Duration{0, 500 * time.Millisecond} {
			synctest.Test(t, func(t *testing.T) {
				s := newPipeScript(t, func(p *scriptPeer) {
					p.say("HTTP/1.1 400 Bad Request\r\nContent-Length: 100\r\n\r\nbecause")
					p.silence(t)
				})
				begin := time.Now()
				e := handshakeError(t, s.fail(t, "ws://ws.test/", websocket.DialOptions{HandshakeTimeout: limit}))
				want := time.Second
				if limit > 0 {
					want = limit
				}
				if spent := time.Since(begin); spent != want || e.Status != 400 || string(e.Body) != "because" {
					t.Errorf("after %v: %v %q", spent, e, e.Body)
				}
				s.running.Wait()
			})
		}
	})
	t.Run("the caller's context", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := newPipeScript(t, func(p *scriptPeer) { p.silence(t) })
			ctx, cancel := context.WithCancelCause(t.Context())
			time.AfterFunc(time.Second, func() { cancel(errors.New("enough")) })
			if _, err := websocket.Dial(ctx, "ws://ws.test/", s.options(websocket.DialOptions{HandshakeTimeout: -1})); !errors.Is(err, context.Canceled) {
				t.Errorf("the error is %v", err)
			}
			s.running.Wait()
			done, cancel2 := context.WithCancel(t.Context())
			cancel2()
			if _, err := websocket.Dial(done, "ws://ws.test/", s.options(websocket.DialOptions{})); !errors.Is(err, context.Canceled) {
				t.Errorf("the error is %v", err)
			}
			s.running.Wait()
		})
	})
	t.Run("nothing of it is left behind", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := newPipeScript(t, func(p *scriptPeer) {
				p.say(response())
				<-time.After(time.Hour)
				p.say("\x81\x02Hi")
				io.Copy(io.Discard, p.br)
			})
			ctx, cancel := context.WithCancel(t.Context())
			c, err := websocket.Dial(ctx, "ws://ws.test/", s.options(websocket.DialOptions{ConnOptions: websocket.ConnOptions{PingInterval: -1}}))
			if err != nil {
				t.Fatal(err)
			}
			cancel() // it ends with Dial
			if _, msg, err := c.Read(t.Context()); err != nil || string(msg) != "Hi" {
				t.Errorf("an hour later: %q, %v", msg, err)
			}
			c.CloseNow()
			s.running.Wait()
		})
	})
}
