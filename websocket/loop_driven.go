package websocket

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/openline/openline/websocket/internal/proto"
)

// driven is a connection that no loop can drive: a goroutine does it.
type driven struct {
	*Conn
	mu   sync.Mutex // guards the following
	part []byte     // of the message that is written in fragments
	typ  MessageType
}

// drive is the loop's part, done by a goroutine.
func (l *Loop) drive(lc *LoopConn) {
	c := lc.other.Conn
	call := func(f func()) (ok bool) {
		defer func() {
			if v := recover(); v != nil {
				l.panicked(lc, v)
				go func() { _ = c.Close(CloseInternalError, "internal error") }()
			}
		}()
		f()
		return true
	}
	if call(func() { lc.h.OnOpen(lc) }) {
		for m, err := range c.Messages(context.Background()) {
			if err != nil || !call(func() { lc.h.OnMessage(lc, m) }) {
				break
			}
		}
	}
	<-c.Done()
	e, _ := errors.AsType[*CloseError](c.Err())
	call(func() { lc.h.OnClose(lc, e) })
	gone := make(chan struct{})
	c.whenGone(func() { close(gone) })
	<-gone
	l.open.Add(-1)
	l.mu.Lock()
	delete(l.driven, lc)
	l.mu.Unlock()
}

// told has the handler told of what the connection itself deals with. It is called
// before anything is read.
func (d *driven) told(lc *LoopConn) {
	if h, ok := lc.h.(PongHandler); ok {
		d.onPong = func(payload []byte) { h.OnPong(lc, payload) }
	}
	if h, ok := lc.h.(DrainHandler); ok {
		d.onDrain = func() { go h.OnDrain(lc) }
	}
}

func (d *driven) write(typ MessageType, data []byte, compress bool) error {
	p, err := Prepare(typ, data)
	if err != nil {
		return err
	}
	p.plain = !compress
	return d.TrySend(p)
}

// writeFragment collects the fragments: where a message is cut means nothing
// (RFC 6455 §5.4).
func (d *driven) writeFragment(typ MessageType, data []byte, last bool) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.typ != 0 && d.typ != typ {
		return fmt.Errorf("websocket: %w", proto.ErrFragment)
	}
	d.part, d.typ = append(d.part, data...), typ
	if !last {
		return nil
	}
	whole := d.part
	d.part, d.typ = nil, 0
	return d.write(typ, whole, true)
}

func (d *driven) ping(payload []byte) error {
	c := d.Conn
	c.mu.Lock()
	err := c.out.QueuePing(payload)
	c.mu.Unlock()
	if err != nil {
		return c.sendError(err)
	}
	c.kick()
	return nil
}

func (d *driven) close(code CloseCode, reason string) error {
	c := d.Conn
	c.mu.Lock()
	err := c.out.CheckClose(uint16(code), reason)
	c.mu.Unlock()
	if err != nil {
		return fmt.Errorf("websocket: cannot close with %s: %w", code, err)
	}
	go func() { _ = c.Close(code, reason) }()
	return nil
}
