package websocket

import (
	"context"
	"crypto/tls"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/openline/openline/websocket/internal/handshake"
	"github.com/openline/openline/websocket/internal/proto"
)

// Conn is a WebSocket connection, of either end. All methods may be called from
// any goroutine; reads wait for each other, and so do writes.
//
// Somebody has to read: only then are Pings answered, a Close is noticed and
// keep-alive works.
type Conn struct {
	nc          net.Conn
	raw         syscall.RawConn // nc's, where its descriptor can be used directly; else nil
	cfg         *config
	client      bool
	tls         bool // nc is a TLS connection
	broken      bool // the socket does not take anything any more; guarded by sending
	isClosed    bool // the TCP connection has been closed; guarded by mu, as the next two are
	watched     bool // there is a context that ends with it
	attached    bool // and a loop has it by now, so that done and the context wait for the loop
	subprotocol string
	pack        *packing // how messages are compressed, nil: not at all
	handler     *Handler // which has it in its list; nil: none has

	reading lock // held by the one who reads; guards the following
	in      proto.Receiver
	input   []byte // octets that in has not seen yet
	block   *block // where input points to, nil when that is not a pooled block
	stream  *messageReader
	due     *time.Time  // state of the message rate limit; nil before the first message
	stall   *stallGuard // nil before somebody waited inside a frame
	answer  bool        // a Pong is queued that has not been sent off
	own     bool        // messages are read into this package's memory, not the caller's
	more    bool        // the last read filled its buffer: there may be more
	rawIn   rawInput
	little  *[littleSize]byte // what an idle connection waits with whose socket cannot be asked; nil: it can
	rwatch  watch

	messages lock    // held while a message is being sent, all its fragments
	sending  lock    // held during a write to the socket; guards the following
	unsent   []byte  // rest of an earlier write, to be sent before anything else
	held     *[]byte // what is held back, see hold; nil: nothing
	holdEnds *time.Timer
	wwatch   atomic.Pointer[watch] // nil before a write was not taken at once

	mu      sync.Mutex // guards the following
	out     proto.Sender
	queue   queue
	closing *CloseError // how the closing handshake stands; nil before it begins
	extra   *seldom     // see there

	err     atomic.Pointer[CloseError] // how the connection ended; nil before that. Written with mu held
	over    ending                     // closed when err is set
	mayHold atomic.Bool                // another whole message is in hand, see hold
	isHeld  atomic.Bool                // held is not nil
	heard   atomic.Bool                // something has arrived since keep-alive looked last
	waiting atomic.Bool                // a reader waits for input
	alive   keepAlive
}

// seldom is what few connections need, and those that do need it for a while. It
// is apart because a connection that does not should be small. Conn.mu guards it.
type seldom struct {
	onPong     func(payload []byte) // who wants to know of Pongs instead of Ping; nil: nobody
	onDrain    func()               // who wants to know that the queue, once full, is empty; nil: nobody
	closeTimer *time.Timer          // what a slow peer's Close frame waits under, until it is out
	pings      map[uint64]chan struct{}
	pingCount  uint64
	gone       []func()                // to be called when the TCP connection has been closed
	dependents map[*dependent]struct{} // who is told of the end
}

// seldom returns c.extra. c.mu is held.
func (c *Conn) seldom() *seldom {
	if c.extra == nil {
		c.extra = new(seldom)
	}
	return c.extra
}

// newConn starts a connection on nc, whose handshake is done. early is what
// arrived behind the handshake, agreed what was agreed on compression, nil for
// none.
func newConn(nc net.Conn, client bool, cfg *config, subprotocol string, agreed *handshake.DeflateTerms, early []byte) *Conn {
	c := &Conn{
		nc:          nc,
		raw:         rawConn(nc),
		cfg:         cfg,
		client:      client,
		tls:         isTLS(nc),
		subprotocol: subprotocol,
		input:       early,
		in:          proto.NewReceiver(client, false, cfg.limits),
		out:         proto.NewSender(client),
	}
	if agreed != nil {
		c.compress(agreed)
	}
	if c.raw != nil {
		c.rawIn.prepare(c)
	} else {
		c.little = new([littleSize]byte)
	}
	c.rwatch.c = c
	c.startKeepAlive()
	return c
}

func isTLS(nc net.Conn) bool {
	if t, ok := nc.(*tappedConn); ok {
		nc = t.Conn
	}
	_, ok := nc.(*tls.Conn)
	return ok
}

// Subprotocol returns the subprotocol that was agreed on, "" for none (RFC 6455
// §1.9).
func (c *Conn) Subprotocol() string { return c.subprotocol }

// RemoteAddr returns the address of the peer, or of a proxy on the way.
func (c *Conn) RemoteAddr() net.Addr { return c.nc.RemoteAddr() }

// LocalAddr returns the address of this end.
func (c *Conn) LocalAddr() net.Addr { return c.nc.LocalAddr() }

// Done returns a channel that is closed when the connection has ended, that is
// when no message can arrive or leave any more.
func (c *Conn) Done() <-chan struct{} { return c.over.channel() }

// Err returns how the connection ended, as a [*CloseError], or nil while it has
// not.
func (c *Conn) Err() error {
	if e := c.ended(); e != nil {
		return e
	}
	return nil
}

func (c *Conn) ended() *CloseError { return c.err.Load() }

// acquire waits for l. It fails when ctx or the connection ends first.
func (c *Conn) acquire(ctx context.Context, l *lock) error {
	if err := ctx.Err(); err != nil {
		return c.orEnd(err)
	}
	if e := c.err.Load(); e != nil {
		return e
	}
	if l.tryAcquire() {
		return nil
	}
	return c.await(ctx, l)
}

// await is acquire where somebody else has l.
func (c *Conn) await(ctx context.Context, l *lock) error {
	switch {
	case l.acquire(ctx.Done(), c.Done()):
		return nil
	case ctx.Err() != nil:
		return c.orEnd(ctx.Err())
	}
	return c.Err()
}

// orEnd returns how the connection ended if it has, and err otherwise: the
// context of a handler ends with its connection, which tells more.
func (c *Conn) orEnd(err error) error {
	if e := c.ended(); e != nil {
		return e
	}
	return err
}
