package poll

import (
	"net/netip"
	"syscall"

	"golang.org/x/sys/unix"
)

// Accept takes a connection that waits at a listening socket. Its descriptor does
// not block, and a new process does not inherit it. syscall.EAGAIN says that there
// is none.
func Accept(fd int) (int, netip.AddrPort, error) {
	for {
		n, from, err := accept4(fd)
		switch err {
		case nil:
			return n, from, nil
		case syscall.EINTR, syscall.ECONNABORTED: // the peer has given up: the next one
		default:
			return -1, netip.AddrPort{}, err
		}
	}
}

// Inherit gives a listening socket the settings that connections are to have: small
// writes leave at once, and a peer that is gone is noticed. Silence is probed later
// than package net does it: Pings come before, and very many idle connections would
// be probed very often. What is accepted inherits all that, which saves four calls
// for each.
func Inherit(fd int) {
	for _, o := range [...][3]int{
		{unix.IPPROTO_TCP, unix.TCP_NODELAY, 1},
		{unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1},
		{unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, 120},
		{unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, 15},
		{unix.IPPROTO_TCP, unix.TCP_KEEPCNT, 9},
	} {
		_ = unix.SetsockoptInt(fd, o[0], o[1], o[2]) // a setting that is not to be had is no reason not to listen
	}
}
