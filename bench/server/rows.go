package main

import (
	"context"

	"github.com/openline/openline/internal/load"
)

const (
	many      = 10000
	crowd     = 1000
	rush      = 5000
	readers   = 100
	stoppers  = 10
	idleFew   = 5000
	idleMany  = 19000
	inARush   = 4000 // on their way at once: what a listener's queue takes (net.core.somaxconn is 4096)
	pace      = 10   // messages a second
	writers   = 16   // HTTP connections that publish, where it is as fast as the server accepts
	largeSize = 4096
)

// rows are what is measured.
var rows = []*row{
	{
		name:    "fanout",
		what:    "10,000 subscribers of one channel, 10 messages a second over one HTTP connection",
		figures: trafficFigures,
		measure: func(ctx context.Context, m *meter, p *peer, _ string) ([]float64, error) {
			return m.traffic(ctx, p, together, many, load.Plan{Rate: pace})
		},
		promises: []promise{
			atMost("fan-out to 10,000, CPU a delivery", deliveryCPU, nchan, 0.8),
			atMost("fan-out to 10,000, CPU a delivery", deliveryCPU, socketIO, 0.5),
			none("fan-out to 10,000, messages lost", lostMessages),
		},
	},
	{
		name:    "flood",
		what:    "1,000 subscribers of one channel, 16 HTTP connections that publish as fast as accepted",
		figures: trafficFigures,
		measure: func(ctx context.Context, m *meter, p *peer, _ string) ([]float64, error) {
			return m.traffic(ctx, p, together, crowd, load.Plan{Publishers: writers})
		},
		promises: []promise{
			atLeast("publishing as fast as accepted to 1,000, deliveries a CPU-second", perCPUSecond, nchan, 1.5),
			none("publishing as fast as accepted, messages lost", lostMessages),
			shown("publishing as fast as accepted, p99 in ms", latencyP99, nchan),
		},
	},
	{
		name:    "users",
		what:    "10,000 users, 16 HTTP connections that send to one after the other as fast as accepted",
		figures: trafficFigures,
		measure: func(ctx context.Context, m *meter, p *peer, _ string) ([]float64, error) {
			return m.traffic(ctx, p, apart, many, load.Plan{Publishers: writers, Unicast: true})
		},
		promises: []promise{
			atMost("send to 10,000 users, CPU a message", deliveryCPU, nchan, 0.8),
			atLeast("send to 10,000 users, requests a second", requestRate, nchan, 1),
			none("send to 10,000 users, messages lost", lostMessages),
		},
	},
	{
		name:    "connect",
		what:    "5,000 sessions connect and subscribe, 4,000 on their way at once",
		figures: []figure{{"CPU µs a session", 1}, {"all ready, s", 2}, {"p50 ms", 0}, {"p99 ms", 0}, {"not ready", 0}},
		measure: func(ctx context.Context, _ *meter, p *peer, _ string) ([]float64, error) { return connect(ctx, p) },
		promises: []promise{
			none("5,000 connect at once, not ready", 4),
			atMost("5,000 connect at once, CPU a session", 0, nchan, 1.5),
		},
	},
	{
		name:     "stopped",
		what:     "100 readers of 4 KB messages, published over 4 connections as fast as accepted; and 10 more who stop reading",
		figures:  []figure{{"messages/s", 0}, {"p99 ms", 1}, {"memory at the peak, MB", 1}, {"cut after s", 2}, {"sockets closed after s", 2}, {"lost", 0}},
		peers:    []string{openline, nchan},
		variants: []string{allRead, someStop},
		measure:  func(ctx context.Context, m *meter, p *peer, v string) ([]float64, error) { return m.stopped(ctx, p, v) },
		promises: []promise{
			below("10 of 110 stop reading, cut after s", 3, someStop, 1.5),
			notMore("10 of 110 stop reading, more memory at the peak, MB", 2, 10),
			keeps("10 of 110 stop reading, messages a second", 0, 0.9, true),
			keeps("10 of 110 stop reading, p99 of the others", 1, 1.25, false),
			none("10 of 110 stop reading, messages lost", 5),
		},
	},
	{
		name:     "idle",
		what:     "idle subscribed sessions, from 5,000 to 19,000",
		figures:  []figure{{"bytes a session", 0}, {"MB at 5,000", 1}, {"MB at 19,000", 1}},
		once:     true,
		measure:  func(ctx context.Context, m *meter, p *peer, _ string) ([]float64, error) { return m.idle(ctx, p) },
		promises: []promise{below("idle subscribed session, bytes", 0, "", 1024)},
	},
}

func pickRows(text string) ([]*row, error) {
	return pick(text, rows, func(r *row) string { return r.name })
}

// Figures of rows with messages.
const (
	deliveryCPU = iota
	perCPUSecond
	requestRate
	deliveryRate
	latencyP50
	latencyP99
	latencyP999
	lostMessages
)

var trafficFigures = []figure{
	{"CPU µs a delivery", 2},
	{"deliveries a CPU-s", 0},
	{"requests/s", 0},
	{"deliveries/s", 0},
	{"p50 ms", 1},
	{"p99 ms", 1},
	{"p99.9 ms", 1},
	{"lost", 0},
}
