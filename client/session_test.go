package client

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openline/openline/websocket"
)

// streaming are the transports on which an envelope comes as soon as it is there.
var streaming = map[string]Transport{"ws": WebSocket, "sse": SSE, "stream": Stream}

// everyStream plays a test on each of them.
func everyStream(t *testing.T, test func(t *testing.T, f *fake, name string, o *Options)) {
	for name, transport := range streaming {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFake(t)
				test(t, f, name, f.options(transport))
			})
		})
	}
}

// A connection that is cut is followed by one that resumes behind the last
// message; one that comes twice is given out once.
func TestResume(t *testing.T) {
	everyStream(t, func(t *testing.T, f *fake, name string, o *Options) {
		o.Channels = []string{"chat:x", "chat:y"}
		f.play(name, func(l *line) {
			l.wantSince("")
			if got := l.r.URL.Query().Get("channels"); got != "chat:x,chat:y" {
				t.Errorf("channels %q", got)
			}
			l.open("e-0", false)
			l.messages(1, 3)
			l.cut()
		}, func(l *line) {
			l.wantSince("e-3")
			l.open("e-3", true)
			l.messages(3, 4)
			l.send(`{"id":"e-5","type":"sys:join","channel":"chat:x","data":{"user":"bob","session":"b1"}}`)
			l.send(`{"type":"sys:later","data":{}}`)
			l.cut()
		}, func(l *line) {
			l.wantSince("e-5")
			l.open("f-0", false)
			l.send(`{"type":"sys:gap","data":{"after":"e-5","before":"f-1","reason":"restarted","cursor":"f-0"}}`)
			l.cut()
		}, func(l *line) {
			l.wantSince("f-0")
			l.open("f-0", true)
			l.wait()
		})
		c := f.dial(o)
		if got := numbers(t, c, 6); got != "1 2 3 4 bob true gap restarted" {
			t.Error(got)
		}
		synctest.Wait()
		if got := c.Cursor(); got != "f-0" {
			t.Errorf("cursor %q", got)
		}
		if s := f.state(Open); s.Resumed || s.Session != "s1" {
			t.Errorf("%+v", s)
		}
		if s := f.state(Open); !s.Resumed {
			t.Errorf("%+v", s)
		}
	})
}

// The cursor is that behind what Next has returned, not of what has arrived.
func TestCursor(t *testing.T) {
	everyStream(t, func(t *testing.T, f *fake, name string, o *Options) {
		o.Since = "e-7"
		f.play(name, func(l *line) {
			l.wantSince("e-7")
			l.open("e-8", true)
			l.messages(9, 9)
			l.send(`{"id":"e-4","cursor":"e-10","type":"message","channel":"quotes:x","data":4}`)
			l.wait()
		})
		c := f.dial(o)
		synctest.Wait()
		for _, want := range []string{"e-8", "e-9", "e-10"} {
			if got := c.Cursor(); got != want {
				t.Errorf("cursor %q, want %q", got, want)
			}
			if want != "e-10" {
				numbers(t, c, 1)
			}
		}
	})
}

// sys:drain says when to come back, and that is when the client does.
func TestDrain(t *testing.T) {
	everyStream(t, func(t *testing.T, f *fake, name string, o *Options) {
		var left time.Time
		f.play(name, func(l *line) {
			l.open("e-0", false)
			l.send(`{"type":"sys:drain","data":{"retry":7321}}`)
			left = time.Now()
			if l.conn != nil {
				_ = l.conn.Close(websocket.CloseGoingAway, "draining")
			}
		}, func(l *line) {
			if got := time.Since(left); got != 7321*time.Millisecond {
				t.Errorf("came back after %v", got)
			}
			l.open("e-0", true)
			l.messages(1, 1)
			l.wait()
		})
		if got := numbers(t, f.dial(o), 1); got != "1" {
			t.Error(got)
		}
	})
}

// A message whose sender waits is acknowledged when the next one is asked for, in
// the next session if need be.
func TestAcknowledge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		acked := make(chan string, 10)
		f.play("ws", func(l *line) {
			l.open("e-0", false)
			l.send(strings.Replace(message(1), "{", `{"ack":true,`, 1))
			l.messages(2, 2)
			acked <- l.request().ID
			l.send(strings.Replace(message(3), "{", `{"ack":true,`, 1))
			synctest.Wait()
			l.cut()
		}, func(l *line) {
			l.open("e-3", true)
			l.send(strings.Replace(message(3), "{", `{"ack":true,`, 1)) // nobody has acknowledged it
			acked <- l.request().ID
			l.wait()
		})
		c := f.dial(f.options(WebSocket))
		numbers(t, c, 1)
		synctest.Wait()
		if len(acked) > 0 {
			t.Error("acknowledged before the application had taken it in")
		}
		if got := numbers(t, c, 1); got != "2" {
			t.Error(got)
		}
		if got := <-acked; got != "e-1" {
			t.Errorf("acknowledged %q", got)
		}
		if got := numbers(t, c, 1); got != "3" {
			t.Error(got)
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			_, _ = c.Next(t.Context())
		}()
		if got := <-acked; got != "e-3" {
			t.Errorf("acknowledged %q", got)
		}
		_ = c.Close()
		<-done
	})
}

