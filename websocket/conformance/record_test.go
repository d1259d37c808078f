package conformance

import (
	"strings"
	"testing"
	"time"
)

// What is kept of an exchange does not grow with what was sent.
func TestRecorderKeepsLittle(t *testing.T) {
	r := &recorder{started: time.Now()}
	r.add(Event{Kind: Octets, Octets: make([]byte, 1<<20), What: strings.Repeat("é", 1<<19)})
	for range 1000 {
		r.add(Event{Kind: Note})
	}
	list := r.list()
	first := list[0]
	if len(first.Octets) != keptOctets || first.Total != 1<<20 {
		t.Errorf("%d of %d octets", len(first.Octets), first.Total)
	}
	if want := strings.Repeat("é", keptWords/2) + " ... and 1048064 octets more"; first.What != want {
		t.Errorf("the words are %q", first.What)
	}
	if len(list) > 201 {
		t.Errorf("%d events", len(list))
	}
}
