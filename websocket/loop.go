package websocket

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/openline/openline/websocket/internal/frame"
	"github.com/openline/openline/websocket/internal/poll"
)

// Loop drives any number of connections from one goroutine, without a goroutine
// or a timer for each: on Linux, by epoll. A program that wants all processors at
// work makes one loop for each of them.
//
// What a handler writes while it is being called leaves when it is done, in one
// write with all that other calls for the same input wrote.
//
// On other systems, and for connections over TLS, Attach has a goroutine drive
// the connection instead; the handler sees no difference but that its methods may
// be called at the same time as those of other connections.
type Loop struct {
	poller *poll.Poller // nil: not on this system
	log    *slog.Logger

	mu     sync.Mutex // guards the following
	tasks  []func()
	doing  bool        // without a poller: a goroutine is at tasks
	dirty  []*LoopConn // what was written to them is to be sent
	closed bool
	shared map[loopSharedKey]*loopShared
	asleep atomic.Bool // the loop waits, or is about to

	// What only the loop's goroutine uses.
	slots    []slot
	free     []uint32 // of slots
	wheel    wheel
	input    []byte   // what is read goes here
	cork     []byte   // what was written to the connection that is held
	corkCut  bool     // it begins with something that nothing may take the place of
	gather   []byte   // pieces that are to leave in one write
	reserved int      // octets that connections have room for and that have not come
	scratch  loopRead // state for connections that have none of their own
	reads    []*loopRead
	spare    [2][]*LoopConn // memory of dirty
	rested   []func()       // memory of tasks
	sending  []*LoopConn    // what Send queued for them is to be sent
	sent     int            // of sending, from the first on
	drained  []*LoopConn    // whose handlers are to be told so
	at       *LoopConn      // whose handler is being called; nil: none is
	running  []func()       // tasks, but for those that are done
	flushing []*LoopConn    // what was dirty, but for those that are done
	telling  []*LoopConn    // what was drained, but for those that are done
	openings []*opening     // memory for those that come next

	open   atomic.Int64
	done   chan struct{} // closed when the goroutine has ended
	others sync.WaitGroup
	driven map[*LoopConn]struct{} // by goroutines; guarded by mu
}

// slot is a place for a connection. What the kernel reports of an earlier one in
// the same place has another generation.
type slot struct {
	conn       *LoopConn
	generation uint32
}

// loopInput is how much is read from a socket at once.
const loopInput = 64 << 10

// ErrLoopClosed is what Attach returns after Shutdown.
var ErrLoopClosed = errors.New("websocket: the loop has been shut down")

// NewLoop starts a loop. It ends with Shutdown.
func NewLoop() (*Loop, error) { return startLoop(time.Now()) }

// startLoop starts a loop whose clock begins at start.
func startLoop(start time.Time) (*Loop, error) {
	if !poll.Supported {
		return newLoop(), nil
	}
	l := newLoop()
	l.done = make(chan struct{})
	var err error
	if l.poller, err = poll.Open(); err != nil {
		return nil, fmt.Errorf("websocket: %w", err)
	}
	l.input = make([]byte, loopInput)
	l.wheel.start = start
	l.wheel.now = l.wheel.tick(time.Now())
	go l.run()
	return l, nil
}

// newLoop returns a loop without a poller.
func newLoop() *Loop {
	l := &Loop{done: make(chan struct{}), shared: map[loopSharedKey]*loopShared{}, driven: map[*LoopConn]struct{}{}, log: slog.Default()}
	close(l.done)
	return l
}

// Len returns how many connections the loop has.
func (l *Loop) Len() int { return int(l.open.Load()) }

// run is the loop.
func (l *Loop) run() {
	ended := false
	defer func() {
		if !ended { // a handler has ended this goroutine
			go l.goOn()
			return
		}
		close(l.done)
	}()
	for {
		events, err := l.poller.Poll()
		if len(events) == 0 && err == nil && !l.work() {
			// Whoever has something to do from here on wakes the poller.
			l.asleep.Store(true)
			if !l.hasWork() {
				events, err = l.poller.Wait(l.wheel.next())
			}
			l.asleep.Store(false)
		}
		if err != nil {
			l.log.Error("websocket: a loop cannot wait any more", "error", err)
			l.abandon()
			ended = true
			return
		}
		for _, e := range events {
			l.event(e)
		}
		l.wheel.advance(l, time.Now()) // now: who is to be judged silent has been read
		l.work()
		if l.ended() {
			_ = l.poller.Close()
			ended = true
			return
		}
	}
}

// event deals with a socket that is ready.
func (l *Loop) event(e poll.Event) {
	i := uint32(e.ID)
	if i >= uint32(len(l.slots)) {
		return
	}
	c := l.slots[i].conn
	if c == nil || l.slots[i].generation != uint32(e.ID>>32) {
		return // of a connection that is gone
	}
	if e.Ready&poll.Writable != 0 {
		l.flush(c)
	}
	stop := c.flow.Load() == stopped // the poller is about to be told
	switch {
	case c.fd < 0 || e.Ready&(poll.Readable|poll.HungUp) == 0:
	case c.role != connected:
		l.readOther(c)
	case stop && e.Ready&poll.Readable == 0:
		l.hungUp(c)
	case !stop:
		l.readable(c)
	}
}

