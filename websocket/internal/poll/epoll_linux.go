package poll

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Supported says that this system has what the package needs.
const Supported = true

// Event is one descriptor that is ready, by the id it was added with.
type Event struct {
	ID    uint64
	Ready Ready
}

// Poller waits for descriptors, level-triggered. Wake may be called from any
// goroutine, all else from one.
//
// It does not wait in the kernel itself: its epoll descriptor is parked in the
// runtime's own, so that waiting holds no thread.
type Poller struct {
	file   *os.File // the epoll descriptor
	fd     int
	raw    syscall.RawConn
	wake   int // an eventfd
	kernel [256]unix.EpollEvent
	events []Event
	try    func(fd uintptr) bool
	err    error
	until  time.Time // the deadline that is set
}

// wakeID is the id of the eventfd.
const wakeID = ^uint64(0)

// Open returns a Poller.
func Open() (*Poller, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("poll: epoll_create1: %w", err)
	}
	wake, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("poll: eventfd: %w", err)
	}
	p := &Poller{fd: fd, wake: wake}
	err = unix.SetNonblock(fd, true) // or the runtime would not poll it
	if err == nil {
		err = p.Add(wake, wakeID, Readable)
	}
	if err == nil {
		p.file = os.NewFile(uintptr(fd), "epoll")
		p.raw, err = p.file.SyscallConn()
	}
	if err != nil {
		_ = unix.Close(wake)
		_ = unix.Close(fd)
		return nil, fmt.Errorf("poll: %w", err)
	}
	p.try = func(uintptr) bool { return p.look() }
	return p, nil
}

// Close gives the poller up. Nobody waits or adds then.
func (p *Poller) Close() error {
	err := p.file.Close()
	return errors.Join(err, unix.Close(p.wake))
}

// Add begins to wait for fd.
func (p *Poller) Add(fd int, id uint64, want Ready) error {
	return p.control(unix.EPOLL_CTL_ADD, fd, id, want)
}

// Change changes what is waited for.
func (p *Poller) Change(fd int, id uint64, want Ready) error {
	return p.control(unix.EPOLL_CTL_MOD, fd, id, want)
}

// Remove stops waiting for fd, which may not have been closed yet.
func (p *Poller) Remove(fd int) error {
	return p.control(unix.EPOLL_CTL_DEL, fd, 0, 0)
}

func (p *Poller) control(op, fd int, id uint64, want Ready) error {
	e := unix.EpollEvent{Fd: int32(uint32(id)), Pad: int32(uint32(id >> 32))}
	if want&Readable != 0 {
		e.Events |= unix.EPOLLIN
	}
	if want&Writable != 0 {
		e.Events |= unix.EPOLLOUT
	}
	return unix.EpollCtl(p.fd, op, fd, &e)
}

// Wake ends a Wait that is going on, or the next one.
func (p *Poller) Wake() {
	one := [8]byte{7: 1}                           // any number but zero, in either order of octets
	_, _ = call(unix.SYS_WRITE, p.wake, one[:], 0) // full: it is awake already
}

// Poll returns what is ready now, without waiting. The slice is valid until the
// next call.
func (p *Poller) Poll() ([]Event, error) {
	p.look()
	return p.events, p.err
}

// Wait waits until something is ready, Wake is called or deadline comes, the
// zero time meaning never. It returns what is ready; the slice is valid until the
// next call.
func (p *Poller) Wait(deadline time.Time) ([]Event, error) {
	if deadline != p.until {
		p.until = deadline
		if err := p.file.SetReadDeadline(deadline); err != nil {
			return nil, err
		}
	}
	p.events = p.events[:0]
	err := p.raw.Read(p.try)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return p.events, p.err
}

// look asks the kernel once. It reports whether there was anything.
func (p *Poller) look() bool {
	p.events = p.events[:0]
	n, err := wait(p.fd, p.kernel[:])
	if err != nil {
		p.err = err
		return true
	}
	for i := range p.kernel[:n] {
		e := &p.kernel[i]
		id := uint64(uint32(e.Fd)) | uint64(uint32(e.Pad))<<32
		if id == wakeID {
			var b [8]byte
			_, _ = call(unix.SYS_READ, p.wake, b[:], 0) // it was readable, so this empties it
			continue
		}
		var r Ready
		if e.Events&unix.EPOLLIN != 0 {
			r |= Readable
		}
		if e.Events&unix.EPOLLOUT != 0 {
			r |= Writable
		}
		if e.Events&(unix.EPOLLHUP|unix.EPOLLERR) != 0 {
			r |= HungUp
		}
		p.events = append(p.events, Event{id, r})
	}
	return n > 0
}
