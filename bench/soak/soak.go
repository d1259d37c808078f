package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/openline/openline/bench/internal/proc"
)

const (
	quietTime = 15 * time.Second // in which a server gives back what it can
	goneTime  = 60 * time.Second // in which everything that ended has gone
	warmUp    = time.Minute      // no longer than a quarter of the whole
	staying   = 50               // listeners that are there when the server ends
)

// soak lets the peers loose, in a warm-up and then for the rest of the time, and
// checks what remains. Misses are in the tally; an error says that it cannot go on.
func (c *crowd) soak(ctx context.Context, o *options) error {
	t := c.t
	// What is made at the first use is there from here on.
	if err := closesProperly(ctx, t, rand.New(rand.NewPCG(c.seed, 0))); err != nil {
		return fmt.Errorf("before the beginning: %w", err)
	}
	first, err := c.rest(ctx, &state{descriptors: make([]string, 1000), goroutines: 1000})
	if err != nil {
		return fmt.Errorf("before the beginning: %w", err)
	}
	warm := min(warmUp, o.time/4)
	c.run(ctx, warm)
	before, err := c.rest(ctx, &first)
	if err != nil {
		return err
	}
	report(t.kind+", after the warm-up", before)
	c.run(ctx, o.time-warm)
	if ctx.Err() != nil {
		return errors.New("stopped")
	}
	after, err := c.rest(ctx, &first)
	if err != nil {
		return err
	}
	report(t.kind+", at the end", after)
	if !after.gone(&first) {
		c.tally.miss("at the end", fmt.Errorf("%d sessions, %d goroutines, descriptors: %s", after.sessions, after.goroutines, kinds(after.descriptors)))
	}
	if most := before.memory*13/10 + 8<<20; after.memory > most && !o.race {
		c.tally.miss("memory", fmt.Errorf("%d KiB at the end, %d KiB after the warm-up; at most %d are right (1.3 times and 8 MiB)", after.memory>>10, before.memory>>10, most>>10))
	}
	cpu, _ := proc.CPU(t.node.Pid)
	fmt.Printf("%s used %.1f s of processor time\n", t.kind, cpu.Seconds())
	if len(c.tally.first) > 0 {
		c.dump()
	}
	c.stop(ctx)
	lines, err := t.node.Complaints("panic", "data race", "fatal error", "level=error")
	if err != nil {
		return err
	}
	for _, line := range lines {
		c.tally.miss("log", errors.New(line))
	}
	return nil
}

func report(when string, s state) {
	fmt.Printf("%s: %d sessions, %d descriptors, %d KiB of memory, %d goroutines\n", when, s.sessions, len(s.descriptors), s.memory>>10, s.goroutines)
}

// rest waits until nothing of the peers is left, and then as long as the server needs
// to give memory back. What is left after goneTime is a miss; first is what there was
// at the beginning.
func (c *crowd) rest(ctx context.Context, first *state) (s state, err error) {
	for end := time.Now().Add(goneTime); ; {
		if s, err = c.t.look(); err != nil {
			return s, err
		}
		if s.gone(first) {
			break
		}
		if time.Now().After(end) {
			c.tally.miss("what remains", fmt.Errorf("%d sessions, %d goroutines instead of %d, %d descriptors instead of %d: %s",
				s.sessions, s.goroutines, first.goroutines, len(s.descriptors), len(first.descriptors), kinds(s.descriptors)))
			break
		}
		pause(ctx, time.Second)
		if ctx.Err() != nil {
			return s, errors.New("stopped")
		}
	}
	pause(ctx, quietTime)
	if c.t.kind == kindLoop {
		if _, err := c.t.node.Ask("free"); err != nil {
			return s, err
		}
	}
	return c.t.look()
}

// gone tells whether nothing is left beyond what there was at first.
func (s *state) gone(first *state) bool {
	return s.sessions == 0 && len(s.descriptors) <= len(first.descriptors) && s.goroutines <= first.goroutines
}

// kinds counts descriptors by what they are.
func kinds(list []string) string {
	count := map[string]int{}
	for _, d := range list {
		count[d]++
	}
	var b []string
	for d, n := range count {
		b = append(b, fmt.Sprintf("%d %s", n, d))
	}
	slices.Sort(b)
	return strings.Join(b, ", ")
}

// dump has a server of which something is wrong write its goroutines to its log, which
// ends it.
func (c *crowd) dump() {
	s, err := c.t.look()
	if err == nil && (s.sessions > 0 || s.goroutines > 100) {
		_ = c.t.node.Signal(syscall.SIGQUIT)
		_ = c.t.node.Wait(patience)
	}
}

// stop ends the server while there are sessions, some of which do not read, and
// checks that these are told and that the process ends in time.
func (c *crowd) stop(ctx context.Context) {
	t := c.t
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	rng := rand.New(rand.NewPCG(c.seed, 0))
	var all sync.WaitGroup
	for i := range staying {
		path, _ := t.place(rng, false)
		l, err := t.open(ctx, rand.New(rand.NewPCG(c.seed, uint64(i))), path, nil)
		if err != nil {
			c.tally.miss("before the stop", err)
			return
		}
		if i%10 == 0 { // it reads nothing
			defer l.end()
			continue
		}
		if err := l.exchange(); err != nil {
			c.tally.miss("before the stop", err)
		}
		all.Go(func() {
			defer l.end()
			code, err := l.expectClose(drainTime + patience)
			if err == nil && code != 1001 {
				err = fmt.Errorf("the code is %d", code)
			}
			if err != nil {
				c.tally.miss("stop", fmt.Errorf("a session was not closed with 1001: %w", err))
				return
			}
			_ = l.write(appendFrame(nil, fin|opClose, closePayload(code, ""), l.key()))
		})
	}
	began := time.Now()
	if err := t.node.Signal(syscall.SIGTERM); err != nil {
		c.tally.miss("stop", err)
	}
	err := t.node.Wait(drainTime + 2*time.Second)
	if err != nil {
		c.tally.miss("stop", fmt.Errorf("after %v: %w", time.Since(began).Round(time.Millisecond), err))
	}
	fmt.Printf("%s ended %v after SIGTERM, with %d sessions\n", t.kind, time.Since(began).Round(10*time.Millisecond), staying)
	all.Wait()
}
