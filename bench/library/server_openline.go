package main

import (
	"context"
	"net"
	"net/http"
	"runtime"

	"github.com/openline/openline/websocket"
)

func openlineOptions(m *mode) *websocket.AcceptOptions {
	o := &websocket.AcceptOptions{ConnOptions: websocket.ConnOptions{ReadLimit: readLimit}}
	if m.deflate {
		o.Compression = &websocket.Compression{}
	}
	return o
}

// halls are the connections of each loop, which only the loop's goroutine touches.
type halls struct {
	list bool // keep them, to broadcast to
	of   map[*websocket.Loop]*[]*websocket.LoopConn
}

// OnOpen implements websocket.EventHandler.
func (h *halls) OnOpen(c *websocket.LoopConn) {
	if h.list {
		conns := h.of[c.Loop()]
		*conns = append(*conns, c)
	}
}

// OnMessage implements websocket.EventHandler.
func (*halls) OnMessage(c *websocket.LoopConn, m websocket.Message) { _ = c.Write(m.Type, m.Data) }

// OnClose implements websocket.EventHandler.
func (*halls) OnClose(*websocket.LoopConn, *websocket.CloseError) {}

// serveLoop is the event driver: a Server whose connections are opened, read and
// written by loops, one for each processor that the process has, which is one here.
// A broadcast is one Prepared, and one Do for each loop, which sends to its connections.
func serveLoop(l net.Listener, m *mode) error {
	h := &halls{list: m.broadcast, of: map[*websocket.Loop]*[]*websocket.LoopConn{}}
	o := &websocket.ServerOptions{AcceptOptions: *openlineOptions(m)}
	for range runtime.GOMAXPROCS(0) {
		loop, err := websocket.NewLoop()
		if err != nil {
			return err
		}
		o.Loops = append(o.Loops, loop)
		h.of[loop] = new([]*websocket.LoopConn)
	}
	if m.broadcast {
		m.publish <- h.publish
	}
	s, err := websocket.NewServer(func(http.ResponseWriter, *http.Request) websocket.EventHandler { return h }, o)
	if err != nil {
		return err
	}
	return s.Serve(l)
}

func (h *halls) publish(payload []byte) {
	p, err := websocket.Prepare(websocket.Text, payload)
	if err != nil {
		panic(err)
	}
	for loop, conns := range h.of {
		loop.Do(func() {
			for _, c := range *conns {
				_ = c.Send(p, false)
			}
		})
	}
}

// serveConn is the blocking driver, in the form that the package's documentation
// begins with. A broadcast is one Prepared and TrySend.
func serveConn(l net.Listener, m *mode) error {
	all := newRoom(m, func(conns []*websocket.Conn, payload []byte) {
		p, err := websocket.Prepare(websocket.Text, payload)
		if err != nil {
			panic(err)
		}
		for _, c := range conns {
			_ = c.TrySend(p)
		}
	})
	return http.Serve(l, websocket.Handle(func(ctx context.Context, c *websocket.Conn) {
		all.add(c)
		for m, err := range c.Messages(ctx) {
			if err != nil || c.Write(ctx, m.Type, m.Data) != nil {
				return
			}
		}
	}, openlineOptions(m)))
}
