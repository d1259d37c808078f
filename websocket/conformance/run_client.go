package conformance

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"sync/atomic"
	"time"
)

// clientRun is what all cases of a client share.
type clientRun struct {
	start func(ctx context.Context, url string) error
	certs certificates
}

// Client plays the server for a client. start is called for each case, for
// several at once: it runs the client with the case's URL and returns when the
// client has ended, which it has to do when ctx ends. What start returns is shown
// where a case fails, but decides nothing. The error says why no case could be
// played.
func Client(ctx context.Context, start func(ctx context.Context, url string) error, o *Options) (*Report, error) {
	r := newRun(o, ClientActor)
	r.client = &clientRun{start: start}
	if err := r.writeCA(); err != nil {
		return nil, err
	}
	return r.play(ctx, "the client")
}

func (r *run) tlsConfig() *tls.Config { return &tls.Config{RootCAs: r.o.RootCAs} }

// clientSide is the suite's side of a case for a client: a listener of the
// case's own, and the client itself.
type clientSide struct {
	p       *play
	ln, ln2 net.Listener // where the client is sent, and where it may be sent from there
	release func()       // gives the listener's port back
	tls     *tlsSpec     // nil: none is spoken
	hello   hello
	conns   chan net.Conn
	came    atomic.Int32 // connections so far
	url     string
	cancel  context.CancelFunc
	running bool
	done    chan struct{} // closed when the client has ended
	err     error         // what it ended with, once done is closed
}

// startClient makes the case's listener. The client is started by its first step.
func (p *play) startClient() error {
	ln, err := net.Listen("tcp", net.JoinHostPort(p.run.o.Listen, "0"))
	if err != nil {
		return err
	}
	p.client = &clientSide{p: p, ln: ln, release: func() {}, conns: make(chan net.Conn, 64)}
	go p.client.accept(ln, false)
	return nil
}

func (s *clientSide) accept(ln net.Listener, second bool) {
	for {
		nc, err := ln.Accept()
		if err != nil {
			return
		}
		s.came.Add(1)
		if tcp, ok := nc.(*net.TCPConn); ok && second {
			nc = plainConn{tcp}
		}
		select {
		case s.conns <- nc:
		default:
			_ = nc.Close() // nobody asked for so many
		}
	}
}

// names are what a step's text can have of the listener, and of the URL that the
// client was given.
func (s *clientSide) names() []string {
	host, port, _ := net.SplitHostPort(s.ln.Addr().String())
	list := []string{"{addr}", s.ln.Addr().String(), "{port}", port, "{hostname}", host}
	if u, err := url.Parse(s.url); err == nil && s.running {
		list = append(list, "{path}", u.RequestURI())
	}
	return list
}

// dial gives the client a URL.
func (s *clientSide) dial(url string) {
	ctx, cancel := context.WithCancel(context.Background()) // the case's own end must not cut the client short
	s.url, s.cancel, s.running, s.done = url, cancel, true, make(chan struct{})
	done := s.done
	s.p.rec.add(Event{Kind: Note, What: "the client is given " + url})
	go func() {
		defer close(done)
		s.err = s.p.run.client.start(ctx, url)
	}()
}

// stop waits for the client to end, for a while by itself. The listener stays
// until then, for what it may still have to say.
func (s *clientSide) stop() {
	if s.running {
		s.ended(s.p.run.patient(2 * time.Second))
		s.cancel()
		s.ended(s.p.run.patient(10 * time.Second))
	}
	_ = s.ln.Close()
	s.release()
	if s.ln2 != nil {
		_ = s.ln2.Close()
	}
	for {
		select {
		case nc := <-s.conns:
			_ = nc.Close()
		default:
			return
		}
	}
}

// ended waits for the client to end.
func (s *clientSide) ended(d time.Duration) bool {
	select {
	case <-s.done:
		return true
	default:
	}
	select {
	case <-s.done:
		return true
	case <-time.After(d):
		return false
	}
}

// defaultURL is the URL of a case that gives the client none of its own.
func (p *play) defaultURL() string {
	u := "ws://" + p.client.ln.Addr().String() + "/echo"
	if q := p.query(""); q != "" {
		u += "?" + q
	}
	return u
}

// meet waits for the client's TCP connection.
func (p *play) meet() error {
	if !p.client.running {
		p.client.dial(p.defaultURL())
	}
	return p.meetNext()
}

// meetNext waits for one more.
func (p *play) meetNext() error {
	nc, err := p.client.next(p.deadline(0))
	if err != nil {
		return err
	}
	if nc, err = p.client.secure(nc); err == nil {
		p.attach(nc)
	}
	return err
}

// next waits for a connection.
func (s *clientSide) next(deadline time.Time) (net.Conn, error) {
	timer := time.NewTimer(time.Until(deadline))
	defer timer.Stop()
	select {
	case nc := <-s.conns:
		return nc, nil
	default:
	}
	select {
	case nc := <-s.conns:
		return nc, nil
	case <-s.done:
		select {
		case nc := <-s.conns: // it connected, and ended at once
			return nc, nil
		default:
		}
		return nil, fmt.Errorf("the client ended without having connected%s", s.said())
	case <-timer.C:
		return nil, fmt.Errorf("the client did not connect to %s", s.ln.Addr())
	case <-s.p.ctx.Done():
		return nil, errors.New("the case took too long")
	}
}

// said is what the client ended with.
func (s *clientSide) said() string {
	if s.err == nil {
		return ""
	}
	return ": " + s.err.Error()
}

// dialed has the client started.
func (p *play) dialed() error {
	if !p.client.running {
		p.client.dial(p.defaultURL())
	}
	return nil
}

// noConnection waits for the client to end, without having connected. If a
// request is tolerated, the steps behind this one are about it.
func (p *play) noConnection(tolerated bool) error {
	if err := p.dialed(); err != nil {
		return err
	}
	nc, err := p.client.nextOrEnd(p.deadline(0))
	switch {
	case err != nil:
		return err
	case nc == nil:
		return errDone
	}
	p.attach(nc)
	if !tolerated || p.run.o.Strict {
		_ = p.w.await(p.deadline(time.Second), func(in []byte) bool { return len(in) > 0 }) // to be shown
		_, _ = p.w.head(p.deadline(time.Second))
		return errors.New("the client connected")
	}
	p.tolerate("the client connected")
	return p.readRequest()
}
