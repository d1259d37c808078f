package load

import (
	"fmt"
	"net/netip"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// newEngine returns the engine that opens plain TCP connections on an epoll of
// its own, and the portable one where there is TLS.
func newEngine(o *engineOptions) (engine, error) {
	if o.tls != nil {
		return newPortable(o), nil
	}
	ep, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("load: epoll: %w", err)
	}
	return &epoll{fd: ep, self: [1]unix.PollFd{{Fd: int32(ep), Events: unix.POLLIN}}, o: o, events: make([]unix.EpollEvent, 512), buf: make([]byte, 256<<10)}, nil
}

// epoll is an engine of non-blocking sockets.
type epoll struct {
	fd     int
	self   [1]unix.PollFd // fd, to be waited for
	o      *engineOptions
	slots  []socket // by identifier
	events []unix.EpollEvent
	buf    []byte
	gone   []ended // connections that failed outside wait
}

// precise is the number of milliseconds below which a wait ends when it should, so
// that what is due leaves in time.
const precise = 10

// socket is one connection of an epoll.
type socket struct {
	fd         int32
	open       bool // fd is a descriptor of ours
	connecting bool
	paused     bool
	out        []byte // what the socket did not take yet
}

// ended is a connection's end that the sink is to be told of.
type ended struct {
	id  int
	err error
}

func sockaddr(a netip.AddrPort) (unix.Sockaddr, int) {
	if ip := a.Addr().Unmap(); ip.Is4() {
		return &unix.SockaddrInet4{Port: int(a.Port()), Addr: ip.As4()}, unix.AF_INET
	}
	return &unix.SockaddrInet6{Port: int(a.Port()), Addr: a.Addr().As16()}, unix.AF_INET6
}

func (e *epoll) dial(id int, local netip.Addr) bool {
	for id >= len(e.slots) {
		e.slots = append(e.slots, socket{})
	}
	if err := e.connect(id, local); err != nil {
		e.drop(id)
		e.gone = append(e.gone, ended{id, err})
		return false
	}
	return !e.slots[id].connecting
}

func (e *epoll) connect(id int, local netip.Addr) error {
	to, family := sockaddr(e.o.addr)
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	e.slots[id] = socket{fd: int32(fd), open: true, connecting: true}
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	if local.IsValid() {
		// The port is chosen at connect, for this pair of addresses alone.
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1)
		from, _ := sockaddr(netip.AddrPortFrom(local, 0))
		if err := unix.Bind(fd, from); err != nil {
			return os.NewSyscallError("bind", err)
		}
	}
	err = unix.Connect(fd, to)
	if err != nil && err != unix.EINPROGRESS {
		return os.NewSyscallError("connect", err)
	}
	e.slots[id].connecting = err != nil && !writable(fd)
	return e.ctl(unix.EPOLL_CTL_ADD, id)
}

// writable says whether a socket is connected by now, as one over loopback is, so
// that its first octets leave before others are dialled.
func writable(fd int) bool {
	p := [1]unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}
	n, err := unix.Poll(p[:], 0)
	return n == 1 && err == nil && p[0].Revents == unix.POLLOUT
}

// ctl asks for the events that the socket's state calls for.
func (e *epoll) ctl(op, id int) error {
	s := &e.slots[id]
	ev := unix.EpollEvent{Fd: int32(id)}
	if !s.paused {
		ev.Events |= unix.EPOLLIN
	}
	if s.connecting || len(s.out) > 0 {
		ev.Events |= unix.EPOLLOUT
	}
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(e.fd, op, int(s.fd), &ev))
}

func (e *epoll) write(id int, b []byte) {
	s := &e.slots[id]
	if !s.open {
		return
	}
	if len(s.out) > 0 || s.connecting {
		s.out = append(s.out, b...)
		return
	}
	n, err := unix.Write(int(s.fd), b)
	if err != nil && err != unix.EAGAIN {
		e.drop(id)
		e.gone = append(e.gone, ended{id, os.NewSyscallError("write", err)})
		return
	}
	if n = max(n, 0); n < len(b) {
		s.out = append(s.out, b[n:]...)
		_ = e.ctl(unix.EPOLL_CTL_MOD, id)
	}
}

func (e *epoll) pause(id int) {
	if s := &e.slots[id]; s.open {
		s.paused = true
		_ = e.ctl(unix.EPOLL_CTL_MOD, id)
	}
}

func (e *epoll) drop(id int) {
	e.gone = slices.DeleteFunc(e.gone, func(g ended) bool { return g.id == id })
	if s := &e.slots[id]; s.open {
		_ = unix.Close(int(s.fd))
		*s = socket{}
	}
}

func (e *epoll) wait(d time.Duration, to sink) error {
	for gone := e.gone; len(gone) > 0; gone = e.gone {
		e.gone = nil
		for _, g := range gone {
			to.ended(g.id, g.err)
		}
		d = 0
	}
	ms := int(max(d, 0) / time.Millisecond)
	if part := d % time.Millisecond; part > 0 && ms < precise { // epoll knows whole milliseconds alone
		until := unix.NsecToTimespec(int64(d))
		if n, err := unix.Ppoll(e.self[:], &until, nil); n == 0 || err != nil {
			if err != nil && err != unix.EINTR {
				return os.NewSyscallError("ppoll", err)
			}
			return nil
		}
		ms = 0
	}
	n, err := unix.EpollWait(e.fd, e.events, ms)
	if err != nil && err != unix.EINTR {
		return os.NewSyscallError("epoll_wait", err)
	}
	for _, ev := range e.events[:max(n, 0)] {
		e.ready(int(ev.Fd), ev.Events, to)
	}
	return nil
}

func (e *epoll) ready(id int, events uint32, to sink) {
	s := &e.slots[id]
	if !s.open {
		return // closed by what an event before this one led to
	}
	if events&(unix.EPOLLOUT|unix.EPOLLERR|unix.EPOLLHUP) != 0 && s.connecting {
		code, err := unix.GetsockoptInt(int(s.fd), unix.SOL_SOCKET, unix.SO_ERROR)
		if err == nil && code != 0 {
			err = unix.Errno(code)
		}
		if err != nil {
			e.drop(id)
			to.ended(id, os.NewSyscallError("connect", err))
			return
		}
		s.connecting = false
		to.connected(id)
		if s = &e.slots[id]; s.open {
			_ = e.ctl(unix.EPOLL_CTL_MOD, id)
		}
		return
	}
	if events&unix.EPOLLOUT != 0 && len(s.out) > 0 {
		out := s.out
		s.out = nil
		e.write(id, out)
		if s = &e.slots[id]; s.open && len(s.out) == 0 {
			_ = e.ctl(unix.EPOLL_CTL_MOD, id)
		}
	}
	if !s.open || events&^unix.EPOLLOUT == 0 || s.paused && events&(unix.EPOLLERR|unix.EPOLLHUP) == 0 {
		return
	}
	n, err := unix.Read(int(s.fd), e.buf)
	switch {
	case err == unix.EAGAIN:
	case err != nil:
		e.drop(id)
		to.ended(id, os.NewSyscallError("read", err))
	case n == 0:
		e.drop(id)
		to.ended(id, errEnd)
	default:
		to.received(id, e.buf[:n])
	}
}

func (e *epoll) close() {
	for id := range e.slots {
		e.drop(id)
	}
	_ = unix.Close(e.fd)
}
