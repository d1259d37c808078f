package mutant

import (
	"bufio"
	"crypto/tls"
	"errors"
	"net"
	"os"
	"strings"
	"sync"
	"time"
)

// A Listener is a server that serves.
type Listener struct {
	// URL is that of the echo.
	URL string

	fault
	ln     net.Listener
	seen   sightings
	places places
	quit   chan struct{} // closed when the server ends
	// writing is what a fault has all connections share.
	writing sync.Mutex
	served  sync.WaitGroup
	mu      sync.Mutex
	conns   map[net.Conn]bool // nil when the server has ended
}

// Server starts a server with the fault of this name, on a port of the loopback
// interface; "" is none. With a configuration for TLS it is reached by wss.
func Server(name string, secure *tls.Config) (*Listener, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	l := &Listener{
		URL: "ws://" + ln.Addr().String() + "/echo", fault: fault(name), ln: ln,
		conns: map[net.Conn]bool{}, seen: sightings{ends: map[string]chan sighting{}}, places: places{used: map[string]int{}},
		quit: make(chan struct{}),
	}
	if secure != nil {
		l.URL = "wss://" + ln.Addr().String() + "/echo"
		l.ln = tls.NewListener(ln, l.versions(secure))
	}
	l.served.Go(l.accept)
	return l, nil
}

// Close ends the server and all its connections, and waits until they have ended.
func (l *Listener) Close() {
	l.end()
	l.served.Wait()
}

func (l *Listener) end() {
	l.ln.Close()
	l.mu.Lock()
	conns := l.conns
	if l.conns = nil; conns != nil {
		close(l.quit)
	}
	l.mu.Unlock()
	for nc := range conns {
		nc.Close()
	}
}

func (l *Listener) versions(c *tls.Config) *tls.Config {
	c = c.Clone()
	c.MinVersion = tls.VersionTLS12
	switch {
	case l.breaks("WS-10.6-01"):
		c.MinVersion = tls.VersionTLS10
	case l.breaks("WS-10.6-01/supported"):
		c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	}
	return c
}

func (l *Listener) accept() {
	for {
		nc, err := l.ln.Accept()
		if err != nil {
			return
		}
		l.mu.Lock()
		open := l.conns != nil && !(l.breaks("WS-10.4-02") && len(l.conns) > 50)
		if open {
			l.conns[nc] = true
		}
		l.mu.Unlock()
		if !open {
			nc.Close()
			continue
		}
		l.served.Go(func() {
			defer func() {
				nc.Close()
				l.mu.Lock()
				delete(l.conns, nc)
				l.mu.Unlock()
			}()
			(&session{Listener: l, nc: nc, in: bufio.NewReaderSize(nc, 64<<10)}).serve()
		})
	}
}

// session is an HTTP connection.
type session struct {
	*Listener
	nc    net.Conn
	in    *bufio.Reader
	heard string // the present request, as it came
	n     int    // requests so far
}

// serve reads requests and answers them, until one is the last.
func (s *session) serve() {
	for {
		began := time.Now()
		s.nc.SetReadDeadline(began.Add(readSettings("", s.fault).handshake))
		if s.breaks("WS-4.2-26") || s.breaks("WS-10.4-02/handshake") {
			s.nc.SetReadDeadline(time.Time{})
		}
		r := &reader{fault: s.fault, in: s.in, own: s.ln.Addr().String(), secure: strings.HasPrefix(s.URL, "wss")}
		q, err := r.request(func(query string) {
			if !s.breaks("WS-4.2-26") && !s.breaks("WS-10.4-02/handshake") {
				s.nc.SetReadDeadline(began.Add(readSettings(query, s.fault).handshake))
			}
		})
		s.heard = string(r.raw)
		stays := false
		if err == nil {
			stays = s.answer(r, q)
		} else {
			var why *refusal
			switch {
			case errors.As(err, &why):
				why.stay = s.breaks("WS-4.2-23/close")
				stays = s.refused(nil, why)
			case errors.Is(err, os.ErrDeadlineExceeded) && r.read > 0:
				stays = s.refused(nil, refuse(408, "the request has not come in time"))
			}
		}
		if !stays {
			s.leave()
			return
		}
	}
}
