package transport

import (
	"net"
	"syscall"
	"time"
)

// tcpUserTimeout is TCP_USER_TIMEOUT (RFC 5482), which package syscall does not name.
const tcpUserTimeout = 18

// noticeVanished ends the connection when the client has confirmed nothing of what was sent for a time: one whose network is gone says no goodbye, and TCP
// by itself tries for a quarter of an hour.
func noticeVanished(nc net.Conn, after time.Duration) {
	onSocket(nc, func(fd int) { // a socket of another kind has no such thing
		_ = syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, tcpUserTimeout, int(after.Milliseconds()))
	})
}

// onSocket calls f with the descriptor of the connection's socket, if there is one.
func onSocket(nc net.Conn, f func(fd int)) {
	if t, ok := nc.(interface{ NetConn() net.Conn }); ok { // over TLS
		nc = t.NetConn()
	}
	c, ok := nc.(syscall.Conn)
	if !ok {
		return
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) { f(int(fd)) })
}
