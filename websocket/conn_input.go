package websocket

import (
	"context"
	"errors"
	"io"
	"os"
	"time"

	"github.com/openline/openline/websocket/internal/proto"
)

// littleSize is what a connection waits with whose socket cannot be asked whether
// there is anything to read: a TLS connection, or what an application has put
// around one. It is room for a short message, and little for a silent connection.
const littleSize = 64

// fill waits for input and puts it into c.input, under the rules of ctx and of the
// stall limit. A large buffer is taken when there is something to put into it.
func (c *Conn) fill(ctx context.Context) error {
	if c.raw == nil {
		return c.fillLittle(ctx)
	}
	if err := c.beforeFill(ctx); err != nil {
		return err
	}
	return c.filled(ctx, c.raw.Read(c.rawIn.try))
}

// beforeFill is what there is to do before the wait of fill. It is apart, as is
// filled, because what they need on the stack is not needed while fill waits.
//
//go:noinline
func (c *Conn) beforeFill(ctx context.Context) error {
	if err := c.beforeWait(ctx); err != nil {
		return err
	}
	r := &c.rawIn
	r.into, r.n, r.err = nil, 0, nil
	c.waiting.Store(true)
	return nil
}

// filled is what there is to do after it. err is what RawConn.Read returned.
//
//go:noinline
func (c *Conn) filled(ctx context.Context, err error) error {
	c.waiting.Store(false)
	r := &c.rawIn
	if err == nil && r.n > 0 {
		c.arrived(r.n)
		c.input = c.block[:r.n]
		return nil
	}
	err = c.notRead(ctx, r.outcome(err))
	c.releaseBlock()
	return err
}

// fillLittle is fill where the socket cannot be asked.
func (c *Conn) fillLittle(ctx context.Context) error {
	p := c.little[:]
	if c.more || c.in.InFrame() {
		if c.block == nil {
			c.block = blocks.Get().(*block)
		}
		p = c.block[:]
	} else {
		c.releaseBlock()
	}
	n, err := c.wait(ctx, p)
	if err != nil {
		c.releaseBlock()
		return err
	}
	c.input, c.more = p[:n], n == len(p)
	return nil
}

// wait reads once into p, under the rules of fill, and turns an error into what the
// caller of the public method gets.
func (c *Conn) wait(ctx context.Context, p []byte) (int, error) {
	if err := c.beforeWait(ctx); err != nil {
		return 0, err
	}
	c.waiting.Store(true)
	var n int
	var err error
	if c.raw != nil {
		n, err = c.rawIn.read(c, p)
	} else {
		n, err = c.nc.Read(p)
	}
	c.waiting.Store(false)
	if n > 0 {
		c.arrived(n)
		return n, nil
	}
	return 0, c.notRead(ctx, err)
}

// beforeWait is what there is to do before somebody waits for input.
func (c *Conn) beforeWait(ctx context.Context) error {
	c.sendAnswer()
	c.stopHolding()
	if err := c.rwatch.arm(ctx); err != nil {
		return c.orEnd(err)
	}
	c.beforeStall()
	return nil
}

func (c *Conn) arrived(n int) {
	if !c.heard.Load() {
		c.heard.Store(true)
	}
	c.stall.after(n)
}

// notRead deals with a read that brought nothing.
func (c *Conn) notRead(ctx context.Context, err error) error {
	if e := c.Err(); e != nil {
		return e
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		if ctxErr := ctx.Err(); ctxErr != nil {
			return ctxErr
		}
		return c.fail(errStalled)
	}
	if err == nil {
		err = io.ErrNoProgress
	}
	return c.lost(err)
}

// rawInput reads from a descriptor when there is something to read. Without a
// destination it takes a block then and gives it back before it waits, so that
// an idle connection holds none.
//
// It always tries first, though after a read that did not fill its buffer there
// is mostly nothing: RawConn.Read forgets what the poller has reported so far, which
// is told of once, so what has come since that read is found by looking only.
type rawInput struct {
	try  func(fd uintptr) bool // made once: an allocation for each read would be felt
	into []byte
	n    int
	err  error
}

func (r *rawInput) prepare(c *Conn) {
	r.try = func(fd uintptr) bool {
		into := r.into
		if into == nil {
			if c.block == nil {
				c.block = blocks.Get().(*block)
			}
			into = c.block[:]
		}
		var again bool
		r.n, again, r.err = readDescriptor(fd, into)
		if again && r.into == nil {
			c.releaseBlock()
		}
		return !again
	}
}

// read reads into p.
func (r *rawInput) read(c *Conn, p []byte) (int, error) {
	r.into, r.n, r.err = p, 0, nil
	err := c.raw.Read(r.try)
	r.into = nil
	return r.n, r.outcome(err)
}

// outcome is the error of a read for which RawConn.Read returned err.
func (r *rawInput) outcome(err error) error {
	switch {
	case err != nil:
		return err
	case r.err != nil:
		return r.err
	case r.n == 0:
		return io.EOF
	}
	return nil
}

func (c *Conn) releaseBlock() {
	if c.block != nil {
		putBlock(c.block)
		c.block, c.input = nil, nil
	}
}

// errStalled is a peer that stopped, or nearly stopped, inside a frame.
var errStalled = &proto.Error{Code: proto.CodePolicy, Reason: "frame arrives too slowly"}

// stallBytes is what has to arrive of an unfinished frame in each StallTimeout.
const stallBytes = 256

// stallGuard watches that a frame which has begun goes on. Between frames a
// peer may be silent for as long as keep-alive allows. Only time in which
// somebody waits for input counts: that the application is slow is not the
// peer's fault.
type stallGuard struct {
	armed bool // a deadline is set on the socket
	got   int  // octets since the limit was last met
	left  time.Duration
	since time.Time // when the wait began
}

// beforeStall is for when somebody is about to wait for input.
func (c *Conn) beforeStall() {
	g := c.stall
	switch inFrame := c.in.InFrame() && c.cfg.stallTimeout > 0; {
	case inFrame:
		if g == nil {
			g = new(stallGuard)
			c.stall = g
		}
		if !g.armed || g.got >= stallBytes {
			g.armed, g.got, g.left = true, 0, c.cfg.stallTimeout
		}
		g.since = time.Now()
		c.rwatch.setDeadline(g.since.Add(g.left))
	case g != nil && g.armed:
		g.armed = false
		c.rwatch.setDeadline(time.Time{})
	}
}

func (g *stallGuard) after(n int) {
	if g != nil && g.armed {
		g.got += n
		g.left = max(g.left-time.Since(g.since), time.Nanosecond)
	}
}

// renew says that the frame which the deadline was set for has ended.
func (g *stallGuard) renew() {
	if g != nil {
		g.got = stallBytes
	}
}
