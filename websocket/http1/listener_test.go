package http1

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// A handshake that dawdles holds up nobody, and is ended with the listener.
func TestHandshakesApart(t *testing.T) {
	s, c := startHTTP2(t, nil, nil)
	slow := s.dial(t)
	io.WriteString(slow, "\x16\x03\x01")
	two := client2(t, s, c)
	if _, body, _ := fetch(t, two, get(t, "https://ws.test/health")); body != "ok\n" {
		t.Errorf("%q", body)
	}
	two.CloseIdleConnections()
	begin := time.Now()
	s.srv.Close()
	if _, err := io.Copy(io.Discard, slow); err != nil && !errors.Is(err, net.ErrClosed) && !strings.Contains(err.Error(), "reset") {
		t.Error(err)
	}
	if took := time.Since(begin); took >= defaultHeadTimeout {
		t.Errorf("it took %v", took)
	}
}

// A panic in a function of tls.Config ends that connection alone.
func TestHandshakePanics(t *testing.T) {
	server, c := testTLS(t)
	first := true
	server.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
		if first {
			first = false
			panic("the program's")
		}
		return nil, nil
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", server)
	if err != nil {
		t.Fatal(err)
	}
	s := &testServer{addr: l.Addr().String()}
	s.start(t, l, nil)
	if err := tls.Client(s.dial(t), c).Handshake(); err == nil {
		t.Error("it went well")
	}
	if _, body, _ := fetch(t, client2(t, s, c), get(t, "https://ws.test/health")); body != "ok\n" {
		t.Errorf("%q", body)
	}
	if log := s.log.String(); !strings.Contains(log, "the program's") || !strings.Contains(log, "level=ERROR") {
		t.Errorf("log:\n%s", log)
	}
}

// admitted counts what Admit has let in and has not been told to have left.
type admitted struct {
	most      int32
	now, came atomic.Int32
	none      chan struct{} // has one when a connection has left
}

func (a *admitted) admit(remote netip.AddrPort) (func(), bool) {
	if !remote.Addr().IsLoopback() || a.now.Load() >= a.most {
		return nil, false
	}
	a.now.Add(1)
	a.came.Add(1)
	return func() {
		a.now.Add(-1)
		a.none <- struct{}{}
	}, true
}

// A connection counts until it is net/http's: with plain HTTP at once, with TLS after the handshake, or when that has failed.
func TestAdmit(t *testing.T) {
	a := &admitted{most: 1, none: make(chan struct{}, 10)}
	s, c := startHTTP2(t, &Options{Admit: a.admit}, nil)
	slow := s.dial(t)
	io.WriteString(slow, "\x16\x03\x01")
	if out := s.exchange(t, nil, 1<<20); len(out) > 0 { // a second one
		t.Errorf("%q", out)
	}
	slow.Close()
	<-a.none
	for range 2 {
		two := client2(t, s, c)
		if _, body, _ := fetch(t, two, get(t, "https://ws.test/health")); body != "ok\n" {
			t.Errorf("%q", body)
		}
		<-a.none
	}
	if n := a.came.Load(); n != 3 {
		t.Errorf("%d came in", n)
	}

	a = &admitted{most: 1, none: make(chan struct{}, 10)}
	s = startServer(t, &Options{Admit: a.admit}, nil)
	for range 2 {
		if out := s.exchange(t, []byte("GET /health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"), 1<<20); !strings.HasSuffix(string(out), "ok\n") {
			t.Errorf("%q", out)
		}
		<-a.none
	}
}

// Shutdown tells the ends of HTTP/2 to go away and waits for what they have asked for.
func TestHTTP2Shutdown(t *testing.T) {
	held, finish := make(chan struct{}), make(chan struct{})
	s, c := startHTTP2(t, nil, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "begun ")
		http.NewResponseController(w).Flush()
		close(held)
		<-finish
		io.WriteString(w, "ended")
	}))
	two := client2(t, s, c)
	res, err := two.Do(get(t, "https://ws.test/"))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	<-held
	over := make(chan error, 1)
	go func() { over <- s.srv.Shutdown(context.Background()) }()
	for { // until it has begun, after which no connection is accepted
		nc, err := net.Dial("tcp", s.addr)
		if err != nil {
			break
		}
		nc.Close()
	}
	close(finish)
	if b, err := io.ReadAll(res.Body); string(b) != "begun ended" || err != nil {
		t.Errorf("%q, %v", b, err)
	}
	if err := <-over; err != nil {
		t.Error(err)
	}
}

// A connection that has agreed on HTTP/2 and says nothing is not kept.
func TestHTTP2Silent(t *testing.T) {
	server, c := testTLS(t)
	server.NextProtos = []string{"h2"}
	c.NextProtos = []string{"h2"}
	synctest.Test(t, func(t *testing.T) {
		l := newPipeListener()
		s := &testServer{}
		s.start(t, tls.NewListener(l, server), nil)
		begin := time.Now()
		nc := tls.Client(l.dial(), c)
		if err := nc.Handshake(); err != nil {
			t.Fatal(err)
		}
		io.Copy(io.Discard, nc)
		if d := time.Since(begin); d > 2*defaultHeadTimeout {
			t.Errorf("cut off after %v", d)
		}
		s.srv.Close()
	})
}
