package server

import (
	"context"
	"runtime/debug"
	"time"
)

const (
	trimEvery = 5 * time.Second
	trimFrom  = 1000 // sessions
)

// trim gives memory back to the system when many sessions have come or gone and
// it is quiet again: what their openings took is a multiple of what they keep,
// and the runtime alone would hold on to it for a long time.
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

// keepTrim looks at the number of sessions until ctx ends.
func (s *Server) keepTrim(ctx context.Context) {
	t := &trim{free: debug.FreeOSMemory}
	every := time.NewTicker(trimEvery)
	defer every.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-every.C:
			t.look(s.hub.Len())
		}
	}
}
