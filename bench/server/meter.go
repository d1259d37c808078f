package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/openline/openline/internal/load"
)

// meter measures rows.
type meter struct {
	rounds int
	time   time.Duration // of publishing
	settle time.Duration // the longest wait for memory to be given back
	brief  bool          // only what is promised is measured, and once what takes long
}

// row is something that is measured.
type row struct {
	name     string
	what     string
	figures  []figure // the first is what servers are compared by
	peers    []string // those that take part; nil: all
	variants []string // ways in which each is measured; nil: one
	once     bool     // is measured once where it has to be brief
	measure  func(ctx context.Context, m *meter, p *peer, variant string) ([]float64, error)
	// promises are what the project's own figures are held to.
	promises []promise
}

// figure is a column of a row.
type figure struct {
	name   string
	digits int // behind the point
}

// entrant is a server in one of the row's variants.
type entrant struct {
	peer    *peer
	variant string
}

func (e entrant) name() string {
	if e.variant == "" {
		return e.peer.name
	}
	return e.peer.name + ", " + e.variant
}

// entrants are those of a row among the servers that are there; for a brief
// measurement those that a promise is about.
func (r *row) entrants(list []*peer, brief bool) (all []entrant) {
	variants := r.variants
	if variants == nil {
		variants = []string{""}
	}
	for _, p := range list {
		if r.peers != nil && !slices.Contains(r.peers, p.name) {
			continue
		}
		promised := slices.ContainsFunc(r.promises, func(held promise) bool { return held.peer == p.name })
		if brief && p.name != openline && !promised {
			continue
		}
		for _, v := range variants {
			all = append(all, entrant{p, v})
		}
	}
	return all
}

// measure measures a row in rounds, in which each server is first in turn. One that
// fails in a round has zeros there, and the error is returned with the others'
// figures.
func (m *meter) measure(ctx context.Context, r *row, list []*peer) (*table, error) {
	t := &table{row: r, values: make(map[string][][]float64), failed: make(map[string]error)}
	all := r.entrants(list, m.brief)
	rounds := m.rounds
	if r.once && m.brief {
		rounds = 1
	}
	var failed []error
	for round := range rounds {
		for i := range all {
			e := all[(i+round)%len(all)]
			if m.brief && e.peer.slow && round > 0 {
				continue
			}
			values, err := r.measure(ctx, m, e.peer, e.variant)
			if ctx.Err() != nil {
				return t, ctx.Err()
			}
			if err != nil {
				failed = append(failed, fmt.Errorf("%s, %s: %w", r.name, e.name(), err))
				t.failed[e.peer.name] = err
				values = make([]float64, len(r.figures))
			}
			t.add(e.name(), values)
		}
	}
	return t, errors.Join(failed...)
}

// with starts a server, opens sessions and calls f.
func (p *peer) with(ctx context.Context, s scene, sessions int, f func(*server, *load.Fleet) error) error {
	srv, err := p.start(ctx)
	if err != nil {
		return err
	}
	defer srv.stop()
	fleet, err := load.New(&load.Options{Addr: srv.addr, Dialect: p.dialect(srv.addr.String(), s)})
	if err != nil {
		return err
	}
	defer fleet.Close()
	if err := all(fleet.Open(ctx, sessions, nil)); err != nil {
		return err
	}
	return f(srv, fleet)
}

// all says that every session is there.
func all(o *load.Opened, err error) error {
	if err == nil && len(o.Refused) > 0 {
		err = fmt.Errorf("%d sessions are ready, the others not: %v", o.Ready, o.Refused)
	}
	return err
}
