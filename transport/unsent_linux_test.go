package transport

import (
	"crypto/tls"
	"net"
	"syscall"
	"testing"
)

func TestBoundUnsent(t *testing.T) {
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
	boundUnsent(tls.Client(nc, &tls.Config{}), mostUnsent)
	got := 0
	onSocket(nc, func(fd int) { got, err = syscall.GetsockoptInt(fd, syscall.IPPROTO_TCP, tcpNotSentLowat) })
	if err != nil || got != mostUnsent {
		t.Errorf("%d octets, %v", got, err)
	}
	a, b := net.Pipe()
	boundUnsent(a, mostUnsent)
	a.Close()
	b.Close()
}
