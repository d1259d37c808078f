package transport

import (
	"net"
	"syscall"
)

// tcpNotSentLowat is TCP_NOTSENT_LOWAT, which package syscall does not name.
const tcpNotSentLowat = 25

// boundUnsent has the system take no more for the connection than it can send soon, and about so many octets beside. Without
// a bound it takes some 4 MiB for a client that reads nothing, beyond every bound of the queue.
func boundUnsent(nc net.Conn, most int) {
	onSocket(nc, func(fd int) {
		_ = syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, tcpNotSentLowat, most)
	})
}
