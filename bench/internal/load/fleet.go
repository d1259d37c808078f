// Package load is the load of the benchmarks: raw frames, made once, over sockets in
// one epoll. It does as little as it can for a message, so that the server is what is
// measured, and checks that what comes back is as long as what went out.
package load

import (
	"errors"
	"fmt"
	"io"

	"golang.org/x/sys/unix"
)

// link is one connection.
type link struct {
	fd      int
	got     int    // messages of the batch that have come back, or broadcasts; octets with a raw target
	next    int    // the batch that is sent next
	left    []byte // what the socket did not take
	scanner scanner
}

// Fleet is connections to one server. It belongs to one goroutine.
type Fleet struct {
	target   Target
	pattern  Pattern
	batches  [][]byte
	want     int
	links    []link
	ep       int
	buf      []byte
	events   [512]unix.EpollEvent
	received int64
	round    int // broadcasts so far
}

// NewFleet returns a fleet without connections, of which each will send p.
func NewFleet(t Target, p Pattern) (*Fleet, error) {
	ep, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("load: epoll_create1: %w", err)
	}
	f := &Fleet{target: t, pattern: p, ep: ep, buf: make([]byte, 256<<10)}
	f.batches, f.want = p.batches(t)
	return f, nil
}

// Grow opens connections until there are n.
func (f *Fleet) Grow(n int) error {
	o, err := newOpener(f.target, func(fd int) error {
		f.links = append(f.links, link{fd: fd, next: len(f.links) % len(f.batches)})
		return unix.EpollCtl(f.ep, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(len(f.links) - 1)})
	})
	if err != nil {
		return err
	}
	defer o.close()
	for len(f.links) < n {
		for len(o.free) > 0 && len(f.links)+inFlight-len(o.free) < n {
			if err := o.start(); err != nil {
				return err
			}
		}
		if f.target.Raw {
			continue
		}
		if err := o.finish(); err != nil {
			return err
		}
	}
	return nil
}

// Len returns how many connections there are.
func (f *Fleet) Len() int { return len(f.links) }

// Received returns how many octets have come from the server since the connections
// were open.
func (f *Fleet) Received() int64 { return f.received }

// Close ends all connections.
func (f *Fleet) Close() {
	for i := range f.links {
		_ = unix.Close(f.links[i].fd)
	}
	_ = unix.Close(f.ep)
}

// send sends the next batch of a connection.
func (f *Fleet) send(id int32) error {
	l := &f.links[id]
	b := f.batches[l.next]
	if l.next++; l.next == len(f.batches) {
		l.next = 0
	}
	return f.write(id, b)
}

func (f *Fleet) write(id int32, b []byte) error {
	l := &f.links[id]
	n, err := unix.Write(l.fd, b)
	if err != nil && err != unix.EAGAIN {
		return fmt.Errorf("load: write: %w", err)
	}
	had := len(l.left) > 0
	l.left = b[max(n, 0):]
	has := len(l.left) > 0
	if has == had {
		return nil
	}
	e := unix.EpollEvent{Events: unix.EPOLLIN, Fd: id}
	if has {
		e.Events |= unix.EPOLLOUT
	}
	return unix.EpollCtl(f.ep, unix.EPOLL_CTL_MOD, l.fd, &e)
}

// wait waits for something to come and calls arrived for each connection on which
// messages have ended, with their number: octets with a raw target.
func (f *Fleet) wait(arrived func(id int32, messages int) error) error {
	n, err := unix.EpollWait(f.ep, f.events[:], int(patience.Milliseconds()))
	if err == unix.EINTR {
		return nil
	}
	if err != nil {
		return fmt.Errorf("load: epoll_wait: %w", err)
	}
	if n == 0 {
		return errors.New("load: nothing comes from the server any more")
	}
	for _, e := range f.events[:n] {
		l := &f.links[e.Fd]
		if e.Events&unix.EPOLLOUT != 0 {
			if err := f.write(e.Fd, l.left); err != nil {
				return err
			}
		}
		if e.Events&^unix.EPOLLOUT == 0 {
			continue
		}
		k, err := unix.Read(l.fd, f.buf)
		if err == unix.EAGAIN {
			continue
		}
		if err != nil || k == 0 {
			return fmt.Errorf("load: the server ended a connection: %w", errors.Join(err, io.EOF))
		}
		f.received += int64(k)
		messages := k
		if !f.target.Raw {
			if messages, err = l.scanner.scan(f.buf[:k], f.want); err != nil {
				return err
			}
		}
		if messages > 0 {
			if err := arrived(e.Fd, messages); err != nil {
				return err
			}
		}
	}
	return nil
}
