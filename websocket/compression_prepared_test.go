package websocket_test

import (
	"bytes"
	"sync"
	"testing"

	"github.com/openline/openline/websocket"
)

// A prepared message is compressed once for each window and level that its
// receivers have, however many there are and from however many goroutines it is
// sent; windows that hold all of it count as one.
func TestPreparedIsCompressedOnce(t *testing.T) {
	t.Parallel()
	long := bytes.Repeat(event(1), 8) // between 1 and 2 KiB
	for _, c := range []struct {
		msg      []byte
		settings []websocket.Compression
		forms    int
	}{
		{event(1), []websocket.Compression{{}}, 1},
		{event(1), []websocket.Compression{{WindowBits: -1, PeerWindowBits: -1}, {WindowBits: 9}, {NoContextTakeover: true}, {PeerNoContextTakeover: true}}, 1},
		{event(1), []websocket.Compression{{}, {Level: 1}, {Level: 9}}, 3},
		{long, []websocket.Compression{{WindowBits: -1, PeerWindowBits: -1}, {}, {WindowBits: 11}}, 1},
		{long, []websocket.Compression{{}, {WindowBits: 10}, {WindowBits: 8}}, 3},
		{[]byte("short"), []websocket.Compression{{}, {WindowBits: 8}}, 0},
	} {
		p, err := websocket.Prepare(websocket.Text, c.msg)
		if err != nil {
			t.Fatal(err)
		}
		var servers, clients []*websocket.Conn
		for _, settings := range c.settings {
			for range 5 {
				server, client := compressedPipe(t, settings, websocket.Compression{PeerWindowBits: -1, WindowBits: -1})
				servers, clients = append(servers, server), append(clients, client)
			}
		}
		var sending sync.WaitGroup
		for _, s := range servers {
			sending.Go(func() {
				for range 3 {
					if err := s.TrySend(p); err != nil {
						t.Error(err)
					}
				}
			})
		}
		sending.Wait()
		for _, client := range clients {
			for range 3 {
				if _, got, err := client.Read(t.Context()); err != nil || !bytes.Equal(got, c.msg) {
					t.Fatal(err)
				}
			}
		}
		if n := websocket.CompressedForms(p); n != c.forms {
			t.Errorf("%d octets for %d settings: compressed %d times, want %d", len(c.msg), len(c.settings), n, c.forms)
		}
	}
}
