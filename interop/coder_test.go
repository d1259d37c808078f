package interop

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"testing"

	"github.com/coder/websocket"
)

func TestCoder(t *testing.T) {
	t.Run("as client", func(t *testing.T) {
		run(t, asServer("coder/websocket", nil, coderDial))
	})
	t.Run("as server", func(t *testing.T) {
		run(t, goServer(t, "coder/websocket", nil, func(w http.ResponseWriter, r *http.Request) (end, error) {
			c, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"second"}, CompressionMode: websocket.CompressionContextTakeover})
			if err != nil {
				return nil, err
			}
			return newCoderEnd(c), nil
		}))
	})
}

func coderDial(t *testing.T, url string, subprotocols []string) end {
	c, resp, err := websocket.Dial(t.Context(), url, &websocket.DialOptions{
		Subprotocols:    subprotocols,
		CompressionMode: websocket.CompressionContextTakeover,
	})
	if err != nil {
		t.Fatal(err)
	}
	if resp.Body != nil {
		resp.Body.Close()
	}
	e := newCoderEnd(c)
	t.Cleanup(e.drop)
	return e
}

type coderEnd struct {
	queue
	c       *websocket.Conn
	ctx     context.Context
	stop    context.CancelFunc
	closing sync.WaitGroup
	end     sync.Once // puts the one close into the queue
	done    chan struct{}
}

func newCoderEnd(c *websocket.Conn) *coderEnd {
	c.SetReadLimit(-1)
	ctx, stop := context.WithCancel(context.Background())
	e := &coderEnd{queue: newQueue(), c: c, ctx: ctx, stop: stop, done: make(chan struct{})}
	go e.read()
	return e
}

func (e *coderEnd) read() {
	defer close(e.done)
	for {
		t, data, err := e.c.Read(e.ctx)
		var ce websocket.CloseError
		switch {
		case errors.As(err, &ce):
			e.finish(event{kind: closed, code: int(ce.Code), reason: ce.Reason})
			return
		case err != nil:
			e.closing.Wait() // Close, which also reads, knows better why the connection ended
			e.finish(event{kind: failure, reason: err.Error()})
			return
		}
		e.message(t == websocket.MessageBinary, data)
	}
}

func (e *coderEnd) finish(ev event) { e.end.Do(func() { e.queue <- ev }) }

func (e *coderEnd) subprotocol() string { return e.c.Subprotocol() }

func (e *coderEnd) send(binary bool, fragments ...[]byte) error {
	t := websocket.MessageText
	if binary {
		t = websocket.MessageBinary
	}
	if len(fragments) == 1 {
		return e.c.Write(e.ctx, t, fragments[0])
	}
	w, err := e.c.Writer(e.ctx, t) // a frame for each Write
	if err != nil {
		return err
	}
	for _, f := range fragments {
		if _, err := w.Write(f); err != nil {
			return err
		}
	}
	return w.Close()
}

// ping waits for its Pong, whose payload the library keeps to itself.
func (e *coderEnd) ping([]byte) error {
	err := e.c.Ping(e.ctx)
	if err == nil {
		e.queue <- event{kind: pong}
	}
	return err
}

// close waits for the other end, which the test has yet to read: it goes on beside the test.
func (e *coderEnd) close(code int, reason string) error {
	e.closing.Go(func() {
		if e.c.Close(websocket.StatusCode(code), reason) == nil { // the other end has answered
			e.finish(event{kind: closed, code: code, reason: reason})
		}
	})
	return nil
}

func (e *coderEnd) drop() {
	e.c.CloseNow()
	e.stop()
	e.closing.Wait()
	<-e.done
}
