package transport_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/openline/openline"
	"github.com/openline/openline/transport"
	"github.com/openline/openline/websocket"
)

// A hub behind a handler of one's own.
func ExampleNewWebSocket() {
	hub := openline.New(nil)
	ws, err := transport.NewWebSocket(&transport.Options{Hub: hub})
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/ws/", ws)
	srv := httptest.NewServer(mux)
	defer srv.Close()

	ctx := context.Background()
	c, err := websocket.Dial(ctx, "ws"+strings.TrimPrefix(srv.URL, "http")+"/ws/alice", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close(websocket.CloseNormal, "")
	_, data, err := c.Read(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%.18s\n", data)
	// Output: {"type":"sys:open"
}
