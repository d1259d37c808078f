package interop

import (
	"errors"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

func TestGorilla(t *testing.T) {
	t.Run("as client", func(t *testing.T) {
		run(t, asServer("gorilla/websocket", nil, gorillaDial))
	})
	t.Run("as server", func(t *testing.T) {
		up := websocket.Upgrader{Subprotocols: []string{"second"}, EnableCompression: true}
		run(t, goServer(t, "gorilla/websocket", nil, func(w http.ResponseWriter, r *http.Request) (end, error) {
			c, err := up.Upgrade(w, r, nil)
			if err != nil {
				return nil, err
			}
			return newGorillaEnd(c), nil
		}))
	})
}

func gorillaDial(t *testing.T, url string, subprotocols []string) end {
	c, resp, err := (&websocket.Dialer{Subprotocols: subprotocols, EnableCompression: true}).DialContext(t.Context(), url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	e := newGorillaEnd(c)
	t.Cleanup(e.drop)
	return e
}

type gorillaEnd struct {
	queue
	c    *websocket.Conn
	mu   sync.Mutex // one writer at a time
	done chan struct{}
}

func newGorillaEnd(c *websocket.Conn) *gorillaEnd {
	e := &gorillaEnd{queue: newQueue(), c: c, done: make(chan struct{})}
	c.SetPongHandler(func(data string) error {
		e.queue <- event{kind: pong, data: []byte(data)}
		return nil
	})
	go e.read()
	return e
}

func (e *gorillaEnd) read() {
	defer close(e.done)
	defer e.c.Close() // its reader has answered a Close by itself
	for {
		t, data, err := e.c.ReadMessage()
		var ce *websocket.CloseError
		switch {
		case errors.As(err, &ce):
			e.queue <- event{kind: closed, code: ce.Code, reason: ce.Text}
			return
		case err != nil:
			e.queue <- event{kind: failure, reason: err.Error()}
			return
		}
		e.message(t == websocket.BinaryMessage, data)
	}
}

func (e *gorillaEnd) subprotocol() string { return e.c.Subprotocol() }

func (e *gorillaEnd) send(binary bool, fragments ...[]byte) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	t := websocket.TextMessage
	if binary {
		t = websocket.BinaryMessage
	}
	if len(fragments) == 1 {
		return e.c.WriteMessage(t, fragments[0])
	}
	w, err := e.c.NextWriter(t) // a frame for each buffer of 4 KiB
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

func (e *gorillaEnd) ping(data []byte) error {
	return e.c.WriteControl(websocket.PingMessage, data, time.Now().Add(guard))
}

func (e *gorillaEnd) close(code int, reason string) error {
	return e.c.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, reason), time.Now().Add(guard))
}

func (e *gorillaEnd) drop() {
	e.c.Close()
	<-e.done
}
