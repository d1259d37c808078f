package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"golang.org/x/sys/unix"
)

// link is one connection of the load.
type link struct {
	fd    int
	send  []byte // the frames that are under way at once
	want  int    // octets that have to come before they are sent again
	got   int
	left  []byte // what the socket did not take
	count int    // frames in send
}

// upgrade opens a WebSocket, unless the server is raw TCP.
func upgrade(addr string, raw bool) (net.Conn, error) {
	nc, err := net.Dial("tcp", addr)
	if err != nil || raw {
		return nc, err
	}
	request := "GET / HTTP/1.1\r\nHost: " + addr + "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Key: AAECAwQFBgcICQoLDA0ODw==\r\nSec-WebSocket-Version: 13\r\n\r\n"
	_ = nc.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.WriteString(nc, request); err != nil {
		return nil, err
	}
	resp, err := http.ReadResponse(bufio.NewReaderSize(nc, 1024), nil)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusSwitchingProtocols {
		return nil, errors.New(resp.Status)
	}
	return nc, nc.SetDeadline(time.Time{})
}

// frame is a masked binary message, and how long its echo is.
func frame(size int, raw bool) (b []byte, echo int) {
	switch {
	case size < 126:
		b, echo = []byte{0x82, 0x80 | byte(size)}, 2+size
	case size < 65536:
		b, echo = binary.BigEndian.AppendUint16([]byte{0x82, 0x80 | 126}, uint16(size)), 4+size
	default:
		b, echo = binary.BigEndian.AppendUint64([]byte{0x82, 0x80 | 127}, uint64(size)), 10+size
	}
	key := []byte{0x12, 0x34, 0x56, 0x78}
	b = append(b, key...)
	for i := range size {
		b = append(b, byte(i)^key[i%4])
	}
	if raw {
		echo = len(b)
	}
	return b, echo
}

// fleet is all connections.
type fleet struct {
	links []link
	ep    int
	buf   []byte
}

// launch opens the connections and sends the first messages.
func launch(addr string, s *scenario, raw bool) (*fleet, error) {
	ep, err := unix.EpollCreate1(0)
	if err != nil {
		return nil, err
	}
	f := &fleet{ep: ep, links: make([]link, s.connections), buf: make([]byte, 256<<10)}
	one, echo := frame(s.size, raw)
	all := bytes.Repeat(one, s.outstanding)
	for i := range f.links {
		nc, err := upgrade(addr, raw)
		if err != nil {
			return f, err
		}
		file, err := nc.(*net.TCPConn).File()
		if err != nil {
			return f, err
		}
		fd, err := unix.Dup(int(file.Fd()))
		_ = file.Close()
		_ = nc.Close()
		if err != nil {
			return f, err
		}
		_ = unix.SetNonblock(fd, true)
		f.links[i] = link{fd: fd, send: all, want: echo * s.outstanding, count: s.outstanding}
		if err := unix.EpollCtl(ep, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(i)}); err != nil {
			return f, err
		}
	}
	for i := range f.links {
		if err := f.write(&f.links[i], f.links[i].send, int32(i)); err != nil {
			return f, err
		}
	}
	return f, nil
}

func (f *fleet) write(l *link, b []byte, id int32) error {
	n, err := unix.Write(l.fd, b)
	if err != nil && err != unix.EAGAIN {
		return err
	}
	had := len(l.left) > 0
	l.left = b[max(n, 0):]
	if has := len(l.left) > 0; has != had {
		e := unix.EpollEvent{Events: unix.EPOLLIN, Fd: id}
		if has {
			e.Events |= unix.EPOLLOUT
		}
		return unix.EpollCtl(f.ep, unix.EPOLL_CTL_MOD, l.fd, &e)
	}
	return nil
}

// drive keeps the messages going until the time is up, and returns how many came
// back.
func (f *fleet) drive(d time.Duration) (messages int, err error) {
	events := make([]unix.EpollEvent, 256)
	for end := time.Now().Add(d); time.Now().Before(end); {
		n, err := unix.EpollWait(f.ep, events, 100)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return messages, err
		}
		for _, e := range events[:n] {
			l := &f.links[e.Fd]
			if e.Events&unix.EPOLLOUT != 0 {
				if err := f.write(l, l.left, e.Fd); err != nil {
					return messages, err
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
				return messages, fmt.Errorf("the server ended a connection: %w", errors.Join(err, io.EOF))
			}
			if l.got += k; l.got > l.want {
				return messages, fmt.Errorf("%d octets came back instead of %d", l.got, l.want)
			}
			if l.got == l.want {
				messages += l.count
				l.got = 0
				if err := f.write(l, l.send, e.Fd); err != nil {
					return messages, err
				}
			}
		}
	}
	return messages, nil
}

func (f *fleet) close() {
	for i := range f.links {
		if f.links[i].fd > 0 {
			_ = unix.Close(f.links[i].fd)
		}
	}
	_ = unix.Close(f.ep)
}
