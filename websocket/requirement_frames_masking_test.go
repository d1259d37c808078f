package websocket_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/bits"
	"sync"
	"testing"

	"github.com/openline/openline/websocket"
)

// RFC 6455 §5.1, §5.3: masking.

func init() {
	scripts("WS-5.1-01", "5.1-01-unmasked-client-frame")
	scripts("WS-5.1-02", "5.1-02-masked-server-frame")
	requirement("WS-5.1-03", func(t *testing.T) { testEveryKindOfFrame(t, false) })
	requirement("WS-5.1-04", func(t *testing.T) { testEveryKindOfFrame(t, true) })
	requirement("WS-5.3-01", testMaskingKeys)
	requirement("WS-5.3-02", func(t *testing.T) {
		t.Parallel()
		playScripts(t, "5.3-02-masking")
		for _, client := range ends {
			for _, size := range []int{1, 2, 3, 5, 7, 16, 4096} {
				testMaskingSweep(t, client, size)
			}
		}
	})
	requirement("WS-5.3-03", testCallersMemory)
}

// testEveryKindOfFrame has an end send all the kinds of frame there are, empty
// and not. The peer judges the MASK bit of each.
func testEveryKindOfFrame(t *testing.T, client bool) {
	t.Parallel()
	e := newBench(t, sink, websocket.ConnOptions{}).open(client)
	ctx := t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, data := range []string{"", "a", string(bytes.Repeat([]byte("b"), 300)), string(bytes.Repeat([]byte("c"), 70000))} {
		for _, typ := range []websocket.MessageType{websocket.Text, websocket.Binary} {
			must(e.conn.Write(ctx, typ, []byte(data)))
			p, err := websocket.Prepare(typ, []byte(data))
			must(err)
			must(e.conn.TrySend(p))
			w, err := e.conn.NextWriter(ctx, typ)
			must(err)
			_, err = io.WriteString(w, data)
			must(err)
			must(w.Close())
			for range 3 {
				e.ExpectMessage(typ, []byte(data))
			}
		}
	}
	e.SendPing("")
	e.ExpectPong("")
	e.SendPing("x")
	e.ExpectPong("x")
	pinged := make(chan error, 1)
	go func() { pinged <- e.conn.Ping(ctx) }()
	e.SendFrame(true, 0xA, e.ExpectPing())
	must(<-pinged)
	closed := make(chan error, 1)
	go func() { closed <- e.conn.Close(websocket.CloseNoStatus, "") }()
	e.ExpectClose(websocket.CloseNoStatus)
	e.SendClose(websocket.CloseNoStatus, "")
	if client {
		e.CloseWrite()
	}
	e.ExpectEnd()
	must(<-closed)
}

// testMaskingKeys looks at the keys of 20,000 frames. A strong source fails one
// of these checks less than once in 10,000 runs.
func testMaskingKeys(t *testing.T) {
	t.Parallel()
	const frames = 20_000
	e := newBench(t, sink, websocket.ConnOptions{}).open(true)
	ctx := t.Context()
	failed := make(chan error, 1)
	go func() {
		failed <- func() error {
			for range frames {
				if err := e.conn.Write(ctx, websocket.Binary, []byte{7}); err != nil {
					return err
				}
			}
			w, err := e.conn.NextWriter(ctx, websocket.Binary)
			if err != nil {
				return err
			}
			if _, err := w.Write(make([]byte, 64<<10)); err != nil {
				return err
			}
			return w.Close()
		}()
	}()
	seen := map[uint32]int{}
	var keys []uint32
	var ones [32]int
	note := func(k [4]byte) uint32 {
		key := uint32(k[0])<<24 | uint32(k[1])<<16 | uint32(k[2])<<8 | uint32(k[3])
		keys = append(keys, key)
		seen[key]++
		return key
	}
	for range frames {
		key := note(e.Frame().MaskKey)
		for b := range ones {
			ones[b] += int(key >> b & 1)
		}
	}
	for fragments := 0; ; fragments++ {
		f := e.Frame()
		note(f.MaskKey)
		if f.Fin {
			if fragments == 0 {
				t.Error("a long streamed message came in one frame")
			}
			break
		}
	}
	if err := <-failed; err != nil {
		t.Fatal(err)
	}
	for range 50 { // control frames have keys of their own, too
		e.SendPing("x")
		f := e.Frame()
		if f.Opcode != 0xA {
			t.Fatalf("opcode %x instead of a Pong", f.Opcode)
		}
		note(f.MaskKey)
	}
	if repeated := len(keys) - len(seen); repeated > 2 {
		t.Errorf("%d keys of %d are repeated", repeated, len(keys))
	}
	if seen[0] > 1 {
		t.Errorf("the key 0 came %d times", seen[0])
	}
	for b, n := range ones {
		if n < frames*48/100 || n > frames*52/100 {
			t.Errorf("bit %d is set in %d of %d keys", b, n, frames)
		}
	}
	steps := map[uint32]int{} // a counter has few differences, a shift register few exclusive ors
	flips := 0
	for i := range keys[1:] {
		steps[keys[i+1]-keys[i]]++
		flips += bits.OnesCount32(keys[i+1] ^ keys[i])
	}
	for step, n := range steps {
		if n > 4 {
			t.Errorf("the keys go by %d, %d times", step, n)
		}
	}
	if mean := float64(flips) / float64(len(keys)-1); mean < 15.5 || mean > 16.5 {
		t.Errorf("%.2f bits change from key to key, want about 16", mean)
	}
	e.bye(t, true)
}

