package server

import (
	"context"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	memoryEvery = time.Second

	trimFrom = 1000 // sessions

	garbageRoom    = 32 << 20 // octets that may be garbage before it is collected,
	maxGCPercent   = 200      // but not more than this much of what is in use,
	plainGCPercent = 100      // and not less than this much: the runtime's default
)

// TuneMemory looks after the memory of the process until ctx ends. It is for a
// process that does little else than serve, as it changes settings of the whole.
//
// Garbage is collected seldom while the heap is small: what a session's opening
// leaves behind is a multiple of what a session keeps, and collecting it time and
// again would be a good part of what an opening costs. GOGC, if set, is left alone.
// When many sessions have come or gone and it is quiet again, memory is given back
// to the system, which the runtime would do much later.
func (s *Server) TuneMemory(ctx context.Context) {
	t := &trim{free: debug.FreeOSMemory}
	pace := os.Getenv("GOGC") == ""
	percent := maxGCPercent
	if pace {
		defer debug.SetGCPercent(debug.SetGCPercent(percent))
	}
	every := time.NewTicker(memoryEvery)
	defer every.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-every.C:
		}
		t.look(s.hub.Len())
		if now := gcPercent(liveHeap()); pace && now != percent {
			percent = now
			debug.SetGCPercent(percent)
		}
	}
}

// gcPercent returns how much garbage there may be, in percent of the octets that
// are in use.
func gcPercent(live uint64) int {
	return int(max(plainGCPercent, min(maxGCPercent, garbageRoom*100/max(live, 1))))
}

// liveHeap returns how many octets the last collection found in use.
func liveHeap() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	if sample[0].Value.Kind() != metrics.KindUint64 {
		return 0
	}
	return sample[0].Value.Uint64()
}

// trim gives memory back when many sessions have come or gone and it is quiet
// again.
type trim struct {
	free     func()
	trimmed  int // sessions when memory was last given back
	sessions int // at the last look
}

// look is called from time to time with the number of sessions.
func (t *trim) look(sessions int) {
	moved := max(sessions-t.sessions, t.sessions-sessions)
	t.sessions = sessions
	if changed := max(sessions-t.trimmed, t.trimmed-sessions); changed >= trimFrom && changed >= t.trimmed/10 && moved <= sessions/100 {
		t.trimmed = sessions
		t.free()
	}
}
