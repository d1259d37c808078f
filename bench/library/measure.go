package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/openline/openline/bench/internal/load"
	"github.com/openline/openline/bench/internal/proc"
	"github.com/openline/openline/bench/internal/stat"
)

// sample is what one measurement found. Zero stands for one that failed.
type sample struct {
	cost   float64 // in the scenario's unit
	rate   float64 // messages, handshakes or deliveries a second
	allocs float64 // allocations a message, -1 where they are not known
	wire   float64 // octets a message that came over the wire
}

// workshop is where the servers come from.
type workshop struct {
	self string // this program
	c    string // the echo in C, "" where it could not be built
	errC error
}

func newWorkshop(dir string) (*workshop, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	w := &workshop{self: self}
	w.c, w.errC = buildC(dir)
	return w, nil
}

func (w *workshop) start(name string, s *scenario) (*proc.Server, error) {
	if name == rawC {
		if w.c == "" {
			return nil, w.errC
		}
		return proc.Start(w.c)
	}
	as := "echo"
	switch {
	case s.deflate:
		as = "deflate"
	case s.kind == broadcasts:
		as = "broadcast"
	case s.kind == idle:
		as = "idle"
	}
	return proc.Start(w.self, "serve", name, as)
}

// measure runs one server under one load for as long as d, after a quarter of that to
// warm up.
func (w *workshop) measure(name string, s *scenario, d time.Duration) (sample, error) {
	srv, err := w.start(name, s)
	if err != nil {
		return sample{}, err
	}
	defer srv.Stop()
	target := load.Target{Address: srv.Address, Raw: isRaw(name), Deflate: s.deflate, Browser: s.browser}
	if s.kind == handshakes {
		return spent(srv, d, func(d time.Duration) (int, error) { return load.Handshakes(target, d) })
	}
	f, err := load.NewFleet(target, load.Pattern{Size: s.size, Outstanding: s.outstanding})
	if err != nil {
		return sample{}, err
	}
	defer f.Close()
	switch s.kind {
	case idle:
		return kept(srv, f)
	case broadcasts:
		if err := f.Grow(s.connections); err != nil {
			return sample{}, err
		}
		order := "broadcast " + strconv.Itoa(s.size)
		return spent(srv, d, func(d time.Duration) (int, error) {
			return f.Broadcast(func() error { return srv.Order(order) }, d)
		})
	}
	if err := f.Grow(s.connections); err != nil {
		return sample{}, err
	}
	if err := f.Begin(); err != nil {
		return sample{}, err
	}
	if name == rawC {
		return spent(srv, d, f.Run)
	}
	return allocated(srv, f, d)
}

// spent is the CPU time of a server for each of what run counts. In microseconds, so
// it is also milliseconds for a thousand and seconds for a million.
func spent(srv *proc.Server, d time.Duration, run func(time.Duration) (int, error)) (sample, error) {
	if _, err := run(max(d/4, 100*time.Millisecond)); err != nil {
		return sample{}, err
	}
	before, err := srv.CPU()
	if err != nil {
		return sample{}, err
	}
	start := time.Now()
	n, err := run(d)
	if err != nil {
		return sample{}, err
	}
	took := time.Since(start)
	after, err := srv.CPU()
	if err != nil {
		return sample{}, err
	}
	if n == 0 {
		return sample{}, errors.New("nothing was done")
	}
	return sample{cost: (after - before).Seconds() * 1e6 / float64(n), rate: float64(n) / took.Seconds(), allocs: -1}, nil
}

// allocated is spent with what a Go server allocates and what comes over the wire.
func allocated(srv *proc.Server, f *load.Fleet, d time.Duration) (sample, error) {
	mallocs := func() (float64, error) {
		answer, err := srv.Ask("mallocs")
		if err != nil {
			return 0, err
		}
		return strconv.ParseFloat(answer, 64)
	}
	var before float64
	var wire int64
	total, runs := 0, 0
	found, err := spent(srv, d, func(d time.Duration) (int, error) {
		if runs++; runs == 2 { // the first is to warm up
			var err error
			if before, err = mallocs(); err != nil {
				return 0, err
			}
			wire = f.Received()
		}
		n, err := f.Run(d)
		total = n
		return n, err
	})
	if err != nil {
		return sample{}, err
	}
	found.wire = float64(f.Received()-wire) / float64(total)
	after, err := mallocs()
	found.allocs = (after - before) / float64(total)
	return found, err
}

// kept is the memory of an idle connection: how much more is resident with many than
// with few, when each has had one message echoed and the server has freed what it
// can.
func kept(srv *proc.Server, f *load.Fleet) (sample, error) {
	var resident [2]float64
	for i, n := range []int{idleFew, idleMany} {
		had := f.Len()
		if err := f.Grow(n); err != nil {
			return sample{}, fmt.Errorf("with %d connections: %w", f.Len(), err)
		}
		if err := f.Exchange(had); err != nil {
			return sample{}, err
		}
		if answer, err := srv.Ask("free"); err != nil || answer != "ok" {
			return sample{}, fmt.Errorf("the server did not free its memory: %q, %w", answer, err)
		}
		m, err := proc.Resident(srv.Pid)
		if err != nil {
			return sample{}, err
		}
		resident[i] = float64(m.RSS)
	}
	return sample{cost: stat.Slope(idleFew, resident[0], idleMany, resident[1]), allocs: -1}, nil
}
