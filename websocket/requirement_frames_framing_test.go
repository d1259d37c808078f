package websocket_test

import (
	"bytes"
	"fmt"
	"io"
	"path/filepath"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openline/openline/websocket"
	"github.com/openline/openline/websocket/wstest"
)

// RFC 6455 §5.2: the base framing.

func init() {
	scripts("WS-5.2-01", "5.2-01-reserved-bits")
	scripts("WS-5.2-02", "5.2-02-reserved-data-opcodes")
	scripts("WS-5.2-03", "5.2-03-reserved-control-opcodes")
	requirement("WS-5.2-04", testLengthForms)
	requirement("WS-5.2-05", testShortestForm)
	scripts("WS-5.2-06", "5.2-06-longer-length-forms")
	scripts("WS-5.2-07", "5.2-07-length-top-bit")
	requirement("WS-5.2-08", testOversizeClaim)
	scripts("WS-5.2-09", "5.2-09-empty-messages")
	requirement("WS-5.2-10", testCutAnywhere)
	scripts("WS-5.2-11", "5.2-11-end-inside-a-frame") // the handler's Shutdown finds nothing left of them
	scripts("WS-5.2-12", "5.2-12-fail-fast")
	requirement("WS-5.2-13", func(t *testing.T) {
		testStall(t)
		testStallOverTCP(t)
	})
}

// testLengthForms echoes messages of the sizes around the borders of the three
// forms, and some large ones.
func testLengthForms(t *testing.T) {
	t.Parallel()
	b := newBench(t, echoing, websocket.ConnOptions{ReadLimit: 16 << 20})
	for _, client := range ends {
		e := b.open(client)
		for _, n := range []int{0, 1, 124, 125, 126, 127, 128, 255, 256, 65534, 65535, 65536, 65537, 1 << 20, 16 << 20} {
			data := make([]byte, n)
			for i := range data {
				data[i] = byte(i ^ i>>8 ^ i>>16)
			}
			frame := e.AppendFrame(nil, true, 2, data)
			want := map[int]string{125: "fd12345678", 126: "fe007e12345678", 65535: "feffff12345678", 65536: "ff000000000001000012345678"}[n]
			if got := fmt.Sprintf("%x", frame[1:]); !client && got[:min(len(want), len(got))] != want {
				t.Fatalf("the header of %d octets is not the sample", n)
			}
			e.SendBytes(frame)
			e.ExpectMessage(websocket.Binary, data)
		}
		e.bye(t, client)
	}
}

// testShortestForm looks at the headers of what an end sends.
func testShortestForm(t *testing.T) {
	t.Parallel()
	for _, client := range ends {
		e := newBench(t, sink, websocket.ConnOptions{}).open(client)
		for n, want := range map[int][]byte{
			0: {0}, 1: {1}, 125: {125}, 126: {126, 0, 126}, 65535: {126, 0xFF, 0xFF}, 65536: {127, 0, 0, 0, 0, 0, 1, 0, 0},
		} {
			for _, way := range []string{"Write", "NextWriter", "TrySend"} {
				var err error
				data := make([]byte, n)
				switch way {
				case "Write":
					err = e.conn.Write(t.Context(), websocket.Binary, data)
				case "NextWriter":
					w, _ := e.conn.NextWriter(t.Context(), websocket.Binary)
					_, _ = w.Write(data)
					err = w.Close()
				case "TrySend":
					p, _ := websocket.Prepare(websocket.Binary, data)
					err = e.conn.TrySend(p)
				}
				if err != nil {
					t.Fatal(err)
				}
				f := e.Frame()
				for way == "NextWriter" && !f.Fin { // fragments: the peer judges the form of each
					f = e.Frame()
				}
				got := bytes.Clone(f.Header[1:])
				got[0] &= 0x7F
				if way != "NextWriter" && !bytes.HasPrefix(got, want) {
					t.Errorf("%s, %d octets by %s: header %x, want %x", endName(client), n, way, got, want)
				}
			}
		}
		e.bye(t, client)
	}
}

