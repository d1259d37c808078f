package websocket

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
)

// restListener gives net/http the connections that are not for loops.
type restListener struct {
	addr  net.Addr
	ready chan struct{} // has one when conns has
	done  chan struct{} // closed by Close

	mu     sync.Mutex // guards the following
	conns  []net.Conn
	closed bool
}

func newRestListener(addr net.Addr) *restListener {
	return &restListener{addr: addr, ready: make(chan struct{}, 1), done: make(chan struct{})}
}

// add hands a connection over.
func (l *restListener) add(nc net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		_ = nc.Close()
		return
	}
	l.conns = append(l.conns, nc)
	l.tell()
}

// tell has Accept look. l.mu is held.
func (l *restListener) tell() {
	select {
	case l.ready <- struct{}{}:
	default:
	}
}

// Accept returns the next connection.
func (l *restListener) Accept() (net.Conn, error) {
	for {
		select {
		case <-l.ready:
		case <-l.done:
			return nil, net.ErrClosed
		}
		l.mu.Lock()
		if len(l.conns) == 0 {
			l.mu.Unlock()
			continue
		}
		nc := l.conns[0]
		l.conns[0] = nil
		if l.conns = l.conns[1:]; len(l.conns) > 0 {
			l.tell()
		} else {
			l.conns = nil
		}
		l.mu.Unlock()
		return nc, nil
	}
}

// Close ends Accept, and closes what nobody has accepted.
func (l *restListener) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil
	}
	l.closed = true
	close(l.done)
	for _, nc := range l.conns {
		_ = nc.Close()
	}
	l.conns = nil
	return nil
}

func (l *restListener) Addr() net.Addr { return l.addr }

// reopen makes a net.Conn of a descriptor, which is used up, and of octets that
// have been read from it.
//
// The address is that of the accept: a socket whose peer is gone has none any more.
func reopen(fd int, peer netip.AddrPort, read []byte) (net.Conn, error) {
	f := os.NewFile(uintptr(fd), "connection")
	nc, err := net.FileConn(f)
	_ = f.Close()
	if err != nil {
		return nil, err
	}
	tcp, ok := nc.(*net.TCPConn)
	if !ok { // it is what was accepted
		_ = nc.Close()
		return nil, errNotTCP
	}
	return &replayed{TCPConn: tcp, peer: net.TCPAddrFromAddrPort(peer), rest: append([]byte(nil), read...)}, nil
}

var errNotTCP = errors.New("it is no TCP connection")
