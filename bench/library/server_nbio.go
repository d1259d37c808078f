package main

import (
	"net"
	"net/http"

	"github.com/lesismal/nbio/logging"
	"github.com/lesismal/nbio/nbhttp"
	nbws "github.com/lesismal/nbio/nbhttp/websocket"
)

// serveNbio is the engine on its own epoll, non-blocking, with its defaults, and with
// payloads that are released behind the handler. A WriteMessage does not wait, so a
// broadcast is one for each connection, as in its examples. Its compression takes no
// context over.
func serveNbio(l net.Listener, m *mode) error {
	logging.SetLevel(logging.LevelNone)
	all := newRoom(m, func(conns []*nbws.Conn, payload []byte) {
		for _, c := range conns {
			_ = c.WriteMessage(nbws.TextMessage, payload)
		}
	})
	u := nbws.NewUpgrader()
	u.EnableCompression(m.deflate)
	u.OnOpen(all.add)
	u.OnMessage(func(c *nbws.Conn, typ nbws.MessageType, data []byte) { _ = c.WriteMessage(typ, data) })
	mux := &http.ServeMux{}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { _, _ = u.Upgrade(w, r, nil) })
	e := nbhttp.NewEngine(nbhttp.Config{
		Network:                 "tcp",
		Addrs:                   []string{l.Addr().String()},
		Listen:                  func(string, string) (net.Listener, error) { return l, nil },
		Handler:                 mux,
		MaxLoad:                 1 << 20,
		ReleaseWebsocketPayload: true,
	})
	if err := e.Start(); err != nil {
		return err
	}
	select {}
}
