package client

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A transport that does not get through is followed by the next one, and that is
// remembered for an hour.
func TestFallback(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		began := time.Now()
		fails := 20 * time.Minute
		var polls func(*line)
		polls = func(l *line) {
			time.Sleep(20 * time.Second)
			if time.Since(began) < fails {
				f.play("poll", polls)
				l.answer("e-1.p1")
				return
			}
			if fails += 41 * time.Minute; fails < 2*time.Hour { // there is still the session
				f.play("poll", func(l *line) { l.answer("e-1.p1") }, polls)
			}
			l.refuse(http.StatusBadGateway, "")
		}
		f.play("ws", func(l *line) { l.refuse(http.StatusBadRequest, "", "Content-Type", "text/html") }) // a proxy's
		f.play("sse", func(l *line) { l.w.Header().Set("Content-Type", "text/html"); l.write("<p>Welcome!") })
		f.play("stream", func(l *line) { l.wait() }) // a proxy that holds all back
		f.play("poll", func(l *line) { l.answer("e-1.p1", opened("e-0", false), message(1)) }, polls)
		c := f.dial(f.options())
		if got := time.Since(began); got != 10*time.Second {
			t.Errorf("it took %v", got)
		}
		numbers(t, c, 1)
		if s := f.state(Open); s.Transport != Poll {
			t.Errorf("%+v", s)
		}
		if s := f.state(Open); s.Transport != Poll || !s.Resumed {
			t.Errorf("%+v", s)
		}
		f.play("ws", func(l *line) {
			l.wantSince("e-1.p1")
			l.open("e-1", true)
			l.wait()
		})
		if s := f.state(Open); s.Transport != WebSocket || time.Since(began) < badFor {
			t.Errorf("%+v", s)
		}
	})
}

// A server that cannot be reached cannot be reached otherwise either.
func TestNoFallbackWhenUnreachable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		tries := 0
		f.l.refuse = func() error {
			if tries++; tries > 20 {
				return nil
			}
			return errors.New("connection refused")
		}
		f.play("ws", func(l *line) { l.open("e-0", false); l.wait() })
		began := time.Now()
		f.dial(f.options())
		if d := time.Since(began); d < time.Minute || d > 20*30*time.Second {
			t.Errorf("20 attempts took %v", d)
		}
		if s := f.state(Open); s.Transport != WebSocket {
			t.Errorf("%+v", s)
		}
	})
}

// A server that asks for patience is waited for.
func TestRetryAfter(t *testing.T) {
	for _, name := range []string{"ws", "sse", "stream", "poll"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFake(t)
				began := time.Now()
				f.play(name, func(l *line) { l.refuse(503, "try_later", "Retry-After", "20") }, func(l *line) {
					if l.name == "poll" {
						l.answer("e-0.p1", opened("e-0", false))
						return
					}
					l.open("e-0", false)
					l.wait()
				}, func(l *line) { l.wait() })
				f.dial(f.options(map[string]Transport{"ws": WebSocket, "sse": SSE, "stream": Stream, "poll": Poll}[name]))
				if d := time.Since(began); d < 20*time.Second || d > 21*time.Second {
					t.Errorf("came back after %v", d)
				}
			})
		})
	}
}

// Overload over server-sent events is a 200 with a time to come back.
func TestOverload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		began := time.Now()
		f.play("sse", func(l *line) {
			l.w.Header().Set("Content-Type", "text/event-stream")
			l.write("retry: 9000\n\n")
			l.send(`{"type":"sys:error","data":{"code":"try_later","message":"Full."}}`)
		}, func(l *line) { l.open("e-0", false); l.wait() })
		f.dial(f.options(SSE))
		if d := time.Since(began); d != 9*time.Second {
			t.Errorf("came back after %v", d)
		}
	})
}

func TestChoice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, test := range []struct{ events, want string }{
			{"", "websocket"},
			{"sure", "sse"},
			{"weak", "websocket"},
			{"weak weak", "sse"},
			{"fair fair", "sse"},
			{"none none none none none none", "websocket"},
			{"works sure sure", "websocket"},
			{"works sure sure sure", "sse"},
			{"works weak weak weak weak weak weak weak", "websocket"}, // a gateway whose server restarts
			{"works fair fair fair fair fair", "websocket"},
			{"works sure sure works sure", "websocket"},
			{"sure sure sure", "poll"},
			{"sure sure sure sure", "websocket"}, // all of them again
			{"sure works weak hour", "websocket"},
		} {
			c := newChoice(transports)
			for e := range strings.FieldsSeq(test.events) {
				switch e {
				case "works":
					c.works(c.pick())
				case "hour":
					time.Sleep(badFor)
				default:
					c.failed(c.pick(), map[string]doubt{"none": none, "weak": weak, "fair": fair, "sure": sure}[e])
				}
			}
			if got := c.pick(); string(got) != test.want {
				t.Errorf("%q: %s, want %s", test.events, got, test.want)
			}
		}
	})
}
