//go:build !amd64 && !arm64

package poll

import (
	"net/netip"

	"golang.org/x/sys/unix"
)

// accept4 is [unix.Accept4], with the address in the form that is wanted.
func accept4(fd int) (int, netip.AddrPort, error) {
	n, from, err := unix.Accept4(fd, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
	if err != nil {
		return -1, netip.AddrPort{}, err
	}
	return n, addrPort(from), nil
}

func addrPort(a unix.Sockaddr) netip.AddrPort {
	switch a := a.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(a.Addr), uint16(a.Port))
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(a.Addr).Unmap(), uint16(a.Port))
	}
	return netip.AddrPort{}
}
