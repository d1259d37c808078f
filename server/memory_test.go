package server

import (
	"runtime"
	"testing"
)

func TestTrim(t *testing.T) {
	freed := 0
	tr := &trim{free: func() { freed++ }}
	for i, step := range []struct{ sessions, freed int }{
		{0, 0}, {500, 0}, {500, 0}, // few
		{5000, 0}, {9000, 0}, {9010, 1}, {9010, 1}, // not while they come, and once
		{9700, 1}, {9700, 1}, // not much of a change
		{100, 1}, {0, 1}, {0, 2}, // they have gone
	} {
		if tr.look(step.sessions); freed != step.freed {
			t.Errorf("step %d: freed %d times, not %d", i, freed, step.freed)
		}
	}
}

func TestGCPercent(t *testing.T) {
	for live, want := range map[uint64]int{0: 200, 1 << 20: 200, 16 << 20: 200, 20 << 20: 160, 32 << 20: 100, 1 << 30: 100} {
		if got := gcPercent(live); got != want {
			t.Errorf("%d octets: %d, want %d", live, got, want)
		}
	}
	runtime.GC()
	if n := liveHeap(); n == 0 || n > 1<<30 {
		t.Errorf("%d octets are in use", n)
	}
}
