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

// A peer that closes at once is not shown to have closed before it spoke.
func TestRecorderEndsLast(t *testing.T) {
	events := endsLast([]Event{
		{At: 1, Kind: Opened},
		{At: 2, Kind: EndOfWrite, What: "first"},
		{At: 3, Sent: true, Kind: EndOfWrite, What: "own"},
		{At: 4, Kind: Octets},
		{At: 5, Conn: 1, Kind: Octets},
		{At: 6, Conn: 1, Kind: Reset, What: "second"},
		{At: 7, Kind: Note},
	})
	var got []string
	for i, e := range events {
		if i > 0 && e.At < events[i-1].At {
			t.Errorf("event %d is before the one in front of it", i)
		}
		got = append(got, e.Kind.String()+" "+e.What)
	}
	if want := "opened |end own|octets |end first|octets |reset second|note "; strings.Join(got, "|") != want {
		t.Errorf("got %s, want %s", strings.Join(got, "|"), want)
	}
}
