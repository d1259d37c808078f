package websocket

import (
	"net/http"
	"net/netip"
	"net/url"
	"syscall"
	"time"

	"github.com/openline/openline/websocket/http1"
	"github.com/openline/openline/websocket/internal/deflate"
	"github.com/openline/openline/websocket/internal/handshake"
	"github.com/openline/openline/websocket/internal/poll"
	"github.com/openline/openline/websocket/internal/proto"
)

// opening is a connection whose opening request has not come yet, or not all of
// it.
type opening struct {
	silent
	from  *accepting
	head  http1.Head
	got   []byte // what has come, while it is not all
	peer  netip.AddrPort
	leave func() // may be nil

	// Of a connection whose requests the application answers.
	busy bool // it is at one, or the answer has not all been sent
	last bool // no request is taken after it
	eof  bool // the peer sends nothing more

	hurry func() // of ServerOptions.Hold; nil once it has been called

	// Of a request whose body has not come: where its header section is in got, and
	// up to where its body will be; 0: there is none such.
	section [2]int
	end     int
	deaf    bool // it is not read until then
}

// answerLinger is how long a peer that was refused may take to read why.
const answerLinger = 2 * time.Second

// beginOpening takes a connection that has just been accepted.
func (l *Loop) beginOpening(a *accepting, fd int, peer netip.AddrPort, leave func()) {
	s := a.server
	var o *opening
	if n := len(l.openings); n > 0 {
		o, l.openings = l.openings[n-1], l.openings[:n-1]
	} else {
		o = new(opening)
	}
	*o = opening{from: a, head: s.rules.Head(), peer: peer, leave: leave}
	c := &LoopConn{loop: l, h: o, fd: int32(fd), role: beingOpened, shared: s.base}
	l.place(c)
	if err := l.poller.Add(fd, c.id(), poll.Readable); err != nil {
		l.closeSocket(c)
		return
	}
	c.want = poll.Readable
	if limit := s.rules.HeaderTimeout(); limit > 0 {
		c.limit = l.wheel.after(limit)
		l.wheel.put(c, c.limit)
	}
}

// place gives c a slot.
func (l *Loop) place(c *LoopConn) {
	if n := len(l.free); n > 0 {
		c.slot = l.free[n-1]
		l.free = l.free[:n-1]
	} else {
		c.slot = uint32(len(l.slots))
		l.slots = append(l.slots, slot{})
	}
	l.slots[c.slot].conn = c
}

// endOpening is called when c is no longer being opened.
func (l *Loop) endOpening(o *opening) {
	leave := o.leave
	putLarge(o.got)
	*o = opening{}
	if len(l.openings) < 64 {
		l.openings = append(l.openings, o)
	}
	if leave != nil {
		l.guard(nil, leave)
	}
}

// openMore reads what has come of an opening request.
func (l *Loop) openMore(c *LoopConn) {
	o, _ := c.h.(*opening)
	if o.busy {
		l.readAhead(c, o)
		return
	}
	n, err := poll.Read(int(c.fd), l.input)
	if err == syscall.EAGAIN {
		return
	}
	if err != nil || n == 0 {
		l.closeSocket(c) // nobody is left to be told
		return
	}
	b := l.input[:n]
	if o.got != nil {
		o.keep(b)
		b = o.got
	}
	l.openNext(c, o, b)
}

// openNext looks at what has come of a request.
func (l *Loop) openNext(c *LoopConn, o *opening, b []byte) {
	if o.end > 0 {
		if len(b) >= o.end {
			o.end = 0
			l.request(c, o, b, o.section[0], o.section[1])
		}
		return
	}
	from, to, ok := o.head.Scan(b)
	switch {
	case !ok:
		l.refuseHead(c, o)
	case to > 0:
		l.request(c, o, b, from, to)
	case o.got == nil:
		o.keep(b)
		if c.role == answering { // and was idle until now
			l.limitHead(c, o)
		}
	}
}

// keep adds what has come. It is bounded, as the header section is.
func (o *opening) keep(b []byte) {
	if need := len(o.got) + len(b); need > cap(o.got) {
		old := o.got
		o.got = append(getLarge(need), old...)
		putLarge(old)
	}
	o.got = append(o.got, b...)
}

// openingDue is called when a connection that is being opened, or that was
// refused, has had its time.
func (l *Loop) openingDue(c *LoopConn) {
	o, _ := c.h.(*opening)
	switch {
	case o.got == nil || c.lingers:
		l.closeSocket(c)
		return
	case o.end > 0: // net/http has more patience with bodies
		l.handOver(c, o, o.got)
		return
	}
	o.head.Slow()
	l.refuseHead(c, o)
}

// refuseHead answers a request that is none.
func (l *Loop) refuseHead(c *LoopConn, o *opening) {
	var w heldResponse
	l.guard(nil, func() { o.head.Refuse(&w, o.peer.String()) })
	l.answer(c, &w, false)
}

