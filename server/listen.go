package server

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"syscall"
)

// listen takes the address.
func (r *resolved) listen() (net.Listener, error) {
	var config *tls.Config
	if r.TLS.Cert != "" {
		var err error
		if config, err = r.tlsConfig(); err != nil {
			return nil, err
		}
	}
	l, err := net.Listen("tcp", r.Listen)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("server: cannot listen on %s: another program already does; stop it, or choose another port with listen (--listen, OPENLINE_LISTEN): %w", r.Listen, err)
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("server: cannot listen on %s: not permitted; ports below 1024 are for the system's administrator: %w", r.Listen, err)
	case err != nil:
		return nil, fmt.Errorf("server: cannot listen on %s: %w", r.Listen, err)
	}
	// A name that is reserved for loopback, and that something resolves
	// elsewhere all the same, must not slip past the check of the address.
	if tcp, ok := l.Addr().(*net.TCPAddr); r.loopback && ok && !tcp.IP.IsLoopback() {
		l.Close()
		return nil, fmt.Errorf("server: listen: %q stands for %v here, which others can reach; give a loopback address such as %s", r.Listen, tcp.IP, net.JoinHostPort("127.0.0.1", r.port))
	}
	if config != nil {
		l = tls.NewListener(l, config)
	}
	return l, nil
}
