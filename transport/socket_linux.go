package transport

import (
	"net"
	"syscall"
	"time"
)

// Options of a socket that package syscall does not name.
const (
	tcpUserTimeout  = 18 // TCP_USER_TIMEOUT (RFC 5482)
	tcpNotSentLowat = 25 // TCP_NOTSENT_LOWAT
)

// noticeVanished ends the connection when the client has confirmed nothing of what was sent for a time: one whose network is gone says no goodbye, and TCP
// by itself tries for a quarter of an hour.
func noticeVanished(nc net.Conn, after time.Duration) {
	setOption(nc, tcpUserTimeout, int(after.Milliseconds()))
}

// boundUnsent has the system take no more for the connection than it can send soon, and about so many octets beside. Without
// a bound it takes some 4 MiB for a client that reads nothing, beyond every bound of the queue.
func boundUnsent(nc net.Conn, most int) {
	setOption(nc, tcpNotSentLowat, most)
}

// setOption sets an option of TCP, where there is a socket that has it.
func setOption(nc net.Conn, option, value int) {
	onSocket(nc, func(fd int) { _ = syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, option, value) })
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
