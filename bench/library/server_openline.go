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

// hall is one loop and its connections, which only the loop's goroutine touches.
type hall struct {
	loop  *websocket.Loop
	list  bool // keep the list
	conns []*websocket.LoopConn
}

// OnOpen implements websocket.EventHandler.
func (h *hall) OnOpen(c *websocket.LoopConn) {
	if h.list {
		h.conns = append(h.conns, c)
	}
}

// OnMessage implements websocket.EventHandler.
func (*hall) OnMessage(c *websocket.LoopConn, m websocket.Message) { _ = c.Write(m.Type, m.Data) }

// OnClose implements websocket.EventHandler.
func (*hall) OnClose(*websocket.LoopConn, *websocket.CloseError) {}

// serveLoop is the event driver: a Loop for each processor that the process has,
// which is one here. A broadcast is one Prepared, and one Do for each loop, which
// sends to its connections.
func serveLoop(l net.Listener, m *mode) error {
	halls := make([]*hall, runtime.GOMAXPROCS(0))
	for i := range halls {
		loop, err := websocket.NewLoop()
		if err != nil {
			return err
		}
		halls[i] = &hall{loop: loop, list: m.broadcast}
	}
	if m.broadcast {
		m.publish <- func(payload []byte) {
			p, err := websocket.Prepare(websocket.Text, payload)
			if err != nil {
				panic(err)
			}
			for _, h := range halls {
				h.loop.Do(func() {
					for _, c := range h.conns {
						_ = c.Send(p, false)
					}
				})
			}
		}
	}
	a, err := websocket.NewAcceptor(openlineOptions(m))
	if err != nil {
		return err
	}
	next := 0
	return http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := a.Accept(w, r)
		if err != nil {
			return
		}
		next++ // a race decides between loops, no more
		h := halls[next%len(halls)]
		if _, err := h.loop.Attach(c, h); err != nil {
			_ = c.CloseNow()
		}
	}))
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