// readOther deals with input of a socket that is no WebSocket, or not yet.
func (l *Loop) readOther(c *LoopConn) {
	switch {
	case c.role == listens:
		l.acceptSome(c)
	case c.lingers:
		l.discard(c)
	default:
		l.openMore(c)
	}
}

// Attach hands a connection over to the loop, which calls h from then on. c must
// not have been used for anything else, and is of no further use. What the peer
// sent behind the handshake is not lost. [Handler.Shutdown] waits for a connection
// that was attached, but does not close it: the loop is to be shut down first.
func (l *Loop) Attach(c *Conn, h EventHandler) (*LoopConn, error) {
	lc := &LoopConn{loop: l, h: h, fd: -1}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, ErrLoopClosed
	}
	l.open.Add(1)
	fd, ok := l.take(c)
	if ok {
		if lc.gone, ok = c.detach(); !ok { // it is ending already
			_ = poll.Close(fd)
		}
	}
	if !ok {
		lc.other = &driven{Conn: c}
		lc.other.tell(lc)
		l.driven[lc] = struct{}{}
		l.others.Go(func() { l.drive(lc) })
		return lc, nil
	}
	lc.shared = l.share(c.cfg, c.subprotocol, c.client, c.pack)
	if c.pack != nil || c.cfg.rate.interval > 0 {
		lc.read = &loopRead{in: c.in, keep: true}
	}
	if c.pack != nil {
		lc.write = &loopWrite{out: c.out, keep: true}
	}
	early := c.input
	l.tasks = append(l.tasks, func() { l.register(lc, fd, early) })
	l.wakeUp()
	return lc, nil
}

// take takes the descriptor over, if the connection is one for the loop.
func (l *Loop) take(c *Conn) (fd int, ok bool) {
	if l.poller == nil || c.raw == nil {
		return -1, false
	}
	err := c.raw.Control(func(d uintptr) {
		n, err := poll.Dup(int(d))
		if err == nil {
			poll.BoundUnsent(n, mostUnsent)
			fd, ok = n, true
		}
	})
	return fd, ok && err == nil
}

// register makes lc one of the loop's connections.
func (l *Loop) register(lc *LoopConn, fd int, early []byte) {
	l.place(lc)
	lc.mu.Lock()
	lc.fd, lc.held = int32(fd), true
	lc.mu.Unlock()
	l.schedule(lc)
	l.guard(lc, func() { lc.h.OnOpen(lc) })
	if err := l.poller.Add(fd, lc.id(), poll.Readable); err != nil {
		l.lost(lc, err)
	} else {
		lc.want = poll.Readable
	}
	if len(early) > 0 && !lc.over.Load() {
		r := l.readState(lc)
		l.guard(lc, func() { l.receive(lc, r, early) })
	}
	l.release(lc)
}

// loopShared is what connections have in common that were opened alike.
type loopShared struct {
	loopSharedKey
	pack *packing // nil: without compression
}

type loopSharedKey struct {
	cfg         *config
	subprotocol string
	client      bool
	bits        uint8 // of compression; 0: none
	level       uint8
}

// mostShared bounds how many different ones are kept for those that come after.
const mostShared = 1 << 10

// share finds what a connection has in common with others. l.mu is held.
func (l *Loop) share(cfg *config, subprotocol string, client bool, pack *packing) *loopShared {
	key := loopSharedKey{cfg: cfg, subprotocol: subprotocol, client: client}
	if pack != nil {
		key.bits, key.level = pack.bits, pack.level
	}
	s := l.shared[key]
	if s == nil {
		s = &loopShared{key, pack}
		if len(l.shared) >= mostShared {
			clear(l.shared)
		}
		l.shared[key] = s
	}
	return s
}

// message hands a message to the handler. Whoever calls it is guarded.
func (l *Loop) message(c *LoopConn, op frame.Opcode, data []byte) {
	if c.flow.Load() != dropping {
		c.h.OnMessage(c, Message{MessageType(op), data})
	}
}

// detach takes the connection's parts from it. Its socket is closed; another
// descriptor has been made for the loop. It reports false, and does nothing, when
// the connection is ending already.
func (c *Conn) detach() (gone func(), ok bool) {
	c.mu.Lock()
	if c.ended() != nil || c.closing != nil {
		c.mu.Unlock()
		return nil, false
	}
	list := c.takeGone()
	c.attached = c.watched
	c.err.Store(&CloseError{Code: CloseAbnormal, Err: net.ErrClosed})
	c.mu.Unlock()
	if c.attached { // the context of a Handler's function ends with the connection, not now
		list = append(list, func() {
			c.over.end()
			c.tellDependents()
		})
	} else {
		c.over.end()
	}
	c.stopKeepAlive()
	_ = c.nc.Close()
	switch len(list) {
	case 0:
		return nil, true
	case 1:
		return list[0], true
	}
	return func() {
		for _, f := range list {
			f()
		}
	}, true
}
