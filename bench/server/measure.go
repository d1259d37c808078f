package main

import (
	"context"
	"time"

	"github.com/openline/openline/internal/load"
)

// traffic measures what messages cost, after a while in which they are not counted.
func (m *meter) traffic(ctx context.Context, p *peer, s scene, sessions int, plan load.Plan) (values []float64, err error) {
	return values, p.with(ctx, s, sessions, func(srv *server, f *load.Fleet) error {
		plan.Time = m.time / 4
		if _, err := f.Publish(ctx, &plan); err != nil {
			return err
		}
		plan.Time = m.time
		before := srv.usage()
		t, err := f.Publish(ctx, &plan)
		if err != nil {
			return err
		}
		cpu := srv.usage().CPU - before.CPU
		values = []float64{
			deliveryCPU:  micro(cpu) / float64(t.Deliveries),
			perCPUSecond: float64(t.Deliveries) / cpu.Seconds(),
			requestRate:  float64(t.Published) / t.Took.Seconds(),
			deliveryRate: float64(t.Deliveries) / t.Until.Seconds(),
			latencyP50:   milli(t.Latency.Quantile(0.5)),
			latencyP99:   milli(t.Latency.Quantile(0.99)),
			latencyP999:  milli(t.Latency.Quantile(0.999)),
			lostMessages: lost(t),
		}
		return nil
	})
}

// lost is what did not come: those lost on the way, those refused, and sessions
// that were ended.
func lost(t *load.Traffic) float64 {
	n := t.Lost
	for _, k := range t.Refused {
		n += k
	}
	for _, k := range t.Cut {
		n += uint64(k)
	}
	return float64(n)
}

func micro(d time.Duration) float64 { return float64(d) / 1e3 }
func milli(d time.Duration) float64 { return float64(d) / 1e6 }

// connect measures what it costs that sessions come.
func connect(ctx context.Context, p *peer) ([]float64, error) {
	srv, err := p.start(ctx)
	if err != nil {
		return nil, err
	}
	defer srv.stop()
	f, err := load.New(&load.Options{Addr: srv.addr, Dialect: p.dialect(srv.addr.String(), together)})
	if err != nil {
		return nil, err
	}
	defer f.Close()
	before := srv.usage()
	o, err := f.Open(ctx, rush, &load.OpenOptions{InFlight: inARush})
	if err != nil {
		return nil, err
	}
	cpu := srv.usage().CPU - before.CPU
	return []float64{
		micro(cpu) / rush, o.Took.Seconds(), milli(o.Wait.Quantile(0.5)), milli(o.Wait.Quantile(0.99)), float64(rush - f.Ready()),
	}, nil
}

// idle measures what sessions hold that do nothing.
func (m *meter) idle(ctx context.Context, p *peer) (values []float64, err error) {
	return values, p.with(ctx, together, idleFew, func(srv *server, f *load.Fleet) error {
		memory := func() int64 { return srv.usage().Memory }
		if err := f.Settle(ctx, m.settle, memory, nil); err != nil {
			return err
		}
		few := float64(memory())
		if err := all(f.Open(ctx, idleMany-idleFew, nil)); err != nil {
			return err
		}
		if err := f.Settle(ctx, m.settle, memory, nil); err != nil {
			return err
		}
		most := float64(memory())
		values = []float64{(most - few) / (idleMany - idleFew), few / 1e6, most / 1e6}
		return nil
	})
}
