package load

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// inFlight is how many opening handshakes are under way at a time: enough for a
// server to have always one to do, less than its backlog.
const inFlight = 64

// patience is how long nothing may come before the server is given up.
const patience = 10 * time.Second

// opening is a connection that waits for the answer to its request.
type opening struct {
	fd  int
	got []byte
}

// opener opens connections, inFlight at a time.
type opener struct {
	target  Target
	request []byte
	to      *unix.SockaddrInet4
	ep      int
	slots   [inFlight]opening
	free    []int32
	events  [inFlight]unix.EpollEvent
	opened  func(fd int) error // takes each connection that is open
}

func newOpener(t Target, opened func(fd int) error) (*opener, error) {
	addr, err := netip.ParseAddrPort(t.Address)
	if err != nil || !addr.Addr().Is4() {
		return nil, fmt.Errorf("load: %q is no IPv4 address with a port", t.Address)
	}
	o := &opener{target: t, request: t.request(), to: &unix.SockaddrInet4{Port: int(addr.Port()), Addr: addr.Addr().As4()}, opened: opened}
	for i := range o.slots {
		o.free = append(o.free, int32(i))
	}
	o.ep, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	return o, err
}

func (o *opener) close() {
	for i := range o.slots {
		if o.slots[i].fd > 0 {
			_ = unix.Close(o.slots[i].fd)
		}
	}
	_ = unix.Close(o.ep)
}

// connect opens a TCP connection. On loopback that does not wait: the kernel does
// both ends' part at once. It will end with a reset, so that what one server leaves
// behind (TIME_WAIT) costs no time while the next is measured.
func (o *opener) connect() (int, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("load: socket: %w", err)
	}
	err = unix.Connect(fd, o.to)
	if err == nil {
		err = errors.Join(
			unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1),
			unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}),
			unix.SetNonblock(fd, true))
	}
	if err != nil {
		_ = unix.Close(fd)
		return -1, fmt.Errorf("load: connect: %w", err)
	}
	return fd, nil
}

// start begins one connection.
func (o *opener) start() error {
	fd, err := o.connect()
	if err != nil {
		return err
	}
	if o.target.Raw {
		return o.opened(fd)
	}
	if _, err := unix.Write(fd, o.request); err != nil {
		_ = unix.Close(fd)
		return fmt.Errorf("load: send the opening request: %w", err)
	}
	slot := o.free[len(o.free)-1]
	o.free = o.free[:len(o.free)-1]
	o.slots[slot].fd, o.slots[slot].got = fd, o.slots[slot].got[:0]
	return unix.EpollCtl(o.ep, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: slot})
}

// finish waits for answers and hands over the connections that are open.
func (o *opener) finish() error {
	n, err := unix.EpollWait(o.ep, o.events[:], int(patience.Milliseconds()))
	if err == unix.EINTR {
		return nil
	}
	if err != nil {
		return fmt.Errorf("load: epoll_wait: %w", err)
	}
	if n == 0 {
		return errors.New("load: the server does not answer opening requests")
	}
	for _, e := range o.events[:n] {
		s := &o.slots[e.Fd]
		var b [1024]byte
		k, err := unix.Read(s.fd, b[:])
		if err == unix.EAGAIN {
			continue
		}
		if err != nil || k == 0 {
			return fmt.Errorf("load: the server closed instead of answering: %w", errors.Join(err, io.EOF))
		}
		s.got = append(s.got, b[:k]...)
		done, err := o.target.answered(s.got)
		if err != nil {
			return err
		}
		if !done {
			continue
		}
		if err := unix.EpollCtl(o.ep, unix.EPOLL_CTL_DEL, s.fd, nil); err != nil {
			return fmt.Errorf("load: epoll_ctl: %w", err)
		}
		fd := s.fd
		s.fd = 0
		o.free = append(o.free, e.Fd)
		if err := o.opened(fd); err != nil {
			return err
		}
	}
	return nil
}

// Handshakes opens connections and ends each as soon as it is open, for as long as d
// and at least once, and returns how many there were.
func Handshakes(t Target, d time.Duration) (count int, err error) {
	o, err := newOpener(t, func(fd int) error {
		count++
		return unix.Close(fd)
	})
	if err != nil {
		return 0, err
	}
	defer o.close()
	for end := time.Now().Add(d); count == 0 || time.Now().Before(end); {
		for len(o.free) > 0 {
			if err := o.start(); err != nil {
				return count, err
			}
		}
		if err := o.finish(); err != nil {
			return count, err
		}
	}
	return count, nil
}