// Silence is not peace: a connection over which nothing comes any more is given up.
func TestSilence(t *testing.T) {
	everyStream(t, func(t *testing.T, f *fake, name string, o *Options) {
		o.Silence = 30 * time.Second
		began := time.Now()
		f.play(name, func(l *line) {
			l.open("e-0", false)
			switch l.name { // signs of life
			case "sse":
				time.Sleep(20 * time.Second)
				l.write(":\n\n")
			case "stream":
				time.Sleep(20 * time.Second)
				l.write("\n")
			}
			<-t.Context().Done() // reads nothing: a Ping is not answered
		}, func(l *line) {
			if d := time.Since(began); name != "ws" && d < 50*time.Second || d > 55*time.Second {
				t.Errorf("came back after %v", d)
			}
			l.open("e-0", true)
			l.messages(1, 1)
			l.wait()
		})
		c := f.dial(o)
		if got := numbers(t, c, 1); got != "1" {
			t.Error(got)
		}
		_ = c.Close()
	})
}

// A consumer that lags is not a network that is silent, and nothing is read for it.
func TestBackPressure(t *testing.T) {
	everyStream(t, func(t *testing.T, f *fake, name string, o *Options) {
		o.QueueMessages, o.Silence = 4, 20*time.Second
		sent := 0
		f.play(name, func(l *line) {
			l.open("e-0", false)
			if l.conn != nil {
				go l.wait() // a pipe holds nothing, not even a Ping
			}
			for n := range 1000 { // far beyond what buffers hold
				l.send(message(n + 1))
				sent = n + 1
			}
			l.wait()
		})
		c := f.dial(o)
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if sent > 200 {
			t.Errorf("%d messages were read for a queue of 4", sent)
		}
		numbers(t, c, 999)
		if got := numbers(t, c, 1); got != "1000" {
			t.Error(got)
		}
	})
}

// Close is orderly: the server is told.
func TestClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		ended := make(chan error, 1)
		f.play("ws", func(l *line) {
			l.open("e-0", false)
			l.messages(1, 1)
			_, _, err := l.conn.Read(t.Context())
			ended <- err
		})
		c := f.dial(f.options())
		_ = c.Close()
		if code := websocket.CloseCodeOf(<-ended); code != websocket.CloseNormal {
			t.Errorf("closed with %v", code)
		}
		if _, err := c.Next(t.Context()); err != ErrClosed {
			t.Errorf("Next: %v", err)
		}
		if _, err := c.Publish(t.Context(), "chat:x", 1, nil); err != ErrClosed {
			t.Errorf("Publish: %v", err)
		}
		if s := f.state(Closed); s.Err != ErrClosed {
			t.Errorf("%+v", s)
		}
		_ = c.Close()
	})
}

// What the server ends for good stays ended, and says why.
func TestEndsForGood(t *testing.T) {
	type ending struct {
		transport, name string
		script          func(*line)
		code            string
	}
	closes := func(code websocket.CloseCode) func(*line) {
		return func(l *line) {
			l.open("e-0", false)
			l.messages(1, 1)
			_ = l.conn.Close(code, "because")
		}
	}
	says := func(code string) func(*line) {
		return func(l *line) {
			l.open("e-0", false)
			l.messages(1, 1)
			l.send(`{"type":"sys:error","data":{"code":"` + code + `","message":"because"}}`)
		}
	}
	refuses := func(status int, code string) func(*line) {
		return func(l *line) { l.refuse(status, code) }
	}
	for _, e := range []ending{
		{"ws", "kicked", closes(4009), "closed"},
		{"ws", "forbidden", closes(4003), "forbidden"},
		{"ws", "without token", closes(4001), "unauthorised"},
		{"ws", "done", closes(1000), "closed"},
		{"sse", "kicked", says("closed"), "closed"},
		{"stream", "forbidden", says("forbidden"), "forbidden"},
		{"ws", "403", refuses(403, "forbidden"), "forbidden"},
		{"sse", "400", refuses(400, "bad_request"), "bad_request"},
		{"sse", "204", refuses(204, ""), "closed"},
		{"stream", "401 without token", refuses(401, "unauthorised"), "unauthorised"},
		{"poll", "403", refuses(403, "forbidden"), "forbidden"},
	} {
		t.Run(e.transport+" "+e.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFake(t)
				order := streaming[e.transport]
				if e.transport == "poll" {
					order = Poll
				}
				f.play(e.transport, e.script)
				c, err := Dial(t.Context(), "http://server.test", f.options(order))
				if err == nil {
					if got := numbers(t, c, 1); got != "1" {
						t.Error(got)
					}
					_, err = c.Next(t.Context())
				}
				var refused *Error
				if !errors.As(err, &refused) || refused.Code != e.code {
					t.Errorf("%v, want the code %s", err, e.code)
				}
				if c != nil {
					if _, again := c.Presence(t.Context(), "chat:x"); again != err {
						t.Errorf("a request: %v", again)
					}
					_ = c.Close()
				}
			})
		})
	}
}
