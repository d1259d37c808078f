package websocket

import (
	"net/http"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/openline/openline/websocket/internal/poll"
)

// Between requests a connection may be silent for as long as this, and as long may
// a peer take nothing of an answer.
const requestIdle = 30 * time.Second

// mostAhead is how much a peer may send ahead of the answer that it waits for.
const mostAhead = loopInput

// ask has the application answer a request that opens no WebSocket, whose header
// section is b[:to]. It reports false, and nothing has happened, if HTTPServer is
// to do so.
func (l *Loop) ask(c *LoopConn, o *opening, r *http.Request, b []byte, to int) bool {
	s := o.from.server
	if s.o.Request == nil && s.o.Hold == nil || !selfContained(r) || int64(len(b)-to) < r.ContentLength {
		return false // too long a body
	}
	end := to + int(r.ContentLength)
	var answered atomic.Bool
	answer := func(response []byte) {
		if !answered.Swap(true) {
			l.later(func() { l.answered(c, response) })
		}
	}
	taken := false
	l.guard(nil, func() {
		if s.o.Hold != nil && r.Method == http.MethodGet && r.ContentLength == 0 {
			taken, o.hurry = s.o.Hold(r, answer)
		}
		if !taken && s.o.Request != nil {
			taken = s.o.Request(r, b[to:end:end], answer)
		}
	})
	if !taken {
		o.hurry = nil
		return false
	}
	o.busy = true
	o.keepOnly(b[end:])
	c.role, c.limit = answering, 0
	l.wheel.put(c, 0)
	if len(o.got) > 0 {
		l.hurry(o)
	}
	return true
}

// hurry tells an application that holds an answer back that it is to come.
func (l *Loop) hurry(o *opening) {
	if f := o.hurry; f != nil {
		o.hurry = nil
		l.guard(nil, f)
	}
}

// mostBody is how long a body may be for the loop to wait for it.
const mostBody = loopInput / 2

// awaitBody reports whether the rest of a body is to be waited for, before the
// application is asked.
func (l *Loop) awaitBody(c *LoopConn, o *opening, r *http.Request, b []byte, from, to int) bool {
	if o.from.server.o.Request == nil || !selfContained(r) || r.ContentLength > mostBody || int64(len(b)-to) >= r.ContentLength {
		return false
	}
	o.section, o.end = [2]int{from, to}, to+int(r.ContentLength)
	if o.got == nil {
		o.keep(b)
		if c.role == answering { // and was idle until now
			l.limitHead(c, o)
		}
	}
	return true
}

// selfContained reports whether a request can be answered with nothing but one
// response, after which the connection goes on.
func selfContained(r *http.Request) bool {
	return r.ProtoAtLeast(1, 1) && !r.Close && r.ContentLength >= 0 && len(r.TransferEncoding) == 0 &&
		r.Header["Upgrade"] == nil && r.Header["Sec-Websocket-Key"] == nil && // package http1 takes no request after one with it
		r.Header["Expect"] == nil && strings.HasPrefix(r.RequestURI, "/")
}

// keepOnly keeps b, which may be the end of what is kept, and nothing else.
func (o *opening) keepOnly(b []byte) {
	switch {
	case o.got != nil && len(b) > 0:
		o.got = o.got[:copy(o.got, b)]
	case o.got != nil:
		putLarge(o.got)
		o.got = nil
	case len(b) > 0:
		o.keep(b)
	}
}

// later has f called by the loop as Do has, even while it is being shut down.
func (l *Loop) later(f func()) {
	l.mu.Lock()
	l.tasks = append(l.tasks, f)
	l.mu.Unlock()
	l.wakeUp()
}

