package wstest_test

import (
	"context"
	"net/http/httptest"
	"testing"

	"github.com/openline/openline/websocket"
	"github.com/openline/openline/websocket/wstest"
)

// In a test of your own: both ends of a connection.
func ExamplePipe() {
	_ = func(t *testing.T) {
		server, client := wstest.Pipe(t, nil, nil)
		if err := client.Write(t.Context(), websocket.Text, []byte("hello")); err != nil {
			t.Fatal(err)
		}
		typ, msg, err := server.Read(t.Context())
		t.Log(typ, string(msg), err)
	}
}

// A server gets octets that no well-behaved client sends.
func ExampleConnect() {
	_ = func(t *testing.T) {
		srv := httptest.NewServer(websocket.Handle(func(ctx context.Context, c *websocket.Conn) {
			_, _, _ = c.Read(ctx)
		}, nil))
		defer srv.Close()
		p := wstest.Connect(t, srv.URL)
		p.Send("81 02 48 69") // not masked
		p.ExpectClose(websocket.CloseProtocolError)
		p.ExpectEnd()
	}
}

// A client is answered word by word.
func ExampleListener_Dial() {
	_ = func(t *testing.T) {
		p, c := wstest.Listen(t).Dial(nil)
		p.Send("81 05 48 65 6c 6c 6f")
		typ, msg, err := c.Read(t.Context())
		t.Log(typ, string(msg), err)
	}
}

// A conversation that is written down, with a client that echoes.
func ExamplePeer_Play() {
	_ = func(t *testing.T) {
		scripts, err := wstest.ParseScripts(`
			client: a Ping between fragments
			recv 01 03 48 65 6c
			recv 89 02 70 31
			ping "p1"
			recv 80 02 6c 6f
			message text "Hello"
		`)
		if err != nil {
			t.Fatal(err)
		}
		p, c := wstest.Listen(t).Dial(nil)
		go func() {
			for m, err := range c.Messages(t.Context()) {
				if err == nil {
					_ = c.Write(t.Context(), m.Type, m.Data)
				}
			}
		}()
		for _, s := range scripts {
			p.Play(&s, 0)
		}
	}
}
