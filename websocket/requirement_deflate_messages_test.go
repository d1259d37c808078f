package websocket_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"testing"

	"github.com/openline/openline/websocket"
	"github.com/openline/openline/websocket/internal/deflate/deflatetest"
)

// RFC 7692 §6, §7.2, §8: compressed messages.

const gopher = "gopher gopher gopher"

// gopherD1 is gopher compressed with an empty window.
var gopherD1 = []byte("\x4a\xcf\x2f\xc8\x48\x2d\x52\x48\x47\xa6\x00\x00")

const rsv1 = 0x40 // to be added to an opcode

// noise is the octets of SHA-256("0"), SHA-256("1") and so on.
func noise(n int) []byte {
	var b []byte
	for i := 0; len(b) < n; i++ {
		sum := sha256.Sum256([]byte(strconv.Itoa(i)))
		b = append(b, sum[:]...)
	}
	return b[:n]
}

// whole is the options with which a plain offer gets a plain answer.
func whole() websocket.ConnOptions { return websocket.ConnOptions{Compression: wholeWindow()} }

func init() {
	scripts("PD-6-01", "7692-6-01-rsv1")
	scripts("PD-6-02", "7692-6-02-rsv1-on-continuations")
	scripts("PD-6-03", "7692-6-03-rsv1-on-control-frames")
	requirement("PD-6-04", testDeflateFragments)
	scripts("PD-6-05", "7692-6-05-untouched-window")
	requirement("PD-7.2-01", testRawDeflate)
	scripts("PD-7.2-02", "7692-7.2-02-context-takeover")
	scripts("PD-7.2-03", "7692-7.2-03-stored-block")
	scripts("PD-7.2-04", "7692-7.2-04-dynamic-block")
	scripts("PD-7.2-05", "7692-7.2-05-final-blocks")
	scripts("PD-7.2-06", "7692-7.2-06-several-blocks")
	requirement("PD-7.2-07", testEmptyDeflated)
	scripts("PD-7.2-08", "7692-7.2-08-no-payload")
	scripts("PD-7.2-09", "7692-7.2-09-corrupt")
	requirement("PD-7.2-10", testNoTakeover)
	requirement("PD-7.2-11", testLargestWindow)
	requirement("PD-7.2-12", testAgreedWindows)
	scripts("PD-7.2-13", "7692-7.2-13-cut")
	scripts("PD-7.2-14", "7692-7.2-14-text")
	scripts("PD-8-01", "7692-8-01-limit")
	requirement("PD-8-02", testBombs)
	requirement("PD-8-03", testEmptyBlocks)
	requirement("PD-8-04", testCompressionOff)
}

// testDeflateFragments sends the twelve octets of a message cut in all 2,048
// ways.
func testDeflateFragments(t *testing.T) {
	t.Parallel()
	playScripts(t, "7692-6-04-fragments")
	for _, client := range ends {
		e := newBench(t, echoing, whole()).open(client)
		for cuts := range 1 << (len(gopherD1) - 1) {
			var octets []byte
			op, from := byte(1|rsv1), 0
			for i := 1; i <= len(gopherD1); i++ {
				if last := i == len(gopherD1); last || cuts>>(i-1)&1 == 1 {
					octets = e.AppendFrame(octets, last, op, gopherD1[from:i])
					op, from = 0, i
				}
			}
			e.SendBytes(octets)
			e.ExpectText(gopher)
		}
		e.bye(t, client)
	}
}

// deflatedFrame reads a frame that has to be a whole compressed message, and
// takes it apart.
func deflatedFrame(t *testing.T, e *endpoint) (websocket.Frame, deflatetest.Facts) {
	t.Helper()
	f := e.Frame()
	if !f.RSV1 || !f.Fin {
		t.Fatalf("a frame with header %x, want a whole compressed message", f.Header)
	}
	facts, err := deflatetest.Parse(f.Payload)
	if err != nil {
		t.Fatalf("%x: %v", f.Payload, err)
	}
	return f, facts
}

