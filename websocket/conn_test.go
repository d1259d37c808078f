package websocket_test

import (
	"bytes"
	"context"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/openline/openline/websocket"
)

func echo(ctx context.Context, c *websocket.Conn) {
	for msg, err := range c.Messages(ctx) {
		if err != nil {
			return
		}
		if c.Write(ctx, msg.Type, msg.Data) != nil {
			return
		}
	}
}

func wsURL(s *httptest.Server) string { return "ws" + strings.TrimPrefix(s.URL, "http") }

// dialEcho opens a connection to an echo server of its own.
func dialEcho(t *testing.T, so *websocket.AcceptOptions, co *websocket.DialOptions) *websocket.Conn {
	t.Helper()
	srv := httptest.NewServer(websocket.Handle(echo, so))
	t.Cleanup(srv.Close)
	c, err := websocket.Dial(t.Context(), wsURL(srv), co)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.CloseNow() })
	return c
}

func TestEchoSizes(t *testing.T) {
	c := dialEcho(t, &websocket.AcceptOptions{ConnOptions: websocket.ConnOptions{ReadLimit: -1}},
		&websocket.DialOptions{ConnOptions: websocket.ConnOptions{ReadLimit: -1}})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for _, n := range []int{0, 1, 124, 125, 126, 127, 255, 256, 4095, 4096, 4097, 16383, 16384, 65534, 65535, 65536, 65537, 1 << 20, 16 << 20} {
		for _, typ := range []websocket.MessageType{websocket.Text, websocket.Binary} {
			p := bytes.Repeat([]byte("x"), n)
			errc := make(chan error, 1)
			go func() { errc <- c.Write(ctx, typ, p) }()
			gotType, got, err := c.Read(ctx)
			if err != nil || gotType != typ || !bytes.Equal(got, p) {
				t.Fatalf("%d octets of %s: %s, %d octets, %v", n, typ, gotType, len(got), err)
			}
			if err := <-errc; err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := c.Close(websocket.CloseNormal, "bye"); err != nil {
		t.Fatal(err)
	}
}
