package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// behaviour is one way in which a peer behaves, from its connection to its end. It
// returns what the server did wrong.
type behaviour struct {
	name   string
	weight int
	only   string // the kind of server that it is for; empty: any
	play   func(ctx context.Context, t *target, rng *rand.Rand) error
}

// crowd is peers that behave at random, a number of them at a time.
type crowd struct {
	t      *target
	seed   uint64
	places int
	list   []*behaviour
	tally  *tally
	number atomic.Uint64 // of the peer that came last
}

// newCrowd returns the peers for a server, of all behaviours or of those named.
func newCrowd(t *target, seed uint64, places int, names map[string]bool) (*crowd, error) {
	c := &crowd{t: t, seed: seed, places: places, tally: newTally()}
	for _, b := range behaviours() {
		if b.only != "" && b.only != t.kind || len(names) > 0 && !names[b.name] {
			continue
		}
		c.list = append(c.list, b)
	}
	if len(c.list) == 0 {
		return nil, fmt.Errorf("no behaviour has one of these names for the server %q", t.kind)
	}
	return c, nil
}

// choose picks a behaviour by its weight.
func choose(list []*behaviour, rng *rand.Rand) *behaviour {
	all := 0
	for _, b := range list {
		all += b.weight
	}
	n := rng.IntN(all)
	for _, b := range list {
		if n -= b.weight; n < 0 {
			return b
		}
	}
	return list[len(list)-1]
}

// run has peers come and go for as long as d, and returns when all have gone.
func (c *crowd) run(ctx context.Context, d time.Duration) {
	// Without a deadline: what is under way would fail at it before anybody can see
	// that the end has come.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer time.AfterFunc(d, cancel).Stop()
	var all sync.WaitGroup
	for range c.places {
		all.Go(func() {
			for ctx.Err() == nil {
				c.one(ctx)
			}
		})
	}
	if c.t.kind == kindServe {
		for i := range c.t.ledgers {
			all.Go(func() { c.t.publish(ctx, &c.t.ledgers[i], rand.New(rand.NewPCG(c.seed, uint64(i)<<32)), c.tally) })
		}
		all.Go(func() { c.t.flood(ctx, c.tally) })
	}
	all.Wait()
	if c.t.api != nil {
		c.t.api.CloseIdleConnections()
	}
}

// one is a peer from its coming to its going.
func (c *crowd) one(ctx context.Context) {
	n := c.number.Add(1)
	rng := rand.New(rand.NewPCG(c.seed, n))
	pause(ctx, time.Duration(rng.IntN(2000))*time.Millisecond)
	if ctx.Err() != nil {
		return
	}
	b := choose(c.list, rng)
	c.tally.begin(b.name)
	err := b.play(ctx, c.t, rng)
	if ctx.Err() != nil {
		err = nil // the end of the run ended it, not the server
	}
	c.tally.finish(b.name, n, err)
}
