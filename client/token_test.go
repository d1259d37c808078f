package client

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// A token that the server does not take, or not any more, is replaced.
func TestToken(t *testing.T) {
	everyStream(t, func(t *testing.T, f *fake, name string, o *Options) {
		o.Silence = 4 * time.Hour // the script says nothing for one
		tokens := 0
		o.Token = func(context.Context) (string, error) {
			if tokens++; tokens == 1 {
				return "", errors.New("not yet")
			}
			return fmt.Sprint("t", tokens), nil
		}
		expect := func(token string, then func(*line)) func(*line) {
			return func(l *line) {
				if got := l.r.Header.Get("Authorization"); got != "Bearer "+token {
					t.Errorf("Authorization %q, want %s", got, token)
				}
				then(l)
			}
		}
		var left time.Time
		f.play(name,
			expect("t2", func(l *line) { l.refuse(401, "unauthorised") }),
			expect("t3", func(l *line) {
				l.open("e-0", false)
				l.messages(1, 1)
				time.Sleep(time.Hour)
				left = time.Now()
				if l.conn != nil {
					_ = l.conn.Close(4001, "the token is over")
				} else {
					l.send(`{"type":"sys:error","data":{"code":"unauthorised","message":"the token is over"}}`)
				}
			}),
			expect("t4", func(l *line) {
				l.open("e-1", true)
				l.messages(2, 2)
				l.wait()
			}))
		c := f.dial(o)
		numbers(t, c, 1)
		if got := numbers(t, c, 1); got != "2" {
			t.Error(got)
		}
		if d := time.Since(left); d > 2*time.Second {
			t.Errorf("came back after %v", d)
		}
	})
}

// A server that takes no token is left alone after some.
func TestTokensInVain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		o := f.options()
		o.Token = func(context.Context) (string, error) { return "t", nil }
		for range mostStale + 1 {
			f.play("ws", func(l *line) { l.refuse(401, "unauthorised") })
		}
		_, err := Dial(t.Context(), "http://server.test", o)
		var refused *Error
		if !errors.As(err, &refused) || refused.Status != 401 {
			t.Error(err)
		}
	})
}

func TestDialGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		o := f.options()
		o.Token = func(context.Context) (string, error) { return "", errors.New("no tokens today") }
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_, err := Dial(ctx, "http://server.test", o)
		if !errors.Is(err, context.DeadlineExceeded) || err.Error() != "client: no session was opened in time: context deadline exceeded (last: client: Options.Token: no tokens today)" {
			t.Error(err)
		}
	})
}

func TestOptions(t *testing.T) {
	for _, test := range []struct {
		url  string
		o    *Options
		want string
	}{
		{"http://x", nil, "client: no user: set Options.User"},
		{"http://x", &Options{}, "client: no user: set Options.User"},
		{"ftp://x", &Options{User: "a"}, `client: the server's address has the scheme "ftp": it must be https, http, wss or ws`},
		{"http:///x", &Options{User: "a"}, "client: the server's address has no host"},
		{"http://u:p@x", &Options{User: "a"}, "client: the server's address is a base: leave user, query and fragment out of it"},
		{"http://x?y", &Options{User: "a"}, "client: the server's address is a base: leave user, query and fragment out of it"},
		{"http://x y", &Options{User: "a"}, "client: the server's address is not a URL: give one such as https://example.com"},
		{"http://x", &Options{User: "a", Transports: []Transport{"ws"}}, `client: the transport "ws" is unknown or there twice: known are [websocket sse stream poll]`},
		{"http://x", &Options{User: "a", Transports: []Transport{Poll, Poll}}, `client: the transport "poll" is unknown or there twice: known are [websocket sse stream poll]`},
	} {
		if _, err := Dial(t.Context(), test.url, test.o); err == nil || err.Error() != test.want {
			t.Errorf("%s %+v: %v", test.url, test.o, err)
		}
	}
	c, err := (&Options{User: "a/b @c"}).resolve("wss://x:1/base%2F/")
	if err != nil {
		t.Fatal(err)
	}
	if got := c.address("/ws/", nil); got != "https://x:1/base%2F/ws/a%2Fb%20@c" {
		t.Error(got)
	}
}
