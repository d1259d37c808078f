package websocket

import (
	"fmt"
	"log/slog"
	"net/netip"
	"syscall"
	"time"

	"github.com/openline/openline/websocket/internal/poll"
)

// role says what a loop uses a descriptor for.
type role uint8

const (
	connected role = iota
	beingOpened
	answering // requests, of which there has been one
	listens
)

// accepting is a listening socket that a loop accepts from.
type accepting struct {
	silent
	server *Server
	fd     int
	conn   *LoopConn
	rest   *restListener // for what opens no WebSocket; nil: nobody
	ended  chan error
	told   time.Time     // when a line was logged last
	wait   time.Duration // how long accepting has been put off for, last
}

// silent is an EventHandler for what has no application.
type silent struct{}

func (silent) OnOpen(*LoopConn)               {}
func (silent) OnMessage(*LoopConn, Message)   {}
func (silent) OnClose(*LoopConn, *CloseError) {}

// acceptMost is how many connections are accepted before the others have their
// turn.
const acceptMost = 16

// Between these an accept is put off when the system has no more descriptors.
const (
	acceptRetry    = 5 * time.Millisecond
	acceptRetryMax = time.Second
	acceptTell     = 10 * time.Second // no more than one line is logged in this time
)

// beginAccept has the loop accept.
func (l *Loop) beginAccept(a *accepting) {
	c := &LoopConn{loop: l, h: a, fd: int32(a.fd), role: listens, shared: a.server.base}
	a.conn = c
	l.place(c)
	if err := l.poller.Add(a.fd, c.id(), poll.Readable); err != nil {
		l.endAccept(a, err)
		return
	}
	c.want = poll.Readable
}

// endAccept closes the listening socket.
func (l *Loop) endAccept(a *accepting, err error) {
	if a.conn == nil || a.conn.fd < 0 {
		return
	}
	l.closeSocket(a.conn)
	a.ended <- err
}

// acceptSome accepts what waits.
func (l *Loop) acceptSome(c *LoopConn) {
	a, _ := c.h.(*accepting)
	for range acceptMost {
		fd, from, err := poll.Accept(int(c.fd))
		switch err {
		case nil:
		case syscall.EAGAIN:
			return
		case syscall.EINVAL, syscall.EBADF, syscall.ENOTSOCK, syscall.EOPNOTSUPP: // it listens no more
			l.endAccept(a, fmt.Errorf("websocket: accept: %w", err))
			return
		default: // no more descriptors, or an error of the network that is reported here
			l.acceptLater(a, err)
			return
		}
		a.wait = 0
		a.admit(l, fd, from)
	}
}

// acceptLater goes on when there may be descriptors again.
func (l *Loop) acceptLater(a *accepting, err error) {
	if a.wait == 0 {
		a.wait = acceptRetry / 2
	}
	if now := time.Now(); a.told.IsZero() || now.Sub(a.told) >= acceptTell {
		a.told = now
		a.server.accept.conn.log.Warn("websocket: no connection can be accepted; it is tried again", slog.String("error", err.Error()))
	}
	a.wait = min(2*a.wait, acceptRetryMax)
	c := a.conn
	if l.poller.Change(int(c.fd), c.id(), 0) == nil {
		c.want = 0
	}
	c.limit = l.wheel.after(a.wait)
	l.wheel.put(c, c.limit)
}

// acceptAgain is called when that time has come.
func (l *Loop) acceptAgain(c *LoopConn) {
	if l.poller.Change(int(c.fd), c.id(), poll.Readable) == nil {
		c.want = poll.Readable
	}
}

// admit hands a new connection to the loop whose turn it is.
func (a *accepting) admit(l *Loop, fd int, from netip.AddrPort) {
	s := a.server
	var leave func()
	if s.o.Admit != nil {
		var ok bool
		if leave, ok = s.o.Admit(from); !ok {
			_ = poll.Close(fd)
			return
		}
	}
	to := s.pickLoop()
	if to == l {
		l.beginOpening(a, fd, from, leave)
		return
	}
	if !to.Do(func() { to.beginOpening(a, fd, from, leave) }) {
		_ = poll.Close(fd)
		if leave != nil {
			leave()
		}
	}
}