// request decides about a request whose header section is b[from:to].
func (l *Loop) request(c *LoopConn, o *opening, b []byte, from, to int) {
	s := o.from.server
	r, err := readRequest(b[from:to])
	if err != nil { // net/http is as strict in some other way
		r = &http.Request{Method: http.MethodGet, Header: http.Header{}, URL: noURL, RemoteAddr: o.peer.String()}
		var w heldResponse
		_ = s.accept.refuse(&w, r, &handshake.Refusal{Status: http.StatusBadRequest, Reason: "The request cannot be read: " + err.Error() + "."})
		l.answer(c, &w, false)
		return
	}
	r.RemoteAddr = o.peer.String()
	l.at = c
	v := s.judge(r, o.from.rest != nil)
	l.at = nil
	switch {
	case v.handler != nil:
		l.opened(c, o, &v, b[to:])
	case v.notHere && l.awaitBody(c, o, r, b, from, to):
	case v.notHere && l.ask(c, o, r, b, to):
	case v.notHere:
		l.handOver(c, o, b)
	default:
		l.answer(c, &v.answer, r.Method == http.MethodHead)
	}
}

// opened goes on with a connection that has become a WebSocket. early is what came
// behind the request.
func (l *Loop) opened(c *LoopConn, o *opening, v *verdict, early []byte) {
	got := o.got
	o.got = nil
	l.endOpening(o)
	cfg, pack := c.shared.cfg, (*packing)(nil)
	if v.terms.deflate != nil {
		pack = newPacking(cfg, v.terms.deflate)
	}
	c.role, c.h, c.limit = connected, v.handler, 0
	poll.BoundUnsent(int(c.fd), mostUnsent)
	l.mu.Lock()
	c.shared = l.share(cfg, v.terms.subprotocol, false, pack)
	l.mu.Unlock()
	c.gone = v.release
	l.open.Add(1)
	if pack != nil || cfg.rate.interval > 0 {
		c.read = &loopRead{in: proto.NewReceiver(false, false, cfg.limits), keep: true}
	}
	if pack != nil {
		c.read.in.Inflate(deflate.NewInflater(v.terms.deflate.ReceiveBits, v.terms.deflate.ReceiveTakeover))
		c.write = &loopWrite{out: proto.NewSender(false), keep: true}
		c.write.out.Deflate(deflate.NewDeflater(pack.agreed.SendBits, pack.agreed.SendTakeover, int(pack.level)), pack.threshold)
	}
	c.hold()
	// The response leaves in one write with what OnOpen writes, or has the loop do.
	// Nothing may take its place, so it counts as a frame that has begun.
	c.mu.Lock()
	if c.write == nil {
		l.cork, l.corkCut = append(l.cork, v.head...), true
	} else {
		c.queueRest(v.head, true)
	}
	c.mu.Unlock()
	l.schedule(c)
	l.guard(c, func() { c.h.OnOpen(c) })
	if len(early) > 0 && !c.over.Load() {
		r := l.readState(c)
		l.guard(c, func() { l.receive(c, r, early) })
	}
	putLarge(got)
	l.releaseLater(c)
}

// answer is the last that a connection which was not opened gets. Its socket is
// closed in stages, or what it has sent would have the answer destroyed (RFC 9112
// §9.6).
func (l *Loop) answer(c *LoopConn, w *heldResponse, head bool) {
	if w.status == 0 { // the one who was to write it has failed
		l.closeSocket(c)
		return
	}
	b := w.octets(head)
	c.role = beingOpened
	c.mu.Lock()
	c.err = &CloseError{Code: CloseAbnormal}
	c.over.Store(true)
	c.lingers = true
	n, err := poll.Write(int(c.fd), b)
	if err != nil {
		n = 0 // flushing will say why
	}
	if n < len(b) {
		c.queueRest(b[n:], true)
	}
	c.mu.Unlock()
	c.limit = l.wheel.after(answerLinger)
	l.wheel.put(c, c.limit)
	if n < len(b) {
		l.flush(c)
		return
	}
	l.closeSent(c)
}

// handOver gives a connection to the HTTP server, with what has been read of it.
func (l *Loop) handOver(c *LoopConn, o *opening, read []byte) {
	_ = l.poller.Remove(int(c.fd))
	rest := o.from.rest
	nc, err := reopen(l.leave(c), o.peer, read)
	l.endOpening(o)
	if err != nil {
		l.log.Warn("websocket: a connection could not be handed over", "error", err)
		return
	}
	rest.add(nc)
}

// noURL is the URL of a request that could not be read, or is not whole.
var noURL = &url.URL{Path: "/"}

// shutOpening ends a connection that is being opened because the loop ends.
func (l *Loop) shutOpening(c *LoopConn) {
	o, _ := c.h.(*opening)
	if o.got == nil {
		l.closeSocket(c)
		return
	}
	if !c.lingers {
		var w heldResponse
		r := &http.Request{Method: http.MethodGet, Header: http.Header{}, URL: noURL, RemoteAddr: o.peer.String()}
		l.guard(nil, func() { _ = o.from.server.accept.refuse(&w, r, errShuttingDown) })
		l.answer(c, &w, false)
	}
}
