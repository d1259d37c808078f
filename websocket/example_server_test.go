package websocket_test

import (
	"context"
	"fmt"
	"net"
	"net/http"

	"github.com/openline/openline/websocket"
)

// A server that opens its connections on loops, and answers other requests by a
// handler of net/http's.
func ExampleServer() {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "well") })
	web := &http.Server{Handler: mux}
	s, err := websocket.NewServer(func(_ http.ResponseWriter, r *http.Request) websocket.EventHandler {
		if r.URL.Path != "/shout" {
			return nil // it is for mux
		}
		return shout{}
	}, &websocket.ServerOptions{HTTPServer: web})
	if err != nil {
		fmt.Println(err)
		return
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	addr := l.Addr().String()
	go func() { _ = s.Serve(l) }()

	ctx := context.Background()
	c, err := websocket.Dial(ctx, "ws://"+addr+"/shout", nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	_ = c.Write(ctx, websocket.Text, []byte("hello"))
	_, answer, err := c.Read(ctx)
	fmt.Printf("%s %v\n", answer, err)
	_ = c.Close(websocket.CloseNormal, "")
	_ = s.Shutdown(ctx)
	_ = web.Shutdown(ctx)
	// Output: HELLO <nil>
}
