package poll

import (
	"errors"
	"io"
	"net"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// TestAccept: what is accepted has the settings that Inherit gives its
// connections, and the peer's address.
func TestAccept(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", "[::1]:0", ":0"} {
		l, err := net.Listen("tcp", address)
		if err != nil {
			t.Logf("%s: %v", address, err) // there may be no IPv6
			continue
		}
		raw, err := l.(*net.TCPListener).SyscallConn()
		if err != nil {
			t.Fatal(err)
		}
		var fd int
		_ = raw.Control(func(d uintptr) { fd, err = Dup(int(d)) })
		if err != nil {
			t.Fatal(err)
		}
		_ = l.Close()
		Inherit(fd)
		if _, _, err := Accept(fd); err != syscall.EAGAIN {
			t.Fatal(err)
		}
		nc, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		n, from, err := Accept(fd)
		if err != nil {
			t.Fatal(err)
		}
		if from.String() != nc.LocalAddr().String() {
			t.Errorf("from %v, want %v", from, nc.LocalAddr())
		}
		for _, o := range [][3]int{
			{unix.IPPROTO_TCP, unix.TCP_NODELAY, 1},
			{unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1},
			{unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, 120},
			{unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, 15},
			{unix.IPPROTO_TCP, unix.TCP_KEEPCNT, 9},
		} {
			if v, err := unix.GetsockoptInt(n, o[0], o[1]); err != nil || v != o[2] {
				t.Errorf("%s: option %d is %d, want %d (%v)", address, o[1], v, o[2], err)
			}
		}
		if flags, err := unix.FcntlInt(uintptr(n), unix.F_GETFL, 0); err != nil || flags&unix.O_NONBLOCK == 0 {
			t.Error("it blocks")
		}
		const most = 128 << 10
		BoundUnsent(n, most)
		for err = nil; err == nil; {
			_, err = Write(n, make([]byte, 4<<10))
		}
		if held := Unsent(n); err != syscall.EAGAIN || held > 4*most {
			t.Errorf("%s: the system holds %d octets for a peer that reads nothing, want at most %d (%v)", address, held, 4*most, err)
		}
		Abandon(n)
		_ = Close(n)
		if _, err := io.Copy(io.Discard, nc); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("%s: %v, want a reset", address, err)
		}
		_ = nc.Close()
		_ = Close(fd)
	}
}
