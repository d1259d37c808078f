package main

import (
	"net"
	"net/http"

	"github.com/lxzan/gws"
)

// gwsHandler echoes.
type gwsHandler struct {
	gws.BuiltinEventHandler
	all *room[*gws.Conn]
}

// OnOpen implements gws.Event.
func (h *gwsHandler) OnOpen(c *gws.Conn) { h.all.add(c) }

// OnMessage implements gws.Event.
func (h *gwsHandler) OnMessage(c *gws.Conn, m *gws.Message) {
	_ = c.WriteMessage(m.Opcode, m.Bytes())
	_ = m.Close()
}

// serveGws has the defaults, messages of a connection one after the other, and
// ReadLoop on a goroutine that is not that of the HTTP handler, as its documentation
// says, so that the request's memory is free. For the idle connections it has read
// buffers of 1 KiB. A broadcast is a Broadcaster. With compression the context is taken
// over both ways.
func serveGws(l net.Listener, m *mode) error {
	h := &gwsHandler{all: newRoom(m, func(conns []*gws.Conn, payload []byte) {
		b := gws.NewBroadcaster(gws.OpcodeText, payload)
		for _, c := range conns {
			_ = b.Broadcast(c)
		}
		_ = b.Close()
	})}
	o := &gws.ServerOption{
		ReadMaxPayloadSize: readLimit,
		PermessageDeflate:  gws.PermessageDeflate{Enabled: m.deflate, ServerContextTakeover: true, ClientContextTakeover: true},
	}
	if m.idle {
		o.ReadBufferSize = 1024
	}
	u := gws.NewUpgrader(h, o)
	return http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c, err := u.Upgrade(w, r); err == nil {
			go c.ReadLoop()
		}
	}))
}
