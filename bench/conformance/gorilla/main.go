// Command gorilla is an echo made of github.com/gorilla/websocket, in the way
// of its documentation's example: ReadMessage, WriteMessage. Compression is on.
// The package leaves the UTF-8 of text messages to the application, and has no
// option for it.
package main

import (
	"context"
	"net/http"

	"github.com/gorilla/websocket"

	"github.com/openline/openline/bench/conformance/internal/end"
)

func main() { end.Main(end.HTTP(serve), connect) }

func serve(w http.ResponseWriter, r *http.Request) {
	k := end.KnobsOf(r.URL)
	up := websocket.Upgrader{EnableCompression: !k.NoDeflate, Subprotocols: end.Subprotocols}
	c, err := up.Upgrade(w, r, nil)
	if err != nil {
		return // it has answered
	}
	defer func() { _ = c.Close() }()
	_ = echo(c, k)
}

func connect(ctx context.Context, url string) error {
	k := end.Parse(url)
	d := websocket.Dialer{EnableCompression: !k.NoDeflate, Subprotocols: k.Subprotocols, HandshakeTimeout: websocket.DefaultDialer.HandshakeTimeout}
	c, _, err := d.DialContext(ctx, url, k.Header)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	return echo(c, k)
}

func echo(c *websocket.Conn, k end.Knobs) error {
	c.SetReadLimit(k.Limit)
	for {
		t, data, err := c.ReadMessage()
		if err != nil {
			return err
		}
		if err := c.WriteMessage(t, data); err != nil {
			return err
		}
	}
}
