package interop

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"

	"github.com/gobwas/ws"
)

func TestGobwas(t *testing.T) {
	t.Run("as client", func(t *testing.T) {
		run(t, asServer("gobwas/ws", nil, gobwasDial))
	})
	t.Run("as server", func(t *testing.T) {
		up := ws.HTTPUpgrader{Protocol: func(p string) bool { return p == "second" }}
		run(t, goServer(t, "gobwas/ws", nil, func(w http.ResponseWriter, r *http.Request) (end, error) {
			c, rw, hs, err := up.Upgrade(r, w)
			if err != nil {
				return nil, err
			}
			return newGobwasEnd(c, rw.Reader, ws.StateServerSide, hs.Protocol), nil
		}))
	})
}

func gobwasDial(t *testing.T, url string, subprotocols []string) end {
	c, early, hs, err := ws.Dialer{Protocols: subprotocols}.Dial(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	e := newGobwasEnd(c, early, ws.StateClientSide, hs.Protocol)
	t.Cleanup(e.drop)
	return e
}

// gobwasEnd works with the library's frames: reading, writing, masking and its check of each header are the library's, the
// assembly of messages is ours.
type gobwasEnd struct {
	queue
	c      net.Conn
	in     io.Reader
	side   ws.State
	chosen string
	mu     sync.Mutex // guards writing
	sent   bool       // our Close has gone out; guarded by mu
	done   chan struct{}
}

func newGobwasEnd(c net.Conn, early *bufio.Reader, side ws.State, chosen string) *gobwasEnd {
	e := &gobwasEnd{queue: newQueue(), c: c, in: c, side: side, chosen: chosen, done: make(chan struct{})}
	if early != nil {
		e.in = early
	}
	go e.read()
	return e
}

func (e *gobwasEnd) read() {
	defer close(e.done)
	defer e.c.Close()
	var whole []byte
	var first ws.OpCode
	state := e.side
	for {
		f, err := ws.ReadFrame(e.in) //nolint:staticcheck // deprecated for want of a limit, which a test does without
		if err == nil {
			err = ws.CheckHeader(f.Header, state)
		}
		if err != nil {
			e.queue <- event{kind: failure, reason: err.Error()}
			return
		}
		if f.Header.Masked {
			f = ws.UnmaskFrameInPlace(f)
		}
		switch f.Header.OpCode {
		case ws.OpPing:
			e.write(ws.NewPongFrame(f.Payload)) // the reader reports a broken connection
		case ws.OpPong:
			e.queue <- event{kind: pong, data: f.Payload}
		case ws.OpClose:
			code, reason := ws.ParseCloseFrameData(f.Payload)
			if code.Empty() {
				code = ws.StatusNoStatusRcvd
			}
			e.write(ws.NewCloseFrame(f.Payload)) // write leaves it out when ours has gone
			e.queue <- event{kind: closed, code: int(code), reason: reason}
			return
		default:
			if f.Header.OpCode != ws.OpContinuation {
				first = f.Header.OpCode
			}
			whole = append(whole, f.Payload...)
			state = state.Set(ws.StateFragmented)
			if f.Header.Fin {
				e.message(first == ws.OpBinary, whole)
				whole, state = nil, e.side
			}
		}
	}
}

func (e *gobwasEnd) write(frames ...ws.Frame) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, f := range frames {
		if e.sent {
			return nil
		}
		e.sent = f.Header.OpCode == ws.OpClose
		if e.side.ClientSide() {
			f = ws.MaskFrame(f)
		}
		if err := ws.WriteFrame(e.c, f); err != nil {
			return err
		}
	}
	return nil
}

func (e *gobwasEnd) subprotocol() string { return e.chosen }

func (e *gobwasEnd) send(binary bool, fragments ...[]byte) error {
	op := ws.OpText
	if binary {
		op = ws.OpBinary
	}
	var frames []ws.Frame
	for i, p := range fragments {
		frames = append(frames, ws.NewFrame(op, i == len(fragments)-1, p))
		op = ws.OpContinuation
	}
	return e.write(frames...)
}

func (e *gobwasEnd) ping(data []byte) error { return e.write(ws.NewPingFrame(data)) }

func (e *gobwasEnd) close(code int, reason string) error {
	return e.write(ws.NewCloseFrame(ws.NewCloseFrameBody(ws.StatusCode(code), reason)))
}

func (e *gobwasEnd) drop() {
	e.c.Close()
	<-e.done
}
