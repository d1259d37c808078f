package websocket_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"

	"github.com/openline/openline/websocket"
)

// RFC 6455 §5.4: fragmentation.

func init() {
	scripts("WS-5.4-01", "5.4-01-fragments")
	scripts("WS-5.4-02", "5.4-02-empty-fragments")
	requirement("WS-5.4-03", testManyFragments)
	scripts("WS-5.4-04", "5.4-04-control-between-fragments")
	scripts("WS-5.4-05", "5.4-05-close-between-fragments")
	scripts("WS-5.4-06", "5.4-06-interleaved-messages")
	scripts("WS-5.4-07", "5.4-07-continuation-of-nothing")
	scripts("WS-5.4-08", "5.4-08-fragmented-control-frames")
	requirement("WS-5.4-09", testParallelWriters)
	requirement("WS-5.4-10", testPingWhileStreaming)
	scripts("WS-5.4-11", "5.4-11-limit-of-the-whole-message")
	requirement("WS-5.4-12", testEndlessFragments)
	scripts("WS-5.4-13", "5.4-13-end-inside-a-message")
}

// testManyFragments echoes messages of 65,536 fragments, small ones. Copying all
// that has come for each fragment would show in what is allocated.
func testManyFragments(t *testing.T) {
	b := newBench(t, echoing, websocket.ConnOptions{ReadLimit: 4 << 20})
	for _, client := range ends {
		for _, size := range []int{1, 64} {
			e := b.open(client)
			data := make([]byte, size<<16)
			for i := range data {
				data[i] = byte(i ^ i>>8)
			}
			var octets []byte
			op := byte(2)
			for i := 0; i < len(data); i += size {
				octets = e.AppendFrame(octets, i+size == len(data), op, data[i:i+size])
				op = 0
			}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			go e.CutBytes(1<<16, octets)
			e.ExpectMessage(websocket.Binary, data)
			runtime.ReadMemStats(&after)
			if got, most := after.TotalAlloc-before.TotalAlloc, uint64(32*len(data)+1<<20); got > most {
				t.Errorf("%s: %d octets allocated for a message of %d, want at most %d", endName(client), got, len(data), most)
			}
			e.bye(t, client)
		}
	}
}

// testParallelWriters has 16 goroutines send 100 messages each, by every way
// there is, and Pings beside them. The peer judges the series of fragments; each
// message has to be whole, of one sender, and in that sender's order.
func testParallelWriters(t *testing.T) {
	t.Parallel()
	const writers, messages = 16, 100
	for _, client := range ends {
		e := newBench(t, sink, websocket.ConnOptions{QueueMessages: -1, QueueBytes: -1}).open(client)
		ctx := t.Context()
		var wg sync.WaitGroup
		for w := range writers {
			wg.Go(func() {
				random := rand.New(rand.NewPCG(1, uint64(w)))
				for m := range messages {
					n := 8 + random.IntN(1<<random.IntN(18))
					if m == messages/2 {
						n = 200_000
					}
					if err := sendBy(ctx, e.conn, w%3, patterned(w, m, n)); err != nil {
						t.Errorf("writer %d, message %d: %v", w, m, err)
						return
					}
				}
			})
		}
		pinging, stop := context.WithCancel(ctx)
		var pings sync.WaitGroup
		pings.Go(func() {
			for pinging.Err() == nil {
				_ = e.conn.Ping(pinging) // the Pongs come from the loop below
			}
		})
		next := make([]int, writers)
		for got := 0; got < writers*messages; {
			data, ok := nextMessage(e)
			if !ok {
				continue
			}
			w, m := int(binary.BigEndian.Uint32(data)), int(binary.BigEndian.Uint32(data[4:]))
			if w >= writers || m != next[w] || !bytes.Equal(data, patterned(w, m, len(data))) {
				t.Fatalf("message %d of writer %d is not whole or not in order (want %d)", m, w, next[w])
			}
			next[w]++
			got++
		}
		wg.Wait()
		stop()
		pings.Wait()
		_ = e.conn.CloseNow()
		e.Close()
	}
}

