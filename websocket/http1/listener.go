package http1

import (
	"context"
	"net"
	"net/netip"
)

// listener gives net/http the connections of another one, guarded. Over TLS it does the handshake first, each on a goroutine of its own: net/http wants to
// know what protocol has been agreed on, and one that dawdles must not hold up the others.
type listener struct {
	net.Listener
	cfg *config

	ready chan accepted   // of the goroutines
	begun bool            // they have; Accept's caller alone touches it
	open  context.Context // until Close
	close context.CancelFunc
}

// accepted is what Accept returns.
type accepted struct {
	nc    net.Conn
	leave func()
	err   error
}

func newListener(l net.Listener, cfg *config) *listener {
	open, cancel := context.WithCancel(context.Background())
	return &listener{Listener: l, cfg: cfg, ready: make(chan accepted), open: open, close: cancel}
}

// Accept returns the next connection that is ready to be served. It is for one caller, as net/http is.
func (l *listener) Accept() (net.Conn, error) {
	if !l.begun {
		a := l.next()
		t, ok := a.nc.(*tlsConn)
		if !ok {
			return a.hand()
		}
		l.begun = true
		go l.shake(t, a.leave)
		go l.run()
	}
	select {
	case a := <-l.ready:
		return a.hand()
	case <-l.open.Done():
		return nil, net.ErrClosed
	}
}

// hand gives the connection to net/http, which counts it from now on.
func (a accepted) hand() (net.Conn, error) {
	if a.leave != nil {
		a.leave()
	}
	return a.nc, a.err
}

// next accepts a connection that is admitted.
func (l *listener) next() accepted {
	for {
		nc, err := l.Listener.Accept()
		if err != nil {
			return accepted{err: err}
		}
		if l.cfg.admit == nil {
			return accepted{nc: guard(nc, l.cfg)}
		}
		remote, _ := netip.ParseAddrPort(nc.RemoteAddr().String())
		if leave, ok := l.cfg.admit(remote); ok {
			return accepted{nc: guard(nc, l.cfg), leave: leave}
		}
		_ = nc.Close()
	}
}

// run accepts until the listener is closed. An error waits for Accept to be called, which decides what becomes of it.
func (l *listener) run() {
	for {
		a := l.next()
		if t, ok := a.nc.(*tlsConn); ok {
			go l.shake(t, a.leave)
			continue
		}
		if !l.give(a) {
			return
		}
	}
}

// give waits for Accept to take a; it reports false when the listener is closed instead.
func (l *listener) give(a accepted) bool {
	select {
	case l.ready <- a:
		return true
	case <-l.open.Done():
		if a.leave != nil {
			a.leave()
		}
		if a.nc != nil {
			_ = a.nc.Close()
		}
		return false
	}
}

// shake does the handshake of t and gives it to Accept: bare if both ends have agreed on HTTP/2, which the guard does not read.
func (l *listener) shake(t *tlsConn, leave func()) {
	if !t.shake(l.open) {
		_ = t.Close()
		if leave != nil {
			leave()
		}
		return
	}
	a := accepted{nc: t, leave: leave}
	if h2 := t.http2(); h2 != nil {
		a.nc = h2
	}
	l.give(a)
}

// Close ends Accept, and with it the handshakes that are going on.
func (l *listener) Close() error {
	l.close()
	return l.Listener.Close()
}

// listenerKey is for the config of the listener that a connection came from.
type listenerKey struct{}

// withConfig is http.Server.BaseContext for our listeners; base is the one that was there.
func withConfig(base func(net.Listener) context.Context) func(net.Listener) context.Context {
	return func(nl net.Listener) context.Context {
		ctx := context.Background()
		if base != nil {
			ctx = base(nl)
		}
		if l, ok := nl.(*listener); ok && ctx != nil { // nil is for net/http to complain about
			ctx = context.WithValue(ctx, listenerKey{}, l.cfg)
		}
		return ctx
	}
}
