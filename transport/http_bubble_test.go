package transport

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openline/openline"
	"github.com/openline/openline/auth"
)

// bubbled is a hub behind the transports of HTTP, where time passes as soon as everybody
// waits.
type bubbled struct {
	t    *testing.T
	hub  *openline.Hub
	http *HTTP
	l    pipes
}

// pipes is a listener whose connections are pipes.
type pipes chan net.Conn

func (p pipes) Accept() (net.Conn, error) {
	if nc, ok := <-p; ok {
		return nc, nil
	}
	return nil, net.ErrClosed
}

func (p pipes) Close() error   { return nil }
func (p pipes) Addr() net.Addr { return &net.TCPAddr{} }

// bubble runs f. The server has the time-outs of ordinary requests, all of 5 s.
func bubble(t *testing.T, o *Options, plain *HTTPOptions, f func(b *bubbled)) {
	t.Helper()
	loops, err := NewLoops(1) // which wait for the system, and so stay outside
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = shutdown(context.Background(), loops) }() //nolint:usetesting // that of t would belong to the bubble
	synctest.Test(t, func(t *testing.T) {
		quiet := slog.New(slog.DiscardHandler)
		settings := Options{}
		if o != nil {
			settings = *o
		}
		settings.Loops, settings.Logger = loops, quiet
		b := &bubbled{t: t, hub: openline.New(&openline.Options{Logger: quiet}), l: make(pipes)}
		settings.Hub = b.hub
		ws, err := NewWebSocket(&settings)
		if err != nil {
			t.Fatal(err)
		}
		if b.http, err = NewHTTP(ws, plain); err != nil {
			t.Fatal(err)
		}
		const limit = 5 * time.Second
		server := &http.Server{Handler: b.http, ReadTimeout: limit, WriteTimeout: limit, ErrorLog: slog.NewLogLogger(quiet.Handler(), 0)}
		served := make(chan error, 1)
		go func() { served <- server.Serve(b.l) }()
		f(b)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_ = b.hub.Shutdown(ctx)
		b.http.Close()
		_ = ws.Shutdown(t.Context())
		close(b.l)
		_ = server.Close()
		<-served
	})
}

// raw opens a connection with a request.
func (b *bubbled) raw(path string) (net.Conn, *bufio.Reader) {
	b.t.Helper()
	c, end := net.Pipe()
	b.l <- end
	if _, err := io.WriteString(c, "GET "+path+" HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		b.t.Fatal(err)
	}
	return c, bufio.NewReader(c)
}

func (b *bubbled) poll(path string) *polled {
	b.t.Helper()
	c, in := b.raw(path)
	defer func() { _ = c.Close() }()
	resp := head(b.t, in)
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	p := &polled{status: resp.StatusCode, body: string(body)}
	if p.status == http.StatusOK {
		if err := json.Unmarshal(body, p); err != nil {
			b.t.Fatalf("%s: %v", body, err)
		}
	}
	return p
}

// newTokens returns what checks tokens, and what signs them.
func newTokens(t *testing.T) (*auth.Tokens, func(user string, ttl time.Duration) string) {
	t.Helper()
	tokens, err := auth.NewTokens([]byte("a secret of at least thirty-two bytes"))
	if err != nil {
		t.Fatal(err)
	}
	return tokens, func(user string, ttl time.Duration) string {
		text, err := tokens.Sign(user, ttl)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
}
