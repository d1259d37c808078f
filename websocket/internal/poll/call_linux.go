package poll

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The calls below never block: the descriptors do not, and epoll_wait has no
// time. So the scheduler need not be told of them, which is a good part of what a
// call on a ready socket costs.

// Read reads once from a socket; syscall.EAGAIN says that nothing is there, 0 and
// nil that the stream has ended. It is recv: what read does for files costs some,
// and it does not wait even if somebody has made the descriptor one that does.
func Read(fd int, p []byte) (int, error) { return call(unix.SYS_RECVFROM, fd, p, unix.MSG_DONTWAIT) }

// Write writes once to a socket and returns how much was taken; syscall.EAGAIN
// says nothing was.
func Write(fd int, p []byte) (int, error) {
	return call(unix.SYS_SENDTO, fd, p, unix.MSG_NOSIGNAL|unix.MSG_DONTWAIT)
}

// call needs so little of the stack that it need not ask for more: it is the deepest
// that a goroutine gets which answers messages, and the stack that it would grow for
// this is kept for as long as its connection lives.
//
//go:nosplit
func call(which uintptr, fd int, p []byte, flags uintptr) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for {
		n, _, errno := syscall.RawSyscall6(which, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)), flags, 0, 0)
		switch errno {
		case 0:
			return int(n), nil
		case syscall.EINTR:
		default:
			return 0, errno
		}
	}
}

// Write2 writes a and b, as one.
func Write2(fd int, a, b []byte) (int, error) {
	if len(a) == 0 || len(b) == 0 {
		return Write(fd, append(a[:len(a):len(a)], b...))
	}
	v := [2]unix.Iovec{{Base: &a[0]}, {Base: &b[0]}}
	v[0].SetLen(len(a))
	v[1].SetLen(len(b))
	for {
		n, _, errno := syscall.RawSyscall(unix.SYS_WRITEV, uintptr(fd), uintptr(unsafe.Pointer(&v[0])), 2)
		switch errno {
		case 0:
			return int(n), nil
		case syscall.EINTR:
		default:
			return 0, errno
		}
	}
}

// wait is epoll_wait without waiting.
func wait(fd int, events []unix.EpollEvent) (int, error) {
	for {
		n, _, errno := syscall.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(fd), uintptr(unsafe.Pointer(&events[0])), uintptr(len(events)), 0, 0, 0)
		switch errno {
		case 0:
			return int(n), nil
		case syscall.EINTR:
		default:
			return 0, errno
		}
	}
}

// Dup returns another descriptor of the same socket, which a new process does not
// inherit and which does not block.
func Dup(fd int) (int, error) {
	n, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	return n, nil // whether calls block is a setting of the socket, not of the descriptor
}

// Close closes a descriptor.
func Close(fd int) error { return unix.Close(fd) }

// BoundUnsent has a TCP socket take no more than it can send soon, and about so many
// octets beside; 0 lifts the bound. Without one the system may take 4 MiB and more,
// which a peer costs by reading nothing. What is under way to a peer that reads does
// not count.
//
// It is not among what Inherit does: a listening socket of MPTCP, which is what
// package net makes, does not pass it on.
func BoundUnsent(fd, most int) {
	n := int32(most)
	// No TCP socket, or an old system: it does without.
	_, _, _ = syscall.RawSyscall6(unix.SYS_SETSOCKOPT, uintptr(fd), unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT,
		uintptr(unsafe.Pointer(&n)), unsafe.Sizeof(n), 0)
}

// Unsent returns how many octets a TCP socket has taken that have not arrived.
func Unsent(fd int) int {
	n, err := unix.IoctlGetInt(fd, unix.SIOCOUTQ)
	if err != nil {
		return 0
	}
	return n
}

// Abandon has Close drop what has not arrived, which it else leaves to the system to
// send, and reset the connection.
func Abandon(fd int) {
	_ = unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
}

// CloseWrite ends the outgoing direction of a socket.
func CloseWrite(fd int) error { return unix.Shutdown(fd, unix.SHUT_WR) }
