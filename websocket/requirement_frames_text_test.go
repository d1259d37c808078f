package websocket_test

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/openline/openline/websocket"
)

// RFC 6455 §5.6, §8.1: text messages and UTF-8.

func init() {
	scripts("WS-8.1-01", "8.1-01-text")
	scripts("WS-8.1-02", "8.1-02-borders-of-utf-8")
	scripts("WS-8.1-03", "8.1-03-not-utf-8")
	requirement("WS-8.1-04", testSplitCharacters)
	scripts("WS-8.1-05", "8.1-05-split-and-wrong")
	scripts("WS-8.1-06", "8.1-06-ping-inside-a-character")
	scripts("WS-8.1-07", "8.1-07-fail-fast")
	scripts("WS-8.1-08", "8.1-08-binary-is-not-text")
	requirement("WS-8.1-09", testTextAcrossBuffers)
	requirement("WS-8.1-10", testNoBadTextLeaves)
}

// testSplitCharacters sends a text of ten octets in all 512 ways to cut it into
// fragments, and again with empty fragments between them.
func testSplitCharacters(t *testing.T) {
	t.Parallel()
	playScripts(t, "8.1-04-split-characters")
	text := []byte("Zß水🍣")
	for _, client := range ends {
		e := newBench(t, echoing, websocket.ConnOptions{}).open(client)
		for cuts := range 1 << (len(text) - 1) {
			for _, empty := range []bool{false, true} {
				var octets []byte
				op := byte(1)
				add := func(fin bool, p []byte) {
					octets = e.AppendFrame(octets, fin, op, p)
					op = 0
				}
				from := 0
				for i := 1; i < len(text); i++ {
					if cuts>>(i-1)&1 == 0 {
						continue
					}
					add(false, text[from:i])
					if empty {
						add(false, nil)
					}
					from = i
				}
				add(true, text[from:])
				e.SendBytes(octets)
				e.ExpectMessage(websocket.Text, text)
			}
		}
		e.bye(t, client)
	}
}

// longText is pad ASCII octets, much Chinese and a character of four octets, a
// little over size octets.
func longText(pad, size int) []byte {
	b := []byte(strings.Repeat("x", pad))
	b = append(b, bytes.Repeat([]byte("水"), size/3)...)
	return append(b, "🍣"...)
}

// testTextAcrossBuffers sends long texts in writes of sizes that meet the
// borders of buffers everywhere, right ones and ones with one wrong octet.
func testTextAcrossBuffers(t *testing.T) {
	t.Parallel()
	options := websocket.ConnOptions{ReadLimit: 2 << 20}
	b := newBench(t, echoing, options)
	pads, wrong, slow := 8, 64, 1<<20
	if testing.Short() {
		pads, wrong, slow = 2, 8, 1<<16
	}
	for _, client := range ends {
		e := b.open(client)
		for pad := range pads {
			for _, size := range []int{4095, 4096, 4097, 1 << 21} {
				text := longText(pad, 1<<20)
				go e.CutBytes(size, e.AppendFrame(nil, true, 1, text))
				e.ExpectMessage(websocket.Text, text)
			}
		}
		e.bye(t, client)

		// Reads of one octet and of seven, all through the message.
		for _, size := range []int{1, 7} {
			e := openInPieces(t, echoing, client, size, options)
			text := longText(5, slow)
			go e.CutBytes(1<<21, e.AppendFrame(nil, true, 1, text))
			e.ExpectMessage(websocket.Text, text)
			e.bye(t, client)
		}

		good := longText(3, 1<<20)
		for i := range wrong {
			e := b.open(client)
			text := bytes.Clone(good)
			text[len(text)-1-i] = 0xFF
			octets := e.AppendFrame(nil, true, 1, text)
			octets = octets[:len(octets)-i] // nothing behind the wrong octet
			go e.CutBytes([]int{4095, 4096, 4097, 1 << 21}[i%4], octets)
			e.ExpectClose(websocket.CloseInvalidPayload)
			e.ExpectEnd()
			e.Close()
			if got, err := e.result(t); len(got) != 0 || err.Code != websocket.CloseInvalidPayload {
				t.Fatalf("wrong at %d from the end: %d messages, %v", i, len(got), err)
			}
		}
	}
}

// testNoBadTextLeaves: text and reasons that are not UTF-8 are refused to the
// application by every way of sending, and nothing of them is sent.
func testNoBadTextLeaves(t *testing.T) {
	t.Parallel()
	const bad = "a\xFF"
	for _, client := range ends {
		e := newBench(t, sink, websocket.ConnOptions{}).open(client)
		ctx := t.Context()
		if err := e.conn.Write(ctx, websocket.Text, []byte(bad)); err == nil {
			t.Error("Write takes it")
		}
		if err := e.conn.Write(ctx, websocket.Text, append(bytes.Repeat([]byte("x"), 20_000), 0xFF)); err == nil {
			t.Error("Write takes it, if it is long")
		}
		if _, err := websocket.Prepare(websocket.Text, []byte(bad)); err == nil {
			t.Error("Prepare takes it")
		}
		w, err := e.conn.NextWriter(ctx, websocket.Text)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, bad); err == nil {
			t.Error("a message's writer takes it")
		}
		if _, err := io.WriteString(w, "good"); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		e.ExpectText("good") // and nothing before it
		if err := e.conn.Close(websocket.CloseNormal, bad); err == nil {
			t.Error("Close takes it")
		}
		e.bye(t, client)
	}
}
