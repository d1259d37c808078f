package main

import (
	"bytes"
	"context"
	"net"
	"net/http"

	coder "github.com/coder/websocket"
)

// serveCoder reads messages with Reader into buffers that are used again, which costs
// less than Read. It has nothing for broadcasts: each connection gets a Write. With
// compression the context is taken over.
func serveCoder(l net.Listener, m *mode) error {
	all := newRoom(m, func(conns []*coder.Conn, payload []byte) {
		for _, c := range conns {
			_ = c.Write(context.Background(), coder.MessageText, payload)
		}
	})
	o := &coder.AcceptOptions{}
	if m.deflate {
		o.CompressionMode = coder.CompressionContextTakeover
	}
	return http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := coder.Accept(w, r, o)
		if err != nil {
			return
		}
		defer func() { _ = c.CloseNow() }()
		c.SetReadLimit(readLimit)
		all.add(c)
		for coderEcho(r.Context(), c) == nil {
		}
	}))
}

func coderEcho(ctx context.Context, c *coder.Conn) error {
	typ, r, err := c.Reader(ctx)
	if err != nil {
		return err
	}
	b := buffers.Get().(*bytes.Buffer)
	defer buffers.Put(b)
	b.Reset()
	if _, err := b.ReadFrom(r); err != nil {
		return err
	}
	return c.Write(ctx, typ, b.Bytes())
}
