package wstest

import (
	"context"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/openline/openline/websocket"
)

// guard bounds every wait, so that a test which would hang fails instead.
const guard = 30 * time.Second

// Pipe opens a connection over TCP on the loopback interface and returns both
// ends. nil options are the defaults. What is still open at the end of the test
// is closed then.
func Pipe(tb testing.TB, accept *websocket.AcceptOptions, dial *websocket.DialOptions) (server, client *websocket.Conn) {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	accepted := make(chan *websocket.Conn, 1)
	srv := &http.Server{
		ReadHeaderTimeout: guard,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			c, err := websocket.Accept(w, r, accept)
			if err != nil {
				tb.Errorf("wstest: %v", err)
			}
			accepted <- c
		}),
	}
	serving := make(chan struct{})
	go func() {
		defer close(serving)
		_ = srv.Serve(l)
	}()
	ctx, cancel := context.WithTimeout(context.Background(), guard)
	defer cancel()
	client, err = websocket.Dial(ctx, "ws://"+l.Addr().String()+"/", dial)
	if err != nil {
		_ = srv.Close()
		tb.Fatalf("wstest: %v", err)
	}
	server = <-accepted
	_ = srv.Close() // the connection is no longer the server's
	<-serving
	tb.Cleanup(func() {
		_ = client.CloseNow()
		_ = server.CloseNow()
	})
	return server, client
}