// nextMessage reads frames up to the end of a message and answers the Pings on
// the way.
func nextMessage(e *endpoint) ([]byte, bool) {
	var data []byte
	for {
		f := e.Frame()
		switch f.Opcode {
		case 9:
			e.SendFrame(true, 0xA, f.Payload)
			continue
		case 8:
			return nil, false
		}
		data = append(data, f.Payload...)
		if f.Fin {
			return data, true
		}
	}
}

// patterned is message m of writer w: their numbers, and octets of its own.
func patterned(w, m, n int) []byte {
	b := make([]byte, 0, n)
	b = binary.BigEndian.AppendUint32(b, uint32(w))
	b = binary.BigEndian.AppendUint32(b, uint32(m))
	return append(b, bytes.Repeat([]byte{byte(w*16 + m)}, n-8)...)
}

// sendBy sends a message in one of three ways.
func sendBy(ctx context.Context, c *websocket.Conn, way int, data []byte) error {
	switch way {
	case 0:
		return c.Write(ctx, websocket.Binary, data)
	case 1:
		p, err := websocket.Prepare(websocket.Binary, data)
		if err != nil {
			return err
		}
		return c.TrySend(p)
	}
	w, err := c.NextWriter(ctx, websocket.Binary)
	if err != nil {
		return err
	}
	for len(data) > 0 {
		n := min(3000, len(data))
		if _, err := w.Write(data[:n]); err != nil {
			return err
		}
		data = data[n:]
	}
	return w.Close()
}

// testPingWhileStreaming: an end that streams a message, which has no end until
// the Pong has come, answers a Ping between two fragments.
func testPingWhileStreaming(t *testing.T) {
	t.Parallel()
	for _, client := range ends {
		answered := make(chan struct{})
		streamed := make(chan error, 1)
		e := newBench(t, sink, websocket.ConnOptions{}).open(client)
		go func() {
			w, err := e.conn.NextWriter(t.Context(), websocket.Binary)
			for err == nil {
				select {
				case <-answered:
					streamed <- w.Close()
					return
				default:
					_, err = w.Write(make([]byte, 32<<10))
				}
			}
			streamed <- err
		}()
		for n := 0; n < 1<<20; {
			n += len(e.Frame().Payload)
		}
		e.SendPing("now")
		for f := e.Frame(); f.Opcode != 0xA; f = e.Frame() {
			if f.Fin {
				t.Fatal("the message ended before the Pong")
			}
		}
		close(answered)
		for !e.Frame().Fin { //nolint:revive // the rest of the message
		}
		if err := <-streamed; err != nil {
			t.Fatal(err)
		}
		e.bye(t, client)
	}
}

// testEndlessFragments: a series without end costs no memory, and ends at the
// limit if there is one.
func testEndlessFragments(t *testing.T) {
	const fragments = 1_000_000
	for _, client := range ends {
		e := newBench(t, echoing, websocket.ConnOptions{}).open(client)
		series := bytes.Repeat(e.AppendFrame(nil, false, 0, nil), fragments)
		e.SendFrame(false, 1, nil)
		sending := make(chan struct{})
		go func() {
			defer close(sending)
			e.CutBytes(1<<16, series)
		}()
		e.ExpectClose(websocket.ClosePolicyViolation)
		e.ExpectGone()
		waitFor(t, "the sender", sending)
		e.expectErr(t, websocket.ClosePolicyViolation, false)

		e = newBench(t, echoing, websocket.ConnOptions{MaxFragments: -1}).open(client)
		e.SendFrame(false, 1, nil)
		before := heap()
		for i := range 16 {
			e.SendBytes(series[:len(series)/16])
			if grown := heapGrowth(before, 1<<20); grown > 1<<20 {
				t.Fatalf("%s: after %d/16 of the fragments the heap has grown by %d octets", endName(client), i+1, grown)
			}
		}
		e.SendFrame(true, 0, nil)
		e.ExpectText("")
		e.bye(t, client)
	}
}

// heap is what is reachable on the heap.
func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// heapGrowth is how much more that is than before. What other goroutines
// allocate meanwhile is measured too, though it is garbage at once, so a result
// over most is measured again.
func heapGrowth(before, most int64) int64 {
	growth := heap() - before
	for range 20 {
		if growth <= most {
			break
		}
		growth = min(growth, heap()-before)
	}
	return growth
}
