package websocket_test

import (
	"context"
	"fmt"
	"log"
	"net/http/httptest"

	"github.com/openline/openline/websocket"
)

// Compression pays where messages resemble each other. A message that holds a
// secret beside what others chose is better sent without.
func ExampleCompression() {
	options := websocket.ConnOptions{Compression: &websocket.Compression{}}
	srv := httptest.NewServer(websocket.Handle(func(ctx context.Context, c *websocket.Conn) {
		for i := range 3 {
			_ = c.Write(ctx, websocket.Text, fmt.Appendf(nil, `{"type":"quote","symbol":"ACME","currency":"EUR","price":"100.%02d","time":"2026-03-01T10:00:%02dZ","venue":"Sample Stock Exchange"}`, i, i))
		}
		_ = c.WriteUncompressed(ctx, websocket.Text, []byte(`{"session":"a secret"}`))
	}, &websocket.AcceptOptions{ConnOptions: options}))
	defer srv.Close()

	trace := &websocket.Trace{Received: func(f websocket.Frame) {
		if f.OpcodeName() == "text" {
			fmt.Println("compressed:", f.RSV1, "small:", f.Length < 50)
		}
	}}
	c, err := websocket.Dial(context.Background(), srv.URL, &websocket.DialOptions{ConnOptions: options, Trace: trace})
	if err != nil {
		log.Fatal(err)
	}
	for range c.Messages(context.Background()) {
	}
	// Output:
	// compressed: true small: false
	// compressed: true small: true
	// compressed: true small: true
	// compressed: false small: true
}

func ExamplePrepareUncompressed() {
	plain, err := websocket.PrepareUncompressed(websocket.Text, []byte("as it is"))
	fmt.Println(string(plain.Data()), err)
	// Output: as it is <nil>
}

// What a connection has agreed on, as the client sees it: the server wants no
// memory to be kept for what the client sends.
func ExampleConn_Compression() {
	srv := httptest.NewServer(websocket.Handle(func(ctx context.Context, c *websocket.Conn) {
		_, _, _ = c.Read(ctx)
	}, &websocket.AcceptOptions{ConnOptions: websocket.ConnOptions{
		Compression: &websocket.Compression{WindowBits: 10, PeerNoContextTakeover: true},
	}}))
	defer srv.Close()

	c, err := websocket.Dial(context.Background(), srv.URL, &websocket.DialOptions{ConnOptions: websocket.ConnOptions{
		Compression: &websocket.Compression{},
	}})
	if err != nil {
		log.Fatal(err)
	}
	defer c.CloseNow()
	if terms := c.Compression(); terms != nil {
		fmt.Printf("from here: %d bits, alone %v\n", terms.WindowBits, terms.NoContextTakeover)
		fmt.Printf("from there: %d bits, alone %v\n", terms.PeerWindowBits, terms.PeerNoContextTakeover)
	}
	// Output:
	// from here: 12 bits, alone true
	// from there: 10 bits, alone false
}

// A file that is compressed already is sent as it is.
func ExampleConn_NextWriterUncompressed() {
	options := websocket.ConnOptions{Compression: &websocket.Compression{}}
	srv := httptest.NewServer(websocket.Handle(func(ctx context.Context, c *websocket.Conn) {
		w, err := c.NextWriterUncompressed(ctx, websocket.Binary)
		if err != nil {
			return
		}
		for range 4 {
			_, _ = w.Write(make([]byte, 2000))
		}
		_ = w.Close()
	}, &websocket.AcceptOptions{ConnOptions: options}))
	defer srv.Close()

	compressed := false
	c, err := websocket.Dial(context.Background(), srv.URL, &websocket.DialOptions{
		ConnOptions: options,
		Trace:       &websocket.Trace{Received: func(f websocket.Frame) { compressed = compressed || f.RSV1 }},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer c.CloseNow()
	_, msg, err := c.Read(context.Background())
	fmt.Println(len(msg), "compressed:", compressed, err)
	// Output: 8000 compressed: false <nil>
}
