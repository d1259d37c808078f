package transport

import (
	"crypto/tls"
	"net"
	"syscall"
	"testing"
	"time"
)

func TestSocketOptions(t *testing.T) {
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
	noSocket, end := net.Pipe()
	defer noSocket.Close()
	defer end.Close()
	for _, c := range []net.Conn{tls.Client(nc, &tls.Config{}), noSocket} {
		noticeVanished(c, 7*time.Second)
		boundUnsent(c, mostUnsent)
	}
	for option, want := range map[int]int{tcpUserTimeout: 7000, tcpNotSentLowat: mostUnsent} {
		got := 0
		onSocket(nc, func(fd int) { got, err = syscall.GetsockoptInt(fd, syscall.IPPROTO_TCP, option) })
		if err != nil || got != want {
			t.Errorf("option %d is %d, %v; want %d", option, got, err, want)
		}
	}
}
