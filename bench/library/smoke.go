package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/openline/openline/bench/internal/bar"
	"github.com/openline/openline/bench/internal/stat"
)

// promise is what this project says of itself in a scenario.
type promise struct {
	scenario string
	what     string
	ours     string
	against  []string // the best of them is the peer
	atMost   float64  // our cost by the peer's
	atLeast  float64  // or the peer's cost by ours
}

// Those a promise is held against.
var (
	goPeers        = []string{"gorilla", "gws", "coder", "gobwas", "nbio"}
	goroutinePeers = []string{"gorilla", "gws", "coder", "gobwas"}
)

var promises = func() (list []promise) {
	for _, s := range []string{"1000x32", "1000x1K", "10000x32", "100x16K"} {
		list = append(list,
			promise{scenario: s, what: "echo " + s + ", Loop, CPU a message, to gws and gorilla", ours: ourLoop, against: []string{"gws", "gorilla"}, atMost: 0.7},
			promise{scenario: s, what: "echo " + s + ", Loop, to nbio", ours: ourLoop, against: []string{"nbio"}, atMost: 0.85},
			promise{scenario: s, what: "echo " + s + ", Loop, to raw TCP in C", ours: ourLoop, against: []string{rawC}, atMost: 1.15},
			promise{scenario: s, what: "echo " + s + ", blocking, to the best with a goroutine each", ours: ourBlocking, against: goroutinePeers, atMost: 1})
	}
	return append(list,
		promise{scenario: "pipelined", what: "64 outstanding, Loop, messages by CPU, to the best Go peer", ours: ourLoop, against: goPeers, atLeast: 8},
		promise{scenario: "pipelined", what: "64 outstanding, Loop, to raw TCP in C", ours: ourLoop, against: []string{rawC}, atLeast: 0.65},
		promise{scenario: "pipelined", what: "64 outstanding, blocking, to the best with a goroutine each", ours: ourBlocking, against: goroutinePeers, atLeast: 5},
		promise{scenario: "1M", what: "echo 1 MiB, Loop, CPU a message, to the best Go peer", ours: ourLoop, against: goPeers, atMost: 0.9},
		promise{scenario: "handshakes", what: "handshakes as of a browser, CPU, to gobwas without net/http", ours: ourLoop, against: []string{"gobwas"}, atMost: 1},
		promise{scenario: "handshakes-minimal", what: "handshakes, the shortest, CPU, to gobwas without net/http", ours: ourLoop, against: []string{"gobwas"}, atMost: 1},
		promise{scenario: "broadcast", what: "broadcast to 10,000, Loop, CPU a delivery, to the best Go peer", ours: ourLoop, against: goPeers, atMost: 0.8})
}()

// bound is a promise that is a figure by itself.
type bound struct {
	scenario string
	what     string
	ours     string
	unit     string
	most     float64
	figure   func(sample) float64
}

var bounds = []bound{
	{"idle", "idle connection, Loop, resident octets", ourLoop, " B", 400, func(s sample) float64 { return s.cost }},
	{"idle", "idle connection, blocking, resident octets", ourBlocking, " B", 4.5 * 1024, func(s sample) float64 { return s.cost }},
	{"pipelined", "64 B, Loop, allocations a message", ourLoop, "", 0, allocationsOf},
	{"pipelined", "64 B, blocking, allocations a message", ourBlocking, "", 0, allocationsOf},
}

// allocationsOf are a message's allocations. What the runtime allocates for itself
// now and then is no message's.
func allocationsOf(s sample) float64 {
	if s.allocs < 0.001 {
		return 0
	}
	return s.allocs
}

// brief is how long a scenario is measured in a smoke run.
type brief struct {
	scenario string
	rounds   int
	time     time.Duration
	without  string // a peer that is far from the best here, and takes long
}

var briefs = []brief{
	{"1000x32", 3, 300 * time.Millisecond, "coder"},
	{"1000x1K", 3, 300 * time.Millisecond, "coder"},
	{"10000x32", 2, 500 * time.Millisecond, "coder"},
	{"100x16K", 3, 300 * time.Millisecond, "coder"},
	{"pipelined", 3, 300 * time.Millisecond, ""},
	{"1M", 3, 400 * time.Millisecond, ""},
	{"handshakes", 3, 500 * time.Millisecond, ""},
	{"handshakes-minimal", 3, 500 * time.Millisecond, ""},
	{"broadcast", 2, 500 * time.Millisecond, "coder"},
	{"idle", 1, 0, ""},
}

// smoke measures what is promised and prints a line for each promise.
func (w *workshop) smoke(ctx context.Context) error {
	for _, b := range briefs {
		list, err := pickScenarios(b.scenario)
		if err != nil {
			return err
		}
		start := time.Now()
		names := slices.DeleteFunc(needed(b.scenario), func(name string) bool { return name == b.without })
		r, err := w.compare(ctx, list[0], names, b.rounds, b.time)
		if err != nil {
			return err
		}
		fmt.Fprintf(os.Stderr, "%s measured in %.0f s\n", b.scenario, time.Since(start).Seconds())
		for _, p := range promises {
			if p.scenario == b.scenario {
				p.line(r).Write(os.Stdout)
			}
		}
		for _, p := range bounds {
			if p.scenario == b.scenario {
				p.line(r).Write(os.Stdout)
			}
		}
	}
	return nil
}

// needed are the servers that the promises of a scenario speak of.
func needed(scenario string) (list []string) {
	for _, p := range promises {
		if p.scenario == scenario {
			list = append(append(list, p.ours), p.against...)
		}
	}
	for _, b := range bounds {
		if b.scenario == scenario {
			list = append(list, b.ours)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// line judges the promise.
func (p *promise) line(r *result) bar.Line {
	ours := r.cost(p.ours)
	if ours == 0 {
		return bar.Fail(p.what, fmt.Sprint("not measured: ", r.missing[p.ours]))
	}
	best, name := 0.0, ""
	for _, peer := range p.against {
		if ratio := stat.Ratio(r.costs(p.ours), r.costs(peer)); ratio > best {
			best, name = ratio, peer
		}
	}
	if name == "" {
		return bar.Skip(p.what, fmt.Sprintf("%s was not measured: %v", p.against[0], r.missing[p.against[0]]))
	}
	figure := func(name string) string { return digits(r.cost(name)) + " µs" }
	if p.atLeast > 0 {
		return bar.AtLeast(p.what, figure(p.ours), figure(name)+" "+name, 1/best, p.atLeast)
	}
	return bar.AtMost(p.what, figure(p.ours), figure(name)+" "+name, best, p.atMost)
}

// line judges the bound.
func (b *bound) line(r *result) bar.Line {
	if r.cost(b.ours) == 0 {
		return bar.Fail(b.what, fmt.Sprint("not measured: ", r.missing[b.ours]))
	}
	ours := r.of(b.ours, b.figure)
	l := bar.Line{Result: "fail", What: b.what, Ours: digits(ours) + b.unit, Bar: "≤ " + digits(b.most) + b.unit}
	if ours <= b.most {
		l.Result = "pass"
	}
	return l
}