// answered sends the answer.
func (l *Loop) answered(c *LoopConn, response []byte) {
	if c.fd < 0 {
		return
	}
	if o, ok := c.h.(*opening); ok {
		o.hurry = nil
	}
	c.mu.Lock()
	n, err := poll.Write(int(c.fd), response)
	if err != nil {
		n = 0 // flushing will say why
	}
	waits := n < len(response)
	if waits {
		c.queueRest(append([]byte(nil), response[n:]...), n > 0)
	}
	c.mu.Unlock()
	c.limit = l.wheel.after(requestIdle)
	l.wheel.put(c, c.limit)
	if waits {
		l.flush(c)
		return
	}
	l.answerSent(c)
}

// answerSent goes on to the next request when the socket has all of the answer. Not
// before: whoever answers that one does not know of what still waits, and a peer that
// asks without reading is not to have any number of answers kept.
func (l *Loop) answerSent(c *LoopConn) {
	o, _ := c.h.(*opening)
	o.busy = false
	o.head = o.from.server.rules.Head()
	if !o.last && len(o.got) > 0 {
		l.openNext(c, o, o.got)
		if c.fd < 0 || c.role != answering || c.lingers || o.busy {
			return
		}
		l.limitHead(c, o)
	}
	switch {
	case o.last || o.eof:
		l.endAnswering(c)
	case o.deaf:
		o.deaf = false
		l.setWant(c, false)
	}
}

// limitHead bounds the time for a header section that has begun.
func (l *Loop) limitHead(c *LoopConn, o *opening) {
	c.limit = 0
	if limit := o.from.server.rules.HeaderTimeout(); limit > 0 {
		c.limit = l.wheel.after(limit)
	}
	l.wheel.put(c, c.limit)
}

// endAnswering closes a connection in stages after its last answer.
func (l *Loop) endAnswering(c *LoopConn) {
	if o, _ := c.h.(*opening); o.eof {
		l.closeSocket(c)
		return
	}
	c.mu.Lock()
	c.err = &CloseError{Code: CloseAbnormal}
	c.over.Store(true)
	c.lingers = true
	c.mu.Unlock()
	c.role = beingOpened // whose end it waits for
	c.limit = l.wheel.after(answerLinger)
	l.wheel.put(c, c.limit)
	l.closeSent(c)
}

// readAhead reads what a peer sends while its request is being answered. It leaves
// the peer of a connection to itself that has sent enough, or all.
func (l *Loop) readAhead(c *LoopConn, o *opening) {
	switch {
	case o.deaf && !c.isRead(): // so the poller tells of nothing but a socket that is of no further use
		l.closeSocket(c)
		return
	case !o.deaf:
		n, err := poll.Read(int(c.fd), l.input)
		switch {
		case err == syscall.EAGAIN:
			return
		case err != nil:
			l.closeSocket(c)
			return
		case n == 0: // it may still wait for the answer
			o.eof = true
		default:
			o.keep(l.input[:n])
		}
		o.deaf = o.eof || len(o.got) >= mostAhead
		l.hurry(o)
	}
	if want := c.want &^ poll.Readable; o.deaf && l.poller.Change(int(c.fd), c.id(), want) == nil {
		c.want = want
	}
}

// answeringDue is called when a connection has been idle, or did not take its
// answer, for too long.
func (l *Loop) answeringDue(c *LoopConn) {
	o, _ := c.h.(*opening)
	c.mu.Lock()
	waits := c.write != nil && c.write.bytes > 0
	c.mu.Unlock()
	switch {
	case o.busy && !waits: // the application takes its time
	case o.end > 0 && !waits:
		l.handOver(c, o, o.got)
	case waits || o.got == nil:
		l.closeSocket(c)
	default:
		o.head.Slow()
		l.refuseHead(c, o)
	}
}

// shutAnswering ends a connection because the loop does: at once, or when its
// request has been answered.
func (l *Loop) shutAnswering(c *LoopConn) {
	if o, _ := c.h.(*opening); o.busy {
		o.last = true
		return
	}
	l.closeSocket(c)
}

// isDeaf reports whether what the peer sends ahead of an answer is left unread.
func (c *LoopConn) isDeaf() bool {
	if c.role != answering {
		return false
	}
	o, _ := c.h.(*opening)
	return o.deaf
}
