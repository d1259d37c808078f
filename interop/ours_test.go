package interop

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/openline/openline/websocket"
)

// ourEnd drives a connection of this module.
type ourEnd struct {
	queue
	c    *websocket.Conn
	ctx  context.Context
	stop context.CancelFunc
	done chan struct{}
}

func newOurEnd(c *websocket.Conn) *ourEnd {
	ctx, stop := context.WithCancel(context.Background())
	e := &ourEnd{queue: newQueue(), c: c, ctx: ctx, stop: stop, done: make(chan struct{})}
	go e.read()
	return e
}

func (e *ourEnd) read() {
	defer close(e.done)
	for {
		t, data, err := e.c.Read(e.ctx)
		if err != nil {
			if ce, ok := errors.AsType[*websocket.CloseError](err); ok {
				e.queue <- event{kind: closed, code: int(ce.Code), reason: ce.Reason}
			} else {
				e.queue <- event{kind: failure, reason: err.Error()}
			}
			return
		}
		e.message(t == websocket.Binary, data)
	}
}

func (e *ourEnd) subprotocol() string { return e.c.Subprotocol() }

func (e *ourEnd) send(binary bool, fragments ...[]byte) error {
	t := websocket.Text
	if binary {
		t = websocket.Binary
	}
	if len(fragments) == 1 {
		return e.c.Write(e.ctx, t, fragments[0])
	}
	w, err := e.c.NextWriter(e.ctx, t)
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

func (e *ourEnd) ping([]byte) error {
	err := e.c.Ping(e.ctx)
	if err == nil {
		e.queue <- event{kind: pong}
	}
	return err
}

func (e *ourEnd) close(code int, reason string) error {
	return e.c.Close(websocket.CloseCode(code), reason)
}

func (e *ourEnd) drop() {
	e.c.CloseNow()
	e.stop()
	<-e.done
}

// compressing has ours compress wherever the other end can: every message, with the default windows.
var compressing = websocket.ConnOptions{Compression: &websocket.Compression{Threshold: -1}}

// accept serves ours and gives each connection to the channel.
func accept(t *testing.T, subprotocols ...string) (url string, conns <-chan *ourEnd) {
	t.Helper()
	ends := make(chan *ourEnd, 1)
	h := websocket.Handle(func(_ context.Context, c *websocket.Conn) {
		e := newOurEnd(c)
		ends <- e
		<-e.done // the connection lives as long as its handler
		<-c.Done()
	}, &websocket.AcceptOptions{ConnOptions: compressing, Subprotocols: subprotocols})
	srv := httptest.NewServer(h)
	t.Cleanup(func() {
		ctx, stop := context.WithTimeout(context.Background(), guard)
		defer stop()
		if err := h.Shutdown(ctx); err != nil {
			t.Errorf("Shutdown: %v", err)
		}
		srv.Close()
	})
	return "ws" + strings.TrimPrefix(srv.URL, "http"), ends
}

// asServer pairs our server with a client: dial makes it connect and gives its end.
func asServer(name string, cannot map[string]string, dial func(t *testing.T, url string, subprotocols []string) end) pairing {
	return pairing{name: name, cannot: cannot, open: func(t *testing.T, subprotocols ...string) (end, end) {
		t.Helper()
		url, conns := accept(t, "second")
		theirs := dial(t, url, subprotocols)
		ours := <-conns
		t.Cleanup(ours.drop)
		return ours, theirs
	}}
}

// asClient pairs our client with a server: accepted gives the server's end of the connection that it has just accepted.
func asClient(name string, cannot map[string]string, url string, accepted func(t *testing.T) end) pairing {
	return pairing{name: name, cannot: cannot, open: func(t *testing.T, subprotocols ...string) (end, end) {
		t.Helper()
		ctx, stop := context.WithTimeout(t.Context(), guard)
		defer stop()
		c, err := websocket.Dial(ctx, url, &websocket.DialOptions{ConnOptions: compressing, Subprotocols: subprotocols})
		if err != nil {
			t.Fatal(err)
		}
		ours := newOurEnd(c)
		t.Cleanup(ours.drop)
		return ours, accepted(t)
	}}
}

// goServer pairs our client with a Go server, whose handler hands each end over.
func goServer(t *testing.T, name string, cannot map[string]string, upgrade func(w http.ResponseWriter, r *http.Request) (end, error)) pairing {
	t.Helper()
	ends := make(chan end, 1)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e, err := upgrade(w, r)
		if err != nil {
			t.Error(err)
			return
		}
		ends <- e
	}))
	t.Cleanup(srv.Close)
	return asClient(name, cannot, "ws"+strings.TrimPrefix(srv.URL, "http"), func(t *testing.T) end {
		e := <-ends
		t.Cleanup(e.drop)
		return e
	})
}
