// Command coder is an echo made of github.com/coder/websocket: Read, Write,
// CloseNow. Compression is on, with context takeover. The package does not look
// at the UTF-8 of text messages, and has no option for it.
package main

import (
	"context"
	"net/http"

	"github.com/coder/websocket"

	"github.com/openline/openline/bench/conformance/internal/end"
)

func main() { end.Main(end.HTTP(serve), connect) }

func mode(k end.Knobs) websocket.CompressionMode {
	if k.NoDeflate {
		return websocket.CompressionDisabled
	}
	return websocket.CompressionContextTakeover
}

func serve(w http.ResponseWriter, r *http.Request) {
	k := end.KnobsOf(r.URL)
	c, err := websocket.Accept(w, r, &websocket.AcceptOptions{CompressionMode: mode(k), Subprotocols: end.Subprotocols})
	if err != nil {
		return // it has answered
	}
	_ = echo(context.Background(), c, k)
}

func connect(ctx context.Context, url string) error {
	k := end.Parse(url)
	c, _, err := websocket.Dial(ctx, url, &websocket.DialOptions{CompressionMode: mode(k), Subprotocols: k.Subprotocols, HTTPHeader: k.Header})
	if err != nil {
		return err
	}
	return echo(ctx, c, k)
}

func echo(ctx context.Context, c *websocket.Conn, k end.Knobs) error {
	defer func() { _ = c.CloseNow() }()
	c.SetReadLimit(k.Limit)
	for {
		t, data, err := c.Read(ctx)
		if err != nil {
			return err
		}
		if err := c.Write(ctx, t, data); err != nil {
			return err
		}
	}
}