// testOversizeClaim: a claim is refused by the header, and nothing is reserved
// for it.
func testOversizeClaim(t *testing.T) {
	playScripts(t, "5.2-08-oversize-claim")
	const connections = 1000
	for _, client := range ends {
		b := newBench(t, sink, websocket.ConnOptions{})
		claim := "82 ff 40 00 00 00 00 00 00 00 12 34 56 78"
		if client {
			claim = "82 7f 40 00 00 00 00 00 00 00"
		}
		list := make([]*endpoint, connections)
		for i := range list {
			list[i] = b.open(client)
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for _, e := range list {
			e.Send(claim)
		}
		for _, e := range list {
			e.ExpectClose(websocket.CloseMessageTooBig)
			e.ExpectEnd()
		}
		runtime.ReadMemStats(&after)
		each := (after.TotalAlloc - before.TotalAlloc) / connections
		t.Logf("%s: %d octets allocated for each claim, the peer's and those freed again included", endName(client), each)
		if each > 64<<10 {
			t.Errorf("%s: %d octets were allocated for each claim", endName(client), each)
		}
		for _, e := range list {
			e.Close()
			e.expectErr(t, websocket.CloseMessageTooBig, false)
		}
	}
}

// testCutAnywhere sends three frames cut at every offset.
func testCutAnywhere(t *testing.T) {
	t.Parallel()
	playScripts(t, "5.2-10-glued-frames")
	b := newBench(t, echoing, websocket.ConnOptions{})
	for _, s := range wstest.ReadScripts(t, filepath.Join("internal", "proto", "testdata", "5.2-10-glued-frames.txt")) {
		input := s.Input()
		for k := 1; k < len(input); k++ {
			cut := s
			cut.Steps = append([]wstest.Step{
				{Verb: "recv", Octets: input[:k]}, {Verb: "recv", Octets: input[k:]},
			}, s.Steps[1:]...)
			playScript(t, b, &cut, 0)
		}
	}
}

// testStall: a peer that stops inside a frame is cut off after StallTimeout, and
// so is one that goes on too slowly; a steady one and one that is silent between
// frames are not.
func testStall(t *testing.T) {
	const stall = 10 * time.Second
	options := websocket.ConnOptions{StallTimeout: stall, PingInterval: -1}
	header := []byte{0x82, 0x7E, 0x03, 0xE8} // 1,000 octets to come
	for _, c := range []struct {
		name   string
		octets int           // sent at once
		every  time.Duration // between them
		fails  time.Duration // when; 0: never
	}{
		{"header, then silence", 0, 0, stall},
		{"an octet every 4 seconds", 1, 4 * time.Second, stall},
		{"256 octets every 9 seconds", 256, 9 * time.Second, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			c1, c2 := websocket.NewTestPair(t, &options)
			peer := wstest.NewPeer(t, c2, false)
			read := make(chan error, 1)
			start := time.Now()
			go func() {
				_, _, err := c1.Read(t.Context())
				read <- err
			}()
			peer.SendBytes(header)
			sent := make(chan struct{})
			go func() {
				defer close(sent)
				for left := 1000; left > 0 && c.octets > 0; {
					time.Sleep(c.every) // the clock of the bubble
					n := min(c.octets, left)
					peer.CutBytes(n, make([]byte, n))
					left -= n
				}
			}()
			if c.fails > 0 {
				peer.ExpectClose(websocket.ClosePolicyViolation)
				if took := time.Since(start); took != c.fails {
					t.Errorf("%s: cut off after %s, want %s", c.name, took, c.fails)
				}
				if err := <-read; websocket.CloseCodeOf(err) != websocket.ClosePolicyViolation {
					t.Errorf("%s: %v", c.name, err)
				}
			} else {
				if err := <-read; err != nil {
					t.Errorf("%s: %v", c.name, err)
				}
				// Between frames there is no such limit.
				go func() {
					_, _, err := c1.Read(t.Context())
					read <- err
				}()
				time.Sleep(time.Hour) // the clock of the bubble
				peer.SendBytes([]byte{0x82, 0})
				if err := <-read; err != nil {
					t.Errorf("silence between frames: %v", err)
				}
			}
			_ = c1.CloseNow()
			_, _ = io.Copy(io.Discard, c2)
			_ = c2.Close()
			<-sent
		})
	}
}

func testStallOverTCP(t *testing.T) {
	for _, client := range ends {
		b := newBench(t, sink, websocket.ConnOptions{StallTimeout: 50 * time.Millisecond})
		e := b.open(client)
		frame := e.AppendFrame(nil, true, 2, make([]byte, 1000))
		e.SendBytes(frame[:20])
		e.ExpectClose(websocket.ClosePolicyViolation)
		e.ExpectEnd()
		e.expectErr(t, websocket.ClosePolicyViolation, false)
	}
}
