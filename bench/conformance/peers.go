package main

import (
	"context"

	"github.com/openline/openline/websocket/conformance"
	"github.com/openline/openline/websocket/conformance/echo"
)

// peer is one end that somebody wrote.
type peer struct {
	name  string
	actor conformance.Actor
	// features are what it offers besides the echo, by the words of the suite.
	features []string
	// settings says how it is set up, for the table in the documentation.
	settings string
	build    func(context.Context, *workshop) (*program, error)
}

func (p *peer) title() string { return p.name + " " + p.actor.String() }

func (p *peer) run(ctx context.Context, w *workshop, prog *program, o *conformance.Options) (*conformance.Report, string, error) {
	if p.actor == conformance.ServerActor {
		return runServer(ctx, w, prog, o)
	}
	return runClient(ctx, w, prog, o)
}

const (
	gorillaModule = "github.com/gorilla/websocket"
	coderModule   = "github.com/coder/websocket"
	gobwasModule  = "github.com/gobwas/ws"
	gwsModule     = "github.com/lxzan/gws"
)

// peers lists the columns of the matrix.
var peers = []*peer{
	{
		name: "openline", actor: conformance.ServerActor,
		features: echo.ServerFeatures,
		settings: "`openline conform echo`: the HTTP of `net/http` behind this module's guard; compression with every parameter",
		build:    openline("server"),
	},
	{
		name: "gorilla/websocket", actor: conformance.ServerActor,
		features: []string{"deflate", "limit", "subprotocols", "routes", "origin"},
		settings: "HTTP by `net/http`; `EnableCompression`; `SetReadLimit`; the package leaves the UTF-8 of text messages to the application, which here does not look",
		build:    goProgram("gorilla", gorillaModule, "server"),
	},
	{
		name: "coder/websocket", actor: conformance.ServerActor,
		features: []string{"deflate", "limit", "subprotocols", "routes", "origin"},
		settings: "HTTP by `net/http`; `CompressionContextTakeover`; `SetReadLimit`; the package has no check of UTF-8",
		build:    goProgram("coder", coderModule, "server"),
	},
	{
		name: "gobwas/ws", actor: conformance.ServerActor,
		features: []string{"deflate", "limit", "subprotocols", "routes"},
		settings: "HTTP by `net/http`, `HTTPUpgrader`; `wsutil.Reader` with `CheckUTF8` and `MaxMessageSize`; `wsflate` without context takeover; the Close of a failure is sent by the application, as in the package's example",
		build:    goProgram("gobwas", gobwasModule, "server"),
	},
	{
		name: "lxzan/gws", actor: conformance.ServerActor,
		features: []string{"deflate", "limit", "subprotocols", "routes"},
		settings: "HTTP by `net/http`; `CheckUtf8Enabled`; `PermessageDeflate` with context takeover; `ReadMaxPayloadSize`; `SubProtocols` where the client offers some, since the package refuses the others then",
		build:    goProgram("gws", gwsModule, "server"),
	},
	{
		name: "ws", actor: conformance.ServerActor,
		features: []string{"deflate", "limit", "subprotocols", "routes"},
		settings: "HTTP by Node's `http`; `perMessageDeflate`; `maxPayload` and `maxFragments`; it checks UTF-8 by default",
		build:    nodeProgram("ws", "ws-server.mjs"),
	},
	{
		name: "Python websockets", actor: conformance.ServerActor,
		features: []string{"deflate", "limit", "subprotocols", "routes"},
		settings: "HTTP by the package; compression by default; `max_size`; it checks UTF-8",
		build:    pythonProgram("websockets_server.py"),
	},
	{
		name: "openline", actor: conformance.ClientActor,
		features: echo.ClientFeatures,
		settings: "`Dial`; compression as the case asks",
		build:    openline("client"),
	},
	{
		name: "gorilla/websocket", actor: conformance.ClientActor,
		features: []string{"deflate", "limit", "subprotocols", "subprotocol", "header", "urls", "tls"},
		settings: "`EnableCompression`, whose offer is always without context takeover; `SetReadLimit`; UTF-8 as for the server",
		build:    goProgram("gorilla", gorillaModule, "client"),
	},
	{
		name: "coder/websocket", actor: conformance.ClientActor,
		features: []string{"deflate", "limit", "subprotocols", "subprotocol", "header", "urls", "tls"},
		settings: "handshake by `net/http`; `CompressionContextTakeover`; `SetReadLimit`; no check of UTF-8",
		build:    goProgram("coder", coderModule, "client"),
	},
	{
		name: "gobwas/ws", actor: conformance.ClientActor,
		features: []string{"deflate", "limit", "subprotocols", "subprotocol", "header", "urls", "tls"},
		settings: "`Dialer`; the application holds the answer to the offer against `wsflate.Parameters`; for the rest as for the server",
		build:    goProgram("gobwas", gobwasModule, "client"),
	},
	{
		name: "lxzan/gws", actor: conformance.ClientActor,
		features: []string{"deflate", "limit", "subprotocols", "subprotocol", "header", "urls", "tls"},
		settings: "`NewClient`; for the rest as for the server",
		build:    goProgram("gws", gwsModule, "client"),
	},
	{
		name: "ws", actor: conformance.ClientActor,
		features: []string{"deflate", "limit", "subprotocols", "subprotocol", "header", "urls", "tls"},
		settings: "HTTP by Node's `http`; `perMessageDeflate`; `maxPayload` and `maxFragments`; it checks UTF-8 by default",
		build:    nodeProgram("ws", "ws-client.mjs"),
	},
	{
		name: "undici", actor: conformance.ClientActor,
		features: []string{"deflate", "limit", "subprotocols", "subprotocol", "header", "urls", "tls"},
		settings: "the `WebSocket` of browsers, which Node has from it; compression is always offered; `maxPayloadSize` and `maxFragments`",
		build:    nodeProgram("undici", "undici-client.mjs"),
	},
	{
		name: "Python websockets", actor: conformance.ClientActor,
		features: []string{"deflate", "limit", "subprotocols", "subprotocol", "header", "urls", "tls"},
		settings: "compression by default; `max_size`; it checks UTF-8",
		build:    pythonProgram("websockets_client.py"),
	},
	{
		name: "Chromium", actor: conformance.ClientActor,
		features: []string{"deflate", "subprotocols", "subprotocol", "urls"},
		settings: "the page's `WebSocket`; compression is always offered",
		build:    chromium,
	},
}
