package websocket_test

import (
	"bytes"
	"testing"

	"github.com/openline/openline/websocket"
	"github.com/openline/openline/websocket/wstest"
)

// Both ends tell the same terms, each from its side, and its own settings.
func TestCompressionTerms(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		server, client, wantServer, wantClient websocket.Compression
	}{
		{
			wantServer: websocket.Compression{WindowBits: 12, PeerWindowBits: 12, Threshold: 128, Level: 5, MaxRatio: 400},
			wantClient: websocket.Compression{WindowBits: 12, PeerWindowBits: 12, Threshold: 128, Level: 5, MaxRatio: 400},
		},
		{
			server:     websocket.Compression{WindowBits: 10, PeerNoContextTakeover: true, Threshold: -1, Level: 9, MaxRatio: -1},
			client:     websocket.Compression{Threshold: 1, MaxRatio: 7},
			wantServer: websocket.Compression{WindowBits: 10, PeerWindowBits: 12, PeerNoContextTakeover: true, Threshold: -1, Level: 9, MaxRatio: -1},
			wantClient: websocket.Compression{WindowBits: 12, PeerWindowBits: 10, NoContextTakeover: true, Threshold: 1, Level: 5, MaxRatio: 7},
		},
		{
			server:     websocket.Compression{WindowBits: -1, PeerWindowBits: -1, NoContextTakeover: true},
			client:     websocket.Compression{WindowBits: -1, PeerWindowBits: -1},
			wantServer: websocket.Compression{WindowBits: 15, PeerWindowBits: 15, NoContextTakeover: true, Threshold: 128, Level: 5, MaxRatio: 400},
			wantClient: websocket.Compression{WindowBits: 15, PeerWindowBits: 15, PeerNoContextTakeover: true, Threshold: 128, Level: 5, MaxRatio: 400},
		},
	} {
		server, client := compressedPipe(t, c.server, c.client)
		for range 2 { // what is returned is the caller's
			got, peers := server.Compression(), client.Compression()
			if got == nil || peers == nil || *got != c.wantServer || *peers != c.wantClient {
				t.Fatalf("%+v, %+v:\nthe server has %+v\nthe client has %+v", c.server, c.client, got, peers)
			}
			*got, *peers = websocket.Compression{}, websocket.Compression{}
		}
	}
	on := &websocket.DialOptions{ConnOptions: compressed(websocket.Compression{})}
	server, client := wstest.Pipe(t, nil, on)
	if server.Compression() != nil || client.Compression() != nil {
		t.Error("only one end has it on, and there are terms")
	}
}

// Streams of several fragments, compressed and not in turn, with what is sent
// whole between them: the window is that of the compressed ones.
func TestUncompressedStream(t *testing.T) {
	t.Parallel()
	server, client := compressedPipe(t, websocket.Compression{}, websocket.Compression{})
	for _, pair := range [][2]*websocket.Conn{{server, client}, {client, server}} {
		from, to := pair[0], pair[1]
		send := func(i int, msg []byte) error {
			next := from.NextWriter
			switch i % 3 {
			case 0:
				return from.Write(t.Context(), websocket.Binary, msg)
			case 1:
				next = from.NextWriterUncompressed
			}
			w, err := next(t.Context(), websocket.Binary)
			if err != nil {
				return err
			}
			for part := range bytes.SplitAfterSeq(msg, []byte("}")) {
				if _, err := w.Write(part); err != nil {
					return err
				}
			}
			return w.Close()
		}
		sent := make(chan error, 1)
		go func() {
			for i := range 12 {
				if err := send(i, bytes.Repeat(event(i/3), 10+40*(i%2))); err != nil {
					sent <- err
					return
				}
			}
			sent <- nil
		}()
		for i := range 12 {
			_, msg, err := to.Read(t.Context())
			if err != nil || !bytes.Equal(msg, bytes.Repeat(event(i/3), 10+40*(i%2))) {
				t.Fatalf("message %d: %d octets, %v", i, len(msg), err)
			}
		}
		if err := <-sent; err != nil {
			t.Fatal(err)
		}
	}
	if _, err := server.NextWriterUncompressed(t.Context(), 7); err == nil {
		t.Error("a message of no type")
	}
}
