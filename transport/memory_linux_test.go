package transport

import (
	"fmt"
	"net/netip"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"github.com/openline/openline"
)

// TestIdleSessionMemory: what a session keeps that is subscribed to a channel, has
// an inbox of its own and says nothing. The client's end is a descriptor and so
// does not count.
func TestIdleSessionMemory(t *testing.T) {
	if n := unsafe.Sizeof(session{}); n > 112 { // a size class of the allocator
		t.Errorf("a session has %d bytes", n)
	}
	loops, err := NewLoops(2)
	if err != nil {
		t.Fatal(err)
	}
	r := newRig(t, &openline.Options{Runners: []openline.Runner{loops[0], loops[1]}}, &Options{Loops: loops})
	const few, more, bound = 200, 1500, 900
	var descriptors [few + more]int
	opened := 0
	open := func(to int) {
		for ; opened < to; opened++ {
			descriptors[opened] = openDescriptor(t, r.address, fmt.Sprintf("/ws/user%d?channels=news", opened))
		}
	}
	defer func() {
		for _, fd := range descriptors[:opened] {
			_ = syscall.Close(fd)
		}
	}()
	open(few) // what is the same for any number
	before := heapInUse()
	open(few + more)
	after := heapInUse()
	runtime.KeepAlive(r)
	each := int(after-before) / more
	t.Logf("%d bytes a session", each)
	if each > bound && !raceEnabled {
		t.Errorf("%d bytes a session: at most %d", each, bound)
	}
}

// heapInUse returns the octets in use after all that is not has been collected.
func heapInUse() uint64 {
	var m runtime.MemStats
	for range 3 { // pools let go in two steps
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// openDescriptor opens a session and returns when sys:open has come.
func openDescriptor(t *testing.T, address, path string) (fd int) {
	t.Helper()
	host := strings.TrimPrefix(address, "ws://")
	to, err := netip.ParseAddrPort(host)
	if err != nil {
		t.Fatal(err)
	}
	fd, err = syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Connect(fd, &syscall.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().As4()}); err != nil {
		t.Fatal(err)
	}
	request := "GET " + path + " HTTP/1.1\r\nHost: " + host + "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Key: AAECAwQFBgcICQoLDA0ODw==\r\nSec-WebSocket-Version: 13\r\n\r\n"
	if _, err := syscall.Write(fd, []byte(request)); err != nil {
		t.Fatal(err)
	}
	var got []byte
	for b := make([]byte, 1024); !strings.Contains(string(got), "sys:open"); {
		n, err := syscall.Read(fd, b)
		if err != nil || n == 0 {
			t.Fatalf("after %q: %v", got, err)
		}
		got = append(got, b[:n]...)
	}
	return fd
}
