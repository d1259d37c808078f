package conformance

import (
	"bytes"
	"sync"
	"time"
)

// What a Result keeps of an exchange.
const (
	keptOctets = 512
	keptEvents = 200
)

// recorder notes what goes over the wire. It may be used from any goroutine.
type recorder struct {
	started time.Time
	mu      sync.Mutex
	events  []Event
	more    int // events that were not kept
}

func (r *recorder) add(e Event) {
	e.At = time.Since(r.started)
	e.Total = len(e.Octets)
	e.Octets = bytes.Clone(e.Octets[:min(len(e.Octets), keptOctets)])
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.events) >= keptEvents {
		r.more++
		return
	}
	r.events = append(r.events, e)
}

// list returns what was noted.
func (r *recorder) list() []Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := r.events[:len(r.events):len(r.events)]
	if r.more > 0 {
		list = append(list, Event{At: time.Since(r.started), Kind: Note, What: "and " + count(r.more, "event") + " more"})
	}
	return list
}
