package main

import (
	"context"
	"net/http"

	coder "github.com/coder/websocket"
	gorilla "github.com/gorilla/websocket"
	"github.com/lxzan/gws"

	"github.com/openline/openline/websocket"
)

// contender is an echo server of one library with one setting.
type contender struct {
	name    string
	off     string // the contender that is the same library without compression, "" for that itself
	handler func() http.Handler
}

var contenders = []contender{
	{"openline, context takeover", "openline, no compression", func() http.Handler {
		return openlineEcho(&websocket.Compression{})
	}},
	{"openline, no context takeover", "openline, no compression", func() http.Handler {
		return openlineEcho(&websocket.Compression{NoContextTakeover: true, PeerNoContextTakeover: true})
	}},
	{"openline, no compression", "", func() http.Handler { return openlineEcho(nil) }},
	{"gws, context takeover", "gws, no compression", func() http.Handler {
		return gwsEcho(gws.PermessageDeflate{Enabled: true, ServerContextTakeover: true, ClientContextTakeover: true})
	}},
	{"gws, no compression", "", func() http.Handler { return gwsEcho(gws.PermessageDeflate{}) }},
	{"coder, context takeover", "coder, no compression", func() http.Handler { return coderEcho(coder.CompressionContextTakeover) }},
	{"coder, no compression", "", func() http.Handler { return coderEcho(coder.CompressionDisabled) }},
	{"gorilla, no context takeover", "gorilla, no compression", func() http.Handler { return gorillaEcho(true) }},
	{"gorilla, no compression", "", func() http.Handler { return gorillaEcho(false) }},
}

func openlineEcho(c *websocket.Compression) http.Handler {
	return websocket.Handle(func(ctx context.Context, c *websocket.Conn) {
		for m, err := range c.Messages(ctx) {
			if err != nil || c.Write(ctx, m.Type, m.Data) != nil {
				return
			}
		}
	}, &websocket.AcceptOptions{ConnOptions: websocket.ConnOptions{Compression: c}})
}

// gwsHandler echoes.
type gwsHandler struct{ gws.BuiltinEventHandler }

func (gwsHandler) OnMessage(c *gws.Conn, m *gws.Message) {
	_ = c.WriteMessage(m.Opcode, m.Bytes())
	_ = m.Close()
}

func gwsEcho(deflate gws.PermessageDeflate) http.Handler {
	up := gws.NewUpgrader(gwsHandler{}, &gws.ServerOption{PermessageDeflate: deflate})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c, err := up.Upgrade(w, r); err == nil {
			go c.ReadLoop() // the handler returns, as the library's examples have it
		}
	})
}

func coderEcho(mode coder.CompressionMode) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := coder.Accept(w, r, &coder.AcceptOptions{CompressionMode: mode})
		for err == nil {
			var typ coder.MessageType
			var p []byte
			if typ, p, err = c.Read(r.Context()); err == nil {
				err = c.Write(r.Context(), typ, p)
			}
		}
	})
}

func gorillaEcho(compress bool) http.Handler {
	up := gorilla.Upgrader{EnableCompression: compress}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := up.Upgrade(w, r, nil)
		for err == nil {
			var typ int
			var p []byte
			if typ, p, err = c.ReadMessage(); err == nil {
				err = c.WriteMessage(typ, p)
			}
		}
	})
}
