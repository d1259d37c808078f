package websocket_test

import (
	"bytes"
	"compress/flate"
	"runtime"
	"strings"
	"testing"

	"github.com/openline/openline/websocket"
)

// bomb is n zeros, compressed as far as it goes.
func bomb(t *testing.T, n int) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	zeros := make([]byte, 1<<20)
	for ; n > 0; n -= len(zeros) {
		_, _ = w.Write(zeros)
	}
	_ = w.Flush()
	return bytes.TrimSuffix(b.Bytes(), []byte("\x00\x00\xff\xff"))
}

// testBombs: some kilobytes that inflate to a thousand times as much. It measures
// memory, so it is alone.
func testBombs(t *testing.T) {
	playScripts(t, "7692-8-02-ratio")
	oneFrame := func(e *endpoint, octets []byte) []byte { return e.AppendFrame(nil, true, 2|rsv1, octets) }
	octetFrames := func(e *endpoint, octets []byte) (wire []byte) {
		op := byte(2 | rsv1)
		for i := range octets {
			wire = e.AppendFrame(wire, i == len(octets)-1, op, octets[i:i+1])
			op = 0
		}
		return wire
	}
	largest := 1 << 30
	if raceDetector {
		largest = 32 << 20 // or it takes a minute to make
	}
	bombs := map[int][]byte{}
	for _, size := range []int{16 << 20, min(64<<20, largest), largest} {
		bombs[size] = bomb(t, size)
	}
	for _, c := range []struct {
		name   string
		size   int
		frames func(e *endpoint, octets []byte) []byte
		limit  int64  // of a message
		most   uint64 // octets allocated
	}{
		{"16 MiB", 16 << 20, oneFrame, 64 << 10, 1 << 20},
		{"16 MiB in frames of one octet", 16 << 20, octetFrames, 64 << 10, 1 << 20},
		{"64 MiB", min(64<<20, largest), oneFrame, 0, 6 << 20},
		{"the largest", largest, oneFrame, 0, 6 << 20},
		{"the largest, where only the ratio is limited", largest, oneFrame, -1, 6 << 20},
		{"16 MiB in frames of one octet, where only the ratio is limited", 16 << 20, octetFrames, -1, 6 << 20},
	} {
		octets := bombs[c.size]
		for _, client := range ends {
			b := newBench(t, echoing, websocket.ConnOptions{ReadLimit: c.limit, Compression: wholeWindow()})
			e := b.open(client)
			wire := c.frames(e, octets)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			go e.CutBytes(1<<16, wire)
			e.ExpectClose(websocket.CloseMessageTooBig)
			runtime.ReadMemStats(&after)
			e.Close()
			got, err := e.result(t)
			if len(got) > 0 || err.Code != websocket.CloseMessageTooBig {
				t.Fatalf("%s, %s: %d messages, %v", c.name, endName(client), len(got), err)
			}
			if strings.Contains(err.Reason, "MaxRatio") != (c.limit < 0) {
				t.Errorf("%s, %s: the reason is %q", c.name, endName(client), err.Reason)
			}
			took := after.TotalAlloc - before.TotalAlloc
			t.Logf("%s, %s: %d octets, %d allocated", c.name, endName(client), len(octets), took)
			if took > c.most && !raceDetector {
				t.Errorf("%s, %s: %d octets allocated, want at most %d", c.name, endName(client), took, c.most)
			}
		}
	}
	testManyBombs(t, bombs[largest])
}

// testManyBombs has a thousand connections hold a bomb at once, first lit and then
// gone off. What that takes follows their number and the limit of a message, not
// what the bombs inflate to, which is 1 TiB in all.
func testManyBombs(t *testing.T, octets []byte) {
	connections := 1000
	if raceDetector {
		connections = 100
	}
	const fuse = 40 // octets of the bomb that inflate to some 26,000, which is within the limit
	b := newBench(t, sink, websocket.ConnOptions{ReadLimit: 64 << 10, Compression: &websocket.Compression{}})
	b.extension = "permessage-deflate; client_max_window_bits"
	list := make([]*endpoint, connections)
	for i := range list {
		list[i] = b.open(false)
	}
	var idle, lit, off runtime.MemStats
	measure := func(m *runtime.MemStats) {
		runtime.GC()
		runtime.ReadMemStats(m)
	}
	judge := func(what string, from, to uint64, most int64) {
		t.Helper()
		took := int64(to-from) / int64(connections)
		t.Logf("%d connections with a bomb that %s: %d octets each", connections, what, took)
		if took > most && !raceDetector {
			t.Errorf("want at most %d", most)
		}
	}
	measure(&idle)
	for _, e := range list {
		e.SendFrame(false, 2|rsv1, octets[:fuse])
		e.SendFrame(true, 9, nil)
	}
	for _, e := range list {
		e.ExpectPong("") // so what came before the Ping has been inflated
	}
	measure(&lit)
	judge("is lit", idle.HeapAlloc, lit.HeapAlloc, 96<<10)
	for _, e := range list {
		go e.CutBytes(1<<15, e.AppendFrame(nil, true, 0, octets[fuse:min(1<<16, len(octets))]))
	}
	for _, e := range list {
		e.ExpectClose(websocket.CloseMessageTooBig)
	}
	runtime.ReadMemStats(&off)
	judge("has gone off", lit.TotalAlloc, off.TotalAlloc, 400<<10) // all that was allocated, collected or not
	for _, e := range list {
		e.Close()
		e.expectErr(t, websocket.CloseMessageTooBig, false)
	}
}
