package load

import (
	"net/http"
	"testing"
	"time"
)

// missed is a server that has what a session missed follow the handshake.
func missed(numbers map[int][]uint32, run uint32) *fake {
	return &fake{refuse: -1, handshake: func(session int, w http.ResponseWriter) bool {
		nc, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			panic(err)
		}
		out := []byte("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n\x81\x02{}")
		frame := func(b []byte) { out = append(append(out, 0x81, byte(len(b))), b...) }
		for _, n := range numbers[session] {
			if n == 99 {
				frame([]byte(`{"type":"sys:gap"}`))
				continue
			}
			frame(stamp{run: run, number: n}.body(60))
		}
		if session == 4 {
			out = append(out, 0x88, 2, 0x0f, 0xa8) // 4008
		}
		_, _ = nc.Write(out)
		go func() { // until the fleet goes
			_, _ = nc.Read(make([]byte, 1))
			_ = nc.Close()
		}()
		return true
	}}
}

func TestResumeIsReckoned(t *testing.T) {
	both(t, func(t *testing.T, overTLS bool) {
		f := meet(t, missed(map[int][]uint32{
			0: {0, 1, 2},
			1: {0, 2, 1},       // out of order
			2: {0, 1, 1, 2},    // one twice
			3: {99, 2},         // what is gone is said
			4: {0},             // cut
			5: {0, 1, 2, 3, 4}, // later ones are not asked for
		}, 7), overTLS)
		r, err := f.Resume(t.Context(), 6, &ResumePlan{Run: 7, Messages: 3, Settle: 100 * time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		if r.Whole != 2 || r.Deliveries != 15 || r.Lost != 2 || r.Duplicates != 1 || r.Disordered != 1 || r.Gaps != 1 || r.Cut["closed with 4008 "] != 1 || r.Wait.Count() != 4 {
			t.Errorf("%d whole, %d delivered, %d lost, %d twice, %d out of order, %d gaps, cut %v, %d waited", r.Whole, r.Deliveries, r.Lost, r.Duplicates, r.Disordered, r.Gaps, r.Cut, r.Wait.Count())
		}
	})
}

func TestPhases(t *testing.T) {
	f := meet(t, &fake{refuse: -1}, false)
	open(t, f, 4)
	n := 0
	r, err := f.Publish(t.Context(), &Plan{Rate: 1000, Messages: 10, Time: guard, Phase: func() int { n++; return n / 7 }})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Phases) != 2 || r.Phases[0].Late.Count() != 6 || r.Phases[1].Late.Count() != 4 || r.Phases[0].Latency.Count() != 24 || r.Phases[1].Latency.Count() != 16 {
		t.Errorf("%d parts, %+v", len(r.Phases), r)
	}
}
