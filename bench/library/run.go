package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/openline/openline/bench/internal/stat"
)

// result is what was measured in one scenario, a sample for each round.
type result struct {
	scenario *scenario
	servers  []string
	samples  map[string][]sample
	beside   []float64 // what the calibration cost in each round
	missing  map[string]error
}

// costs are those of a server, round by round, 0 for one that failed.
func (r *result) costs(name string) (list []float64) {
	for _, s := range r.samples[name] {
		list = append(list, s.cost)
	}
	return list
}

// cost is the median of a server's, 0 if it was not measured.
func (r *result) cost(name string) float64 { return stat.Median(stat.Measured(r.costs(name))) }

// of is the median of something else that was measured of a server.
func (r *result) of(name string, f func(sample) float64) float64 {
	var list []float64
	for _, s := range r.samples[name] {
		if s.cost > 0 {
			list = append(list, f(s))
		}
	}
	return stat.Median(list)
}

// calibration is the load that is measured beside each round: a raw echo. What it
// costs tells how fast the machine was just then.
var calibration = &scenario{name: "calibration", connections: 1000, size: 32, outstanding: 1}

const calibrationTime = 250 * time.Millisecond

// calibrate measures the raw echo, in C if there is a compiler.
func (w *workshop) calibrate() (float64, error) {
	name := rawC
	if w.c == "" {
		name = rawGo
	}
	s, err := w.measure(name, calibration, calibrationTime)
	return s.cost, err
}

// compare measures the servers in a scenario: they take turns, and each round begins
// with another one.
func (w *workshop) compare(ctx context.Context, s *scenario, servers []string, rounds int, d time.Duration) (*result, error) {
	r := &result{scenario: s, samples: map[string][]sample{}, missing: map[string]error{}}
	for i := range peers {
		if p := &peers[i]; slices.Contains(servers, p.name) && s.fits(p) {
			r.servers = append(r.servers, p.name)
		}
	}
	for round := range rounds {
		cost, err := w.calibrate()
		if err != nil {
			return r, fmt.Errorf("calibration: %w", err)
		}
		r.beside = append(r.beside, cost)
		for i := range r.servers {
			if err := ctx.Err(); err != nil {
				return r, fmt.Errorf("stopped: %w", err)
			}
			name := r.servers[(i+round)%len(r.servers)]
			if name == rawC && w.c == "" {
				r.missing[name] = w.errC
				continue
			}
			found, err := w.measure(name, s, d)
			if err != nil {
				fmt.Fprintf(os.Stderr, "%s, %s: %v\n", s.name, name, err)
				r.missing[name] = err
			}
			r.samples[name] = append(r.samples[name], found)
		}
	}
	return r, nil
}
