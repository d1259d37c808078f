package mutant

import (
	"crypto/tls"
	"net"
)

// halfClose ends our direction of the connection.
func halfClose(nc net.Conn) {
	if t, ok := nc.(*tls.Conn); ok {
		_ = t.CloseWrite()
		nc = t.NetConn()
	}
	if t, ok := nc.(*net.TCPConn); ok {
		_ = t.CloseWrite()
	}
}

// reset ends the connection without regard to what is still on its way.
func reset(nc net.Conn) {
	if t, ok := nc.(*tls.Conn); ok {
		nc = t.NetConn()
	}
	if t, ok := nc.(*net.TCPConn); ok {
		_ = t.SetLinger(0)
	}
	nc.Close()
}
