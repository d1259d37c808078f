package websocket

import (
	"math/rand/v2"
	"testing"
	"time"
)

// TestWheelNext: the wheel names the time at which the first of its connections is
// due, or one before it.
func TestWheelNext(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		w := &wheel{start: time.Now().Add(-time.Duration(random.Uint32()) * tickTime)}
		w.now = w.tick(time.Now())
		if !w.next().IsZero() {
			t.Fatal("an empty wheel names a time")
		}
		var conns []*LoopConn
		first := time.Duration(wheelSlots)
		for range 1 + random.IntN(5) {
			c := &LoopConn{}
			in := uint32(1 + random.IntN(wheelSlots))
			w.put(c, max(w.now+in, 1))
			first = min(first, time.Duration(in))
			conns = append(conns, c)
		}
		if d := time.Until(w.next()); d > (first+2)*tickTime || d < (first-2)*tickTime-time.Minute {
			t.Fatalf("%v, want %v", d, first*tickTime)
		}
		for _, c := range conns {
			w.remove(c)
		}
		if !w.next().IsZero() {
			t.Fatal("an empty wheel names a time")
		}
	}
}
