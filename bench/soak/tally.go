package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"text/tabwriter"
)

// tally counts who came and what went wrong.
type tally struct {
	mu     sync.Mutex // guards the following
	began  map[string]int
	missed map[string]int
	events map[string]int
	first  []string // the first misses
	live   int
	peak   int
}

// mostMisses is how many misses of a kind are printed; the others are counted.
const mostMisses = 8

func newTally() *tally {
	return &tally{began: map[string]int{}, missed: map[string]int{}, events: map[string]int{}}
}

func (t *tally) begin(name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.began[name]++
	t.live++
	t.peak = max(t.peak, t.live)
}

// finish is told of the end of a peer; an error is a miss.
func (t *tally) finish(name string, number uint64, err error) {
	t.mu.Lock()
	t.live--
	t.mu.Unlock()
	if err != nil {
		t.miss(name, fmt.Errorf("peer %d: %w", number, err))
	}
}

// miss is something that the server did wrong.
func (t *tally) miss(name string, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.missed[name]++
	if t.missed[name] <= mostMisses {
		t.first = append(t.first, fmt.Sprintf("%s: %v", name, err))
	}
}

// count counts something that is worth knowing.
func (t *tally) count(event string, n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.events[event] += n
}

// misses returns how many there were.
func (t *tally) misses() (n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, m := range t.missed {
		n += m
	}
	return n
}

// print writes the report.
func (t *tally) print(w io.Writer) {
	t.mu.Lock()
	defer t.mu.Unlock()
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(tw, "behaviour\tpeers\tmisses\n")
	names := maps.Clone(t.began)
	maps.Copy(names, t.missed) // for those that only missed
	for _, name := range slices.Sorted(maps.Keys(names)) {
		fmt.Fprintf(tw, "%s\t%d\t%d\n", name, t.began[name], t.missed[name])
	}
	for _, name := range slices.Sorted(maps.Keys(t.events)) {
		fmt.Fprintf(tw, "%s\t%d\t\n", name, t.events[name])
	}
	fmt.Fprintf(tw, "most peers at a time\t%d\t\n", t.peak)
	_ = tw.Flush()
	for _, m := range t.first {
		fmt.Fprintf(w, "miss: %s\n", m)
	}
}
