package echo

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"sync"

	"github.com/openline/openline/websocket"
)

// line is a connection of a loop, with methods that wait as those of a
// [websocket.Conn] do, for the deeds.
type line struct {
	act func() // a deed that comes before the echo; may be nil
	got func()

	c        *websocket.LoopConn
	messages sync.Mutex // held while a message is being sent, all its fragments
	over     chan struct{}

	mu      sync.Mutex // guards the following
	waiting []websocket.Message
	drained chan struct{} // closed when a queue that was full is empty; nil: nobody waits for that
	pings   uint64
	pongs   map[uint64]chan struct{}
}

// echoLoop has a loop drive c, and waits until it has ended.
func echoLoop(loop *websocket.Loop, c *websocket.Conn, l *line, began func(end)) error {
	attached := make(chan struct{})
	act := l.act
	l.act = func() {
		<-attached
		if act != nil {
			act()
		}
	}
	lc, err := loop.Attach(c, l)
	if err != nil {
		_ = c.CloseNow()
		return err
	}
	l.c = lc
	began(l)
	close(attached)
	<-l.over
	return lc.Err()
}

func (l *line) OnOpen(*websocket.LoopConn) { l.act() }

func (l *line) OnMessage(_ *websocket.LoopConn, m websocket.Message) {
	l.got()
	l.mu.Lock()
	defer l.mu.Unlock() // so that release sees each answer that has to wait
	// Between the fragments of another message an answer has to wait.
	if l.messages.TryLock() {
		defer l.messages.Unlock()
		_ = l.c.Write(m.Type, m.Data) // an answer always fits
		return
	}
	l.waiting = append(l.waiting, websocket.Message{Type: m.Type, Data: slices.Clone(m.Data)})
}

func (l *line) OnPong(_ *websocket.LoopConn, payload []byte) {
	if len(payload) != 8 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	id := binary.BigEndian.Uint64(payload)
	for n, answered := range l.pongs {
		if n <= id {
			close(answered)
			delete(l.pongs, n)
		}
	}
}

func (l *line) OnDrain(*websocket.LoopConn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.drained != nil {
		close(l.drained)
		l.drained = nil
	}
}

func (l *line) OnClose(*websocket.LoopConn, *websocket.CloseError) { close(l.over) }

// patiently writes until the queue takes it.
func (l *line) patiently(ctx context.Context, write func() error) error {
	for {
		// Before it is tried: the queue may be empty again before write returns.
		l.mu.Lock()
		if l.drained == nil {
			l.drained = make(chan struct{})
		}
		drained := l.drained
		l.mu.Unlock()
		if err := write(); !errors.Is(err, websocket.ErrQueueFull) {
			return err
		}
		select {
		case <-drained:
		case <-l.over:
			return l.c.Err()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// release lets the next message begin, after the answers that waited.
func (l *line) release() {
	for {
		l.mu.Lock()
		waiting := l.waiting
		l.waiting = nil
		if len(waiting) == 0 {
			l.messages.Unlock()
			l.mu.Unlock()
			return
		}
		l.mu.Unlock()
		for _, m := range waiting {
			_ = l.patiently(context.Background(), func() error { return l.c.Write(m.Type, m.Data) })
		}
	}
}

func (l *line) Write(ctx context.Context, typ websocket.MessageType, p []byte) error {
	l.messages.Lock()
	defer l.release()
	return l.patiently(ctx, func() error { return l.c.Write(typ, p) })
}

func (l *line) WriteUncompressed(ctx context.Context, typ websocket.MessageType, p []byte) error {
	l.messages.Lock()
	defer l.release()
	return l.patiently(ctx, func() error { return l.c.WriteUncompressed(typ, p) })
}

func (l *line) NextWriter(ctx context.Context, typ websocket.MessageType) (io.WriteCloser, error) {
	l.messages.Lock()
	return &lineWriter{l, ctx, typ}, nil
}

// lineWriter sends a message in fragments.
type lineWriter struct {
	l   *line
	ctx context.Context
	typ websocket.MessageType
}

func (w *lineWriter) Write(p []byte) (int, error) {
	err := w.l.patiently(w.ctx, func() error { return w.l.c.WriteFragment(w.typ, p, false) })
	if err != nil {
		return 0, err
	}
	return len(p), nil
}

func (w *lineWriter) Close() error {
	defer w.l.release()
	return w.l.patiently(w.ctx, func() error { return w.l.c.WriteFragment(w.typ, nil, true) })
}

func (l *line) Ping(ctx context.Context) error {
	answered := make(chan struct{})
	l.mu.Lock()
	l.pings++
	if l.pongs == nil {
		l.pongs = map[uint64]chan struct{}{}
	}
	l.pongs[l.pings] = answered
	payload := binary.BigEndian.AppendUint64(nil, l.pings)
	l.mu.Unlock()
	if err := l.c.Ping(payload); err != nil {
		return err
	}
	select {
	case <-answered:
		return nil
	case <-l.over:
		return l.c.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (l *line) Close(code websocket.CloseCode, reason string) error { return l.c.Close(code, reason) }

func (l *line) CloseNow() error { return l.c.CloseNow() }

func (l *line) Err() error { return l.c.Err() }
