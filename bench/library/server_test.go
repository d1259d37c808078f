package main

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/openline/openline/bench/internal/load"
	"github.com/openline/openline/websocket"
)

// open starts a server in this process. It stays until the process ends.
func open(t *testing.T, p *peer, m *mode) string {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m.publish = make(chan func([]byte), 1)
	go func() { _ = p.serve(l, m) }()
	return l.Addr().String()
}

func dial(t *testing.T, address string, c *websocket.Compression) (context.Context, *websocket.Conn) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	conn, err := websocket.Dial(ctx, "ws://"+address+"/", &websocket.DialOptions{ConnOptions: websocket.ConnOptions{Compression: c, ReadLimit: readLimit}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.CloseNow() })
	return ctx, conn
}

// A benchmark of a server that does something else than the others is none.
func TestServersDoTheSame(t *testing.T) {
	for i := range peers {
		p := &peers[i]
		if isRaw(p.name) {
			continue
		}
		t.Run(p.name+"/echo", func(t *testing.T) {
			ctx, c := dial(t, open(t, p, &mode{}), nil)
			echoed(ctx, t, c, "short", string(load.Document(1, 300)), strings.Repeat("x", 1<<20))
		})
		t.Run(p.name+"/compressed", func(t *testing.T) {
			ctx, c := dial(t, open(t, p, &mode{deflate: true}), &websocket.Compression{WindowBits: 15, PeerWindowBits: -1})
			if c.Compression() == nil {
				t.Fatal("it does not compress")
			}
			echoed(ctx, t, c, string(load.Document(1, 1024)), string(load.Document(2, 1024)), string(load.Document(1, 1024)))
		})
		t.Run(p.name+"/broadcast", func(t *testing.T) {
			m := &mode{broadcast: true}
			address := open(t, p, m)
			ctx, a := dial(t, address, nil)
			_, b := dial(t, address, nil)
			echoed(ctx, t, a, "here")
			echoed(ctx, t, b, "too")
			publish := <-m.publish
			for range 2 {
				publish([]byte("to all"))
				for _, c := range []*websocket.Conn{a, b} {
					if typ, data, err := c.Read(ctx); err != nil || typ != websocket.Text || string(data) != "to all" {
						t.Errorf("got %v %q, %v", typ, data, err)
					}
				}
			}
		})
	}
}

func echoed(ctx context.Context, t *testing.T, c *websocket.Conn, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if err := c.Write(ctx, websocket.Text, []byte(text)); err != nil {
			t.Fatal(err)
		}
		if typ, data, err := c.Read(ctx); err != nil || typ != websocket.Text || string(data) != text {
			t.Fatalf("%d octets came back as %v of %d, %v", len(text), typ, len(data), err)
		}
	}
}
