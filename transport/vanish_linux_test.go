package transport

import (
	"crypto/tls"
	"net"
	"syscall"
	"testing"
	"time"
)

func TestNoticeVanished(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	nc, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	noticeVanished(tls.Client(nc, &tls.Config{}), 7*time.Second)
	raw, err := nc.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	got := 0
	if err := raw.Control(func(fd uintptr) { got, err = syscall.GetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpUserTimeout) }); err != nil {
		t.Fatal(err)
	}
	if err != nil || got != 7000 {
		t.Errorf("%d ms, %v", got, err)
	}
	a, b := net.Pipe()
	noticeVanished(a, time.Second)
	a.Close()
	b.Close()
}
