package conformance

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Where the cases for clients are found, and whether TLS is spoken there.

// portLocks keep cases apart that need the same port.
type portLocks struct {
	mu sync.Mutex
	of map[string]chan struct{}
}

// fixedPorts are those of this machine, whatever is run at the same time.
var fixedPorts portLocks

// take waits for a place to be free.
func (l *portLocks) take(ctx context.Context, where string) (release func(), err error) {
	l.mu.Lock()
	if l.of == nil {
		l.of = make(map[string]chan struct{})
	}
	place := l.of[where]
	if place == nil {
		place = make(chan struct{}, 1)
		l.of[where] = place
	}
	l.mu.Unlock()
	select {
	case place <- struct{}{}:
		return func() { <-place }, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("other cases kept %s busy", where)
	}
}

// listen moves the case's listener: HOST[:PORT].
func (s *clientSide) listen(where string) error {
	host, port, err := net.SplitHostPort(where)
	if err != nil {
		host, port = strings.Trim(where, "[]"), "0"
	}
	where = net.JoinHostPort(host, port)
	release := func() {}
	if port != "0" {
		if release, err = fixedPorts.take(s.p.ctx, where); err != nil {
			return err
		}
	}
	ln, err := net.Listen("tcp", where)
	for deadline := s.p.deadline(0); errors.Is(err, syscall.EADDRINUSE) && time.Now().Before(deadline); {
		// Perhaps another run of the suite has it, for a moment.
		<-time.After(10 * time.Millisecond)
		ln, err = net.Listen("tcp", where)
	}
	if err != nil {
		release()
		return skipped{"nothing can listen at " + where + ": " + reason(err)}
	}
	_ = s.ln.Close()
	s.ln, s.release = ln, release
	go s.accept(ln, false)
	return nil
}

// reason is an error without the address that it is about.
func reason(err error) string {
	if e, ok := errors.AsType[*os.SyscallError](err); ok {
		return e.Err.Error()
	}
	return err.Error()
}

// second is the address of the case's second listener, which is made when it is
// first asked for.
func (s *clientSide) second() string {
	if s.ln2 == nil {
		host, _, _ := net.SplitHostPort(s.ln.Addr().String())
		ln, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
		if err != nil {
			return "{addr2}"
		}
		s.ln2 = ln
		go s.accept(ln, true)
	}
	return s.ln2.Addr().String()
}

// plainConn is a connection to the second listener, which speaks no TLS.
type plainConn struct{ *net.TCPConn }

// secure has TLS spoken on a connection, if that is what the case wants.
func (s *clientSide) secure(nc net.Conn) (net.Conn, error) {
	if _, second := nc.(plainConn); second || s.tls == nil || s.tls.which == "silent" {
		return nc, nil
	}
	config, err := s.tls.config(&s.p.run.client.certs, &s.hello)
	if err != nil {
		return nil, err
	}
	return &tlsConn{tls.Server(nc, config), nc}, nil
}

// tlsConn is a TLS connection that can be ended as one of TCP can.
type tlsConn struct {
	*tls.Conn
	raw net.Conn
}

func (c *tlsConn) CloseWrite() error {
	err := c.Conn.CloseWrite()
	if raw, ok := c.raw.(interface{ CloseWrite() error }); ok {
		err = errors.Join(err, raw.CloseWrite())
	}
	return err
}

func (c *tlsConn) SetLinger(sec int) error {
	if raw, ok := c.raw.(interface{ SetLinger(int) error }); ok {
		return raw.SetLinger(sec)
	}
	return nil
}

// tunnel is what a proxy's client sends through it.
type tunnel struct{ w *wire }

func (t tunnel) Read(b []byte) (int, error) {
	err := t.w.await(time.Now().Add(time.Hour), func(in []byte) bool { return len(in) > 0 })
	if err != nil {
		return 0, err
	}
	n := copy(b, t.w.waiting())
	t.w.take(n)
	return n, nil
}

func (t tunnel) Write(b []byte) (int, error) {
	t.w.drained(time.Minute)
	return t.w.nc.Write(b)
}

func (t tunnel) Close() error {
	t.w.close()
	return nil
}

func (t tunnel) CloseWrite() error                { t.w.closeWrite(); return nil }
func (t tunnel) LocalAddr() net.Addr              { return t.w.nc.LocalAddr() }
func (t tunnel) RemoteAddr() net.Addr             { return t.w.nc.RemoteAddr() }
func (t tunnel) SetDeadline(time.Time) error      { return nil }
func (t tunnel) SetReadDeadline(time.Time) error  { return nil }
func (t tunnel) SetWriteDeadline(time.Time) error { return nil }

// writeCA writes the certificate of the suite's own issuer.
func (r *run) writeCA() error {
	if r.o.CAFile == "" {
		return nil
	}
	if err := r.client.certs.make(append(slices.Clone(goodNames), r.o.Listen)...); err != nil {
		return fmt.Errorf("conformance: making certificates: %w", err)
	}
	if err := os.WriteFile(r.o.CAFile, r.client.certs.trusted.pem(), 0o644); err != nil {
		return fmt.Errorf("conformance: the certificate for clients: %w", err)
	}
	return nil
}