// testRawDeflate looks at what is sent: it ends at a block's and an octet's end.
// The peer inflates everything with the standard library.
func testRawDeflate(t *testing.T) {
	t.Parallel()
	playScripts(t, "7692-7.2-01-raw-deflate")
	for _, client := range ends {
		e := newBench(t, echoing, whole()).open(client)
		for n := 0; n < 300; n += 7 {
			e.SendMessage(websocket.Binary, noise(n))
			if _, facts := deflatedFrame(t, e); facts.Octets != n {
				t.Fatalf("%d octets inflate to %d", n, facts.Octets)
			}
		}
		for _, msg := range [][]byte{noise(100_000), make([]byte, 200_000), bytes.Repeat([]byte(gopher), 5000)} {
			go e.SendMessage(websocket.Binary, msg)
			if _, facts := deflatedFrame(t, e); facts.Octets != len(msg) {
				t.Fatalf("%d octets inflate to %d", len(msg), facts.Octets)
			}
		}
		e.bye(t, client)
	}
}

func testEmptyDeflated(t *testing.T) {
	t.Parallel()
	playScripts(t, "7692-7.2-07-empty-messages")
	for _, client := range ends {
		e := newBench(t, echoing, whole()).open(client)
		e.SendMessage(websocket.Text, nil)
		if f, _ := deflatedFrame(t, e); !bytes.Equal(f.Payload, []byte{0}) {
			t.Errorf("an empty message is %x", f.Payload)
		}
		e.bye(t, client)
		o := websocket.ConnOptions{Compression: &websocket.Compression{PeerWindowBits: -1, WindowBits: -1}}
		e = newBench(t, echoing, o).open(client) // below the threshold
		e.SendMessage(websocket.Text, nil)
		if f := e.Frame(); f.RSV1 || f.Length != 0 {
			t.Errorf("an empty message is %x %x", f.Header, f.Payload)
		}
		e.bye(t, client)
	}
}

// testNoTakeover: all four combinations. The peer inflates with a fresh decoder
// each time, where it has been agreed that the end under test does not take its
// context over; and with one that goes on, where not.
func testNoTakeover(t *testing.T) {
	t.Parallel()
	for _, client := range ends {
		for _, terms := range []string{"", "; server_no_context_takeover", "; client_no_context_takeover", "; server_no_context_takeover; client_no_context_takeover"} {
			b := newBench(t, echoing, whole())
			b.extension = "permessage-deflate" + terms
			e := b.open(client)
			bound := strings.Contains(terms, endName(client)+"_no")
			size := 0
			for i := range 3 {
				e.SendFrame(true, 1|rsv1, gopherD1)
				f, _ := deflatedFrame(t, e)
				switch n := len(f.Payload); {
				case i == 0:
					size = n
				case bound != (n == size):
					t.Errorf("%s, %q: message %d takes %d octets, the first %d", endName(client), terms, i, n, size)
				}
			}
			e.bye(t, client)
		}
		// A peer that is bound may not refer to what was before.
		b := newBench(t, echoing, whole())
		b.extension = "permessage-deflate; " + endName(!client) + "_no_context_takeover"
		e := b.open(client)
		e.SendFrame(true, 1|rsv1, gopherD1)
		e.ExpectText(gopher)
		e.SendFrame(true, 1|rsv1, []byte("\x4a\xc7\x22\x06\x00"))
		e.ExpectClose(websocket.CloseInvalidPayload)
		e.ExpectEnd()
		e.Close()
		e.expectErr(t, websocket.CloseInvalidPayload, false)
	}
}

func testLargestWindow(t *testing.T) {
	t.Parallel()
	s := noise(1 << 15)
	for _, client := range ends {
		e := newBench(t, echoing, whole()).open(client)
		go e.SendFrame(true, 2|rsv1, append(append([]byte{0, 0, 0x80, 0xFF, 0x7F}, s...), 0))
		e.ExpectMessage(websocket.Binary, s)
		e.SendFrame(true, 2|rsv1, []byte("\x1a\xbd\xff\x1f\x00"))
		e.ExpectMessage(websocket.Binary, s[:258])
		e.bye(t, client)
	}
}

