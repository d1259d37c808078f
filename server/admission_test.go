package server

import (
	"bufio"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// Connections that only sit there keep neither sessions nor each other out for
// good: there is a bound of them, and room again when one has gone.
func TestIdleConnections(t *testing.T) {
	r := start(t, &Config{Limits: LimitsConfig{Connections: 2}})
	r.dial("/ws/alice", nil)
	// keep makes a connection that stays open after a request; nil when it is
	// closed instead.
	keep := func() net.Conn {
		c, err := net.Dial("tcp", r.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		_ = c.SetDeadline(time.Now().Add(guard))
		_, _ = io.WriteString(c, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
		res, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			return nil
		}
		_, _ = io.Copy(io.Discard, res.Body)
		res.Body.Close()
		return c
	}
	var kept []net.Conn
	for range plainReserve + 20 {
		if c := keep(); c != nil {
			kept = append(kept, c)
		}
	}
	if want := plainReserve + 1; len(kept) != want {
		t.Fatalf("%d connections are open, want %d beside the session", len(kept), want)
	}
	if n := strings.Count(r.log.String(), "closed unanswered"); n != 1 {
		t.Errorf("%d lines in the log about it", n)
	}
	kept[0].Close()
	for deadline := time.Now().Add(guard); keep() == nil; {
		if time.Now().After(deadline) {
			t.Fatal("no room although a connection has gone")
		}
	}
}

// remote is a connection from an address, which notes its read deadline.
type remote struct {
	net.Conn
	from string
	read time.Time
}

func (c *remote) RemoteAddr() net.Addr {
	return net.TCPAddrFromAddrPort(netip.MustParseAddrPort(c.from))
}
func (c *remote) SetReadDeadline(t time.Time) error { c.read = t; return nil }

func quietAdmission(c LimitsConfig, files uint64, sessions int) *admission {
	a := (&resolved{Config: Config{Limits: c}}).newAdmission(files, files > 0, func() int { return sessions })
	a.log = slog.New(slog.DiscardHandler)
	return a
}

// admit takes a connection in as the server does.
func (a *admission) admit(nc net.Conn) bool {
	leave, ok := a.enter(remoteOf(nc))
	if ok {
		leave()
		a.state(nc, http.StateNew)
	}
	return ok
}

func TestAdmissionByAddress(t *testing.T) {
	a := quietAdmission(LimitsConfig{PerAddress: 1}, 0, 0)
	for range 1 + plainAddress {
		if !a.admit(&remote{from: "192.0.2.1:5"}) || !a.admit(&remote{from: "[2001:db8::1]:5"}) || !a.admit(&remote{from: "127.0.0.1:5"}) {
			t.Fatal("refused too early")
		}
	}
	if a.admit(&remote{from: "192.0.2.1:6"}) || a.admit(&remote{from: "[2001:db8::2]:5"}) {
		t.Error("an address has too many")
	}
	if !a.admit(&remote{from: "127.0.0.1:5"}) || !a.admit(&remote{from: "192.0.2.2:5"}) {
		t.Error("others are refused")
	}
	a.state(&remote{from: "192.0.2.1:5"}, http.StateHijacked)
	if !a.admit(&remote{from: "192.0.2.1:6"}) {
		t.Error("refused although one has become a session")
	}
}

func TestAdmissionBounds(t *testing.T) {
	for _, test := range []struct {
		connections int
		files       uint64
		total       int
	}{
		{0, 0, 0},
		{-1, 0, 0},
		{100, 0, 148},
		{100, 120, 104},
		{0, 1024, 1008},
		{-1, 1024, 1008},
		{100, 1024, 148},
	} {
		if a := quietAdmission(LimitsConfig{Connections: test.connections}, test.files, 0); a.total != test.total {
			t.Errorf("%+v: total %d", test, a.total)
		}
	}
}

// While there is a crowd, what has been idle for long is ended.
func TestAdmissionSweep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := quietAdmission(LimitsConfig{Connections: 2}, 0, 0)
		first, second := &remote{from: "192.0.2.1:5"}, &remote{from: "192.0.2.1:6"}
		for _, c := range []*remote{first, second} {
			a.admit(c)
			a.state(c, http.StateIdle)
		}
		time.Sleep(crowdedIdle)
		a.state(second, http.StateActive)
		a.admit(&remote{from: "192.0.2.1:7"})
		if !first.read.IsZero() {
			t.Error("ended without a crowd")
		}
		a.sessions = func() int { return 36 }
		a.admit(&remote{from: "192.0.2.1:8"})
		if first.read.IsZero() || !second.read.IsZero() {
			t.Errorf("deadlines %v and %v", first.read, second.read)
		}
	})
}
