package load

import (
	"net/netip"
	"os"
	"syscall"
	"testing"
	"time"
)

// crowded is an engine where each local address has ports for two connections, which
// are upgraded and greeted as soon as they are there.
type crowded struct {
	used   map[netip.Addr]int
	events []func(to sink)
}

func (e *crowded) dial(id int, local netip.Addr) bool {
	if e.used[local]++; e.used[local] > 2 {
		e.events = append(e.events, func(to sink) { to.ended(id, os.NewSyscallError("connect", syscall.EADDRNOTAVAIL)) })
		return false
	}
	e.events = append(e.events, func(to sink) { to.connected(id) }, func(to sink) {
		to.received(id, []byte("HTTP/1.1 101 Switching Protocols\r\n\r\n\x81\x02{}"))
	})
	return false
}

func (e *crowded) wait(_ time.Duration, to sink) error {
	events := e.events
	e.events = nil
	for _, event := range events {
		event(to)
	}
	return nil
}

func (*crowded) write(int, []byte) {}
func (*crowded) pause(int)         {}
func (*crowded) drop(int)          {}
func (*crowded) close()            {}

func TestPortsOfOtherAddresses(t *testing.T) {
	for _, c := range []struct {
		server          string
		sessions, ready int
		addresses       int
	}{
		{"127.0.0.1:80", 7, 7, 4},
		{"127.0.0.1:80", 600, 508, 254}, // the system's choice, and 127.0.0.2 to .254
		{"192.0.2.1:80", 7, 2, 1},
	} {
		e := &crowded{used: make(map[netip.Addr]int)}
		f := &Fleet{o: Options{Dialect: &Openline{}, Addr: netip.MustParseAddrPort(c.server)}, e: e, start: time.Now()}
		o := open(t, f, c.sessions)
		if o.Ready != c.ready || o.Refused["no local port is left"] != c.sessions-c.ready || len(e.used) != c.addresses {
			t.Errorf("%s: ready %d, refused %v, from %d addresses", c.server, o.Ready, o.Refused, len(e.used))
		}
	}
}
