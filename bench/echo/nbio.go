package main

import (
	"fmt"
	"net"
	"net/http"

	"github.com/lesismal/nbio/nbhttp"
	nbws "github.com/lesismal/nbio/nbhttp/websocket"
)

func nbioServer(l net.Listener) error {
	addr := l.Addr().String()
	_ = l.Close() // it listens by itself
	u := nbws.NewUpgrader()
	u.OnMessage(func(c *nbws.Conn, typ nbws.MessageType, data []byte) { _ = c.WriteMessage(typ, data) })
	mux := &http.ServeMux{}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { _, _ = u.Upgrade(w, r, nil) })
	e := nbhttp.NewEngine(nbhttp.Config{Network: "tcp", Addrs: []string{addr}, Handler: mux, MaxLoad: 1 << 20, ReleaseWebsocketPayload: true})
	if err := e.Start(); err != nil {
		return err
	}
	fmt.Println(addr)
	select {}
}