// testAgreedWindows: for every window, what repeats just inside and just outside
// of it, in one message and from message to message.
func testAgreedWindows(t *testing.T) {
	t.Parallel()
	for _, client := range ends {
		for bits := 8; bits <= 15; bits++ {
			for level := 1; level <= 9; level += 4 {
				o := whole()
				o.Compression.Level = level
				b := newBench(t, echoing, o)
				b.extension = fmt.Sprintf("permessage-deflate; server_max_window_bits=%d", bits)
				if client {
					o.Compression.WindowBits = 15
					b = newBench(t, echoing, o)
					b.extension = fmt.Sprintf("permessage-deflate; client_max_window_bits=%d", bits)
				}
				e := b.open(client)
				far := 0
				for _, n := range []int{1<<bits + 88, 1<<bits - 88, 100} {
					for range 2 {
						msg := bytes.Repeat(noise(n), 2)
						go e.SendMessage(websocket.Binary, msg)
						_, facts := deflatedFrame(t, e)
						far = max(far, facts.Farthest)
						if facts.Octets != len(msg) {
							t.Fatalf("%d octets inflate to %d", len(msg), facts.Octets)
						}
					}
				}
				if far > 1<<bits || far < 1<<bits-88 {
					t.Errorf("%s, %d bits, level %d: looks back %d octets", endName(client), bits, level, far)
				}
				e.bye(t, client)
			}
		}
	}
}

// testEmptyBlocks: a mebibyte of blocks with nothing in them.
func testEmptyBlocks(t *testing.T) {
	t.Parallel()
	payload := append(bytes.Repeat([]byte("\x00\x00\x00\xff\xff"), 1<<20/5), 0)
	for _, client := range ends {
		e := newBench(t, echoing, whole()).open(client)
		go e.SendFrame(true, 1|rsv1, payload)
		e.ExpectText("")
		e.bye(t, client)
	}
}

func testCompressionOff(t *testing.T) {
	t.Parallel()
	// By default neither end has anything to do with it.
	answers(t, nil, [2]string{"x", ""}, [2]string{"x; client_max_window_bits", ""})
	offered(t, nil, "", "+", "x")
	// For one message.
	text := strings.Repeat(gopher, 20)
	plain, err := websocket.PrepareUncompressed(websocket.Text, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	packed, err := websocket.Prepare(websocket.Text, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	stream := func(w io.WriteCloser, err error) error {
		if err != nil {
			return err
		}
		_, err = w.Write([]byte(text))
		return errors.Join(err, w.Close())
	}
	for _, client := range ends {
		e := newBench(t, sink, whole()).open(client)
		for i, c := range []struct {
			compressed bool
			send       func() error
		}{
			{true, func() error { return e.conn.Write(t.Context(), websocket.Text, []byte(text)) }},
			{false, func() error { return e.conn.WriteUncompressed(t.Context(), websocket.Text, []byte(text)) }},
			{false, func() error { return e.conn.TrySend(plain) }},
			{true, func() error { return e.conn.TrySend(packed) }},
			{false, func() error { return stream(e.conn.NextWriterUncompressed(t.Context(), websocket.Text)) }},
			{true, func() error { return stream(e.conn.NextWriter(t.Context(), websocket.Text)) }},
			{true, func() error { return e.conn.Write(t.Context(), websocket.Text, []byte(text)) }},
		} {
			if err := c.send(); err != nil {
				t.Fatal(err)
			}
			if f := e.Frame(); f.RSV1 != c.compressed {
				t.Errorf("%s, message %d: header %x", endName(client), i, f.Header)
			}
		}
		// And what is short, or does not become shorter.
		e.bye(t, client)
		e = newBench(t, echoing, websocket.ConnOptions{Compression: &websocket.Compression{WindowBits: -1, PeerWindowBits: -1}}).open(client)
		for _, c := range []struct {
			msg        []byte
			compressed bool
		}{{bytes.Repeat([]byte("a"), 127), false}, {bytes.Repeat([]byte("a"), 128), true}, {noise(5000), false}, {noise(300), false}, {bytes.Repeat([]byte("a"), 500), true}} {
			e.SendMessage(websocket.Binary, c.msg)
			if f := e.Frame(); f.RSV1 != c.compressed {
				t.Errorf("%s, %d octets: header %x", endName(client), len(c.msg), f.Header)
			}
		}
		e.bye(t, client)
	}
}