// testMaskingSweep echoes messages of many lengths, with the end under test
// reading in pieces of size octets. The keys differ from frame to frame.
func testMaskingSweep(t *testing.T, client bool, size int) {
	t.Helper()
	e := openInPieces(t, echoing, client, size, websocket.ConnOptions{})
	var lengths []int
	for n := range 301 {
		lengths = append(lengths, n)
	}
	for n := 4090; n <= 4102; n++ {
		lengths = append(lengths, n)
	}
	for i, n := range lengths {
		data := make([]byte, n)
		for k := range data {
			data[k] = byte(k*7 + i)
		}
		if client { // what it receives is not masked, what it sends is
			e.SendMessage(websocket.Binary, data)
		} else {
			e.SendBytes(maskedFrame(0x82, [4]byte{byte(i), byte(i >> 3), 0xA5, byte(n)}, data))
		}
		e.ExpectMessage(websocket.Binary, data)
	}
	e.bye(t, client)
}

// maskedFrame is a frame with any key.
func maskedFrame(first byte, key [4]byte, data []byte) []byte {
	b := []byte{first, 0x80 | byte(len(data))}
	if len(data) > 125 {
		b = []byte{first, 0x80 | 126, byte(len(data) >> 8), byte(len(data))}
	}
	b = append(b, key[:]...)
	for i, c := range data {
		b = append(b, c^key[i%4])
	}
	return b
}

// readOnly returns memory with the content of b that must not be written to, nil
// where the system has none.
var readOnly = func(testing.TB, []byte) []byte { return nil }

// testCallersMemory: sending does not change what the caller passes, and what
// the caller changes afterwards does not reach the wire.
func testCallersMemory(t *testing.T) {
	t.Parallel()
	for _, client := range ends {
		e := newBench(t, sink, websocket.ConnOptions{}).open(client)
		ctx := t.Context()
		for _, n := range []int{1, 125, 1000, 20_000, 60_000} {
			want := bytes.Repeat([]byte(fmt.Sprintf("%07d", n)), n/7+1)[:n]
			ways := map[string]func(p []byte) error{
				"Write": func(p []byte) error { return e.conn.Write(ctx, websocket.Text, p) },
				"TrySend": func(p []byte) error {
					m, err := websocket.Prepare(websocket.Text, p)
					if err != nil {
						return err
					}
					clear(p)
					return e.conn.TrySend(m)
				},
				"NextWriter": func(p []byte) error {
					w, err := e.conn.NextWriter(ctx, websocket.Text)
					if err != nil {
						return err
					}
					if _, err := w.Write(p); err != nil {
						return err
					}
					clear(p) // before Close sends what Write kept
					return w.Close()
				},
			}
			for name, send := range ways {
				data := bytes.Clone(want)
				if err := send(data); err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				if name == "Write" && !bytes.Equal(data, want) {
					t.Fatalf("%s changed the caller's memory", name)
				}
				var wg sync.WaitGroup
				wg.Go(func() { clear(data) }) // while the peer has read nothing of it
				wg.Wait()
				e.ExpectMessage(websocket.Text, want)
			}
			if data := readOnly(t, want); data != nil {
				// Writing to it would crash.
				if err := e.conn.Write(context.Background(), websocket.Text, data); err != nil {
					t.Fatal(err)
				}
				e.ExpectMessage(websocket.Text, want)
			}
		}
		e.bye(t, client)
	}
}
