package conformance

import (
	"bytes"
	"slices"
	"strings"
	"sync"
	"time"
)

// What a Result keeps of an exchange: the first events and the last ones.
const (
	keptOctets = 512
	keptWords  = 512 // octets of an event's words
	keptFirst  = 100
	keptLast   = 100
)

// recorder notes what goes over the wire. It may be used from any goroutine.
type recorder struct {
	started time.Time
	mu      sync.Mutex
	events  []Event
	last    []Event // a ring; the oldest is at more % keptLast
	more    int     // events behind the first ones
}

func (r *recorder) add(e Event) {
	e.At = time.Since(r.started)
	e.Total = len(e.Octets)
	e.Octets = bytes.Clone(e.Octets[:min(len(e.Octets), keptOctets)])
	if more := len(e.What) - keptWords; more > 0 { // a request line can have a megabyte
		e.What = strings.ToValidUTF8(e.What[:keptWords], "") + " ... and " + count(more, "octet") + " more"
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case len(r.events) < keptFirst:
		r.events = append(r.events, e)
		return
	case len(r.last) < keptLast:
		r.last = append(r.last, e)
	default:
		r.last[r.more%keptLast] = e
	}
	r.more++
}

// list returns what was noted.
func (r *recorder) list() []Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.more <= keptLast {
		return endsLast(slices.Concat(r.events, r.last))
	}
	at := r.more % keptLast
	left := Event{At: r.last[at].At, Kind: Note, What: count(r.more-keptLast, "event") + " left out here"}
	return endsLast(slices.Concat(r.events, []Event{left}, r.last[at:], r.last[:at]))
}

// endsLast puts the end of what a connection brought behind all that it brought:
// octets are noted when a step looks at them, their end when it comes.
func endsLast(events []Event) []Event {
	for i, e := range slices.Backward(events) {
		if e.Sent || e.Kind != EndOfWrite && e.Kind != Reset {
			continue
		}
		last := i
		for j := i + 1; j < len(events); j++ {
			if o := &events[j]; o.Kind == Octets && !o.Sent && o.Conn == e.Conn {
				last = j
			}
		}
		e.At = max(e.At, events[last].At)
		copy(events[i:last], events[i+1:last+1])
		events[last] = e
	}
	return events
}
