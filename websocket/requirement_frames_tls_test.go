package websocket_test

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net/http/httptest"
	"testing"

	"github.com/openline/openline/websocket"
	"github.com/openline/openline/websocket/wstest"
)

// openTLS opens a connection over TLS.
func openTLS(t *testing.T, client bool, run app) *endpoint {
	t.Helper()
	options := websocket.ConnOptions{Logger: slog.New(slog.DiscardHandler)}
	e := &endpoint{done: make(chan struct{})}
	accepted := make(chan struct{})
	srv := httptest.NewUnstartedServer(websocket.Handle(func(ctx context.Context, c *websocket.Conn) {
		e.conn = c
		close(accepted)
		defer close(e.done)
		run(ctx, e)
	}, &websocket.AcceptOptions{ConnOptions: options}))
	srv.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
	srv.StartTLS()
	t.Cleanup(srv.Close)
	config := &tls.Config{InsecureSkipVerify: true} // the test's own certificate
	if !client {
		nc, err := tls.Dial("tcp", srv.Listener.Addr().String(), config)
		if err != nil {
			t.Fatal(err)
		}
		e.Peer = wstest.ConnectOver(t, nc, srv.URL)
		waitFor(t, "the server's end", accepted)
		return e
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: srv.TLS.Certificates})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	dialed := make(chan error, 1)
	go func() {
		c, err := websocket.Dial(t.Context(), "wss://"+l.Addr().String(), &websocket.DialOptions{ConnOptions: options, TLSConfig: config})
		e.conn = c
		dialed <- err
	}()
	nc, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	e.Peer = wstest.AcceptOver(t, nc)
	if err := <-dialed; err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.conn.CloseNow() })
	go e.runClient(run)
	return e
}
