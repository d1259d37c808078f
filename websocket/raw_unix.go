//go:build unix

package websocket

import (
	"net"
	"syscall"
)

// rawConn returns the way to nc's descriptor, if nc is a socket and nothing
// stands between.
func rawConn(nc net.Conn) syscall.RawConn {
	switch s := nc.(type) {
	case *net.TCPConn:
		if raw, err := s.SyscallConn(); err == nil {
			return raw
		}
	case *net.UnixConn:
		if raw, err := s.SyscallConn(); err == nil {
			return raw
		}
	}
	return nil
}
