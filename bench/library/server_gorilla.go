package main

import (
	"bytes"
	"net"
	"net/http"
	"sync"

	"github.com/gorilla/websocket"
)

// buffers are for libraries that hand out a message as a stream: one is taken when a
// message has begun, so that an idle connection holds none.
var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// serveGorilla has the buffers of net/http, as is the default, a pool for those to
// write with, which the documentation recommends for many connections, and a goroutine
// that is not that of the HTTP handler, as in its examples, so that the request's memory
// is free. For the idle connections it has read buffers of 1 KiB. Messages are
// read with NextReader into buffers that are used again: that costs less than
// ReadMessage, which allocates each. A broadcast is a PreparedMessage.
func serveGorilla(l net.Listener, m *mode) error {
	all := newRoom(m, func(conns []*websocket.Conn, payload []byte) {
		p, err := websocket.NewPreparedMessage(websocket.TextMessage, payload)
		if err != nil {
			panic(err)
		}
		for _, c := range conns {
			_ = c.WritePreparedMessage(p)
		}
	})
	u := websocket.Upgrader{WriteBufferPool: &sync.Pool{}, EnableCompression: m.deflate}
	if m.idle {
		u.ReadBufferSize = 1024
	}
	return http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := u.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		all.add(c)
		go func() {
			defer func() { _ = c.Close() }()
			for gorillaEcho(c) == nil {
			}
		}()
	}))
}

func gorillaEcho(c *websocket.Conn) error {
	typ, r, err := c.NextReader()
	if err != nil {
		return err
	}
	b := buffers.Get().(*bytes.Buffer)
	defer buffers.Put(b)
	b.Reset()
	if _, err := b.ReadFrom(r); err != nil {
		return err
	}
	return c.WriteMessage(typ, b.Bytes())
}
