package main

import (
	"context"
	"errors"
	"time"
)

// benchFanoutCmd is openline bench fanout.
type benchFanoutCmd struct {
	benchFlags
	benchTraffic
}

// Run publishes to a channel and prints what came of it.
func (c *benchFanoutCmd) Run(ctx context.Context, s streams) error {
	return c.traffic(ctx, s, &c.benchTraffic, "fanout")
}

// benchUnicastCmd is openline bench unicast.
type benchUnicastCmd struct {
	benchFlags
	benchTraffic
}

// Run sends to users and prints what came of it.
func (c *benchUnicastCmd) Run(ctx context.Context, s streams) error {
	return c.traffic(ctx, s, &c.benchTraffic, "unicast")
}

func (f *benchFlags) traffic(ctx context.Context, s streams, t *benchTraffic, scenario string) error {
	if err := t.benchCheck(); err != nil {
		return err
	}
	b, err := f.begin(ctx, s, scenario, t.APIKey, t.Publishers)
	if err != nil {
		return err
	}
	defer b.close()
	if err := b.open(ctx, f.Sessions); err != nil {
		return err
	}
	if !b.report.Interrupted {
		if err := b.publish(ctx, t, scenario == "unicast"); err != nil {
			if d := b.report.Traffic; d != nil && d.Published > 0 {
				return errors.Join(err, b.end())
			}
			return err
		}
	}
	return b.end()
}

// benchConnectCmd is openline bench connect.
type benchConnectCmd struct {
	benchFlags
}

// Run opens sessions and prints how long that took.
func (c *benchConnectCmd) Run(ctx context.Context, s streams) error {
	b, err := c.begin(ctx, s, "connect", "", 0)
	if err != nil {
		return err
	}
	defer b.close()
	if err := b.open(ctx, c.Sessions); err != nil {
		return err
	}
	return b.end()
}

// benchIdleCmd is openline bench idle.
type benchIdleCmd struct {
	benchFlags
	From   int           `placeholder:"N" help:"Measure at that many sessions first: the cost of one is in the difference. Default: a quarter of --sessions."`
	Settle time.Duration `default:"30s" placeholder:"DURATION" help:"How long to wait at the most until the server's memory stays where it is. Default: 30s."`
}

// Run opens sessions, waits and prints what memory they take.
func (c *benchIdleCmd) Run(ctx context.Context, s streams) error {
	from := c.From
	if from == 0 {
		from = c.Sessions / 4
	}
	switch {
	case c.PID == 0:
		return usage("--pid is missing: the memory is read from the server's process on this machine")
	case from < 1 || from >= c.Sessions:
		return usage("--from is at least 1 and below --sessions")
	}
	b, err := c.begin(ctx, s, "idle", "", 0)
	if err != nil {
		return err
	}
	defer b.close()
	if err := b.idle(ctx, from, c.Sessions, c.Settle); err != nil {
		return err
	}
	return b.end()
}

// idle opens sessions, some and then up to all, and notes the server's memory each
// time.
func (b *bench) idle(ctx context.Context, from, all int, settle time.Duration) error {
	for _, more := range []int{from, all - from} {
		if err := b.open(ctx, more); err != nil {
			return err
		}
		if !b.report.Interrupted {
			b.report.ended(b.settle(ctx, settle))
		}
		b.report.held(b.fleet.Ready(), b.usage().Memory)
		if b.report.Interrupted {
			break
		}
	}
	return nil
}

// settle waits until the server's memory has not fallen for a while.
func (b *bench) settle(ctx context.Context, limit time.Duration) error {
	defer b.show.end()
	memory := func() int64 { return b.usage().Memory }
	return b.fleet.Settle(ctx, limit, memory, func(past time.Duration) { b.show.settle(past, limit) })
}
