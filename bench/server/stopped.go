package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/openline/openline/internal/load"
)

// The variants of what is measured with readers that stop.
const (
	allRead  = "all read"
	someStop = "10 stop"
)

// never is what is shown where nothing was cut.
const never = 99

// stopped measures what readers that stop do to a server and to the others.
func (m *meter) stopped(ctx context.Context, p *peer, variant string) (values []float64, err error) {
	const publishers = 4
	stop := 0
	if variant == someStop {
		stop = stoppers
	}
	return values, p.with(ctx, together, readers+stop, func(srv *server, f *load.Fleet) error {
		files := srv.files() + publishers - stop // when those that stopped are gone
		peak, closed, cut := srv.usage().Memory, float64(never), float64(never)
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		var begun time.Time
		var gone chan time.Time
		t, err := f.Publish(ctx, &load.Plan{
			Publishers: publishers, Size: largeSize, Time: m.time, Stop: stop,
			Progress: func(past time.Duration, _ uint64) {
				if gone == nil {
					begun, gone = time.Now().Add(-past), make(chan time.Time, 1)
					go p.waitForSubscribers(ctx, srv, readers, gone)
				}
				peak = max(peak, srv.usage().Memory)
				if closed == never && stop > 0 && srv.files() <= files {
					closed = past.Seconds()
				}
			},
		})
		if err != nil {
			return err
		}
		select {
		case at := <-gone:
			cut = at.Sub(begun).Seconds()
		default:
		}
		if stop == 0 {
			cut, closed = 0, 0
		}
		values = []float64{
			float64(t.Published) / t.Took.Seconds(), milli(t.Latency.Quantile(0.99)), float64(peak) / 1e6, cut, closed, lost(t),
		}
		return nil
	})
}

// waitForSubscribers asks the server until the channel has no more than n
// subscribers, and says when that was.
func (p *peer) waitForSubscribers(ctx context.Context, srv *server, n int, gone chan<- time.Time) {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		if have, err := p.subscribers(ctx, srv.addr.String()); err == nil && have <= n {
			gone <- time.Now()
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// subscribers asks a server how many sessions the channel has.
func (p *peer) subscribers(ctx context.Context, host string) (int, error) {
	path := "/api/channels/all/subscribers?limit=1"
	if p.name == nchan {
		path = "/publish/all"
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+host+path, nil)
	if err != nil {
		return 0, err
	}
	r.Header.Set("Accept", "text/json")
	r.Header.Set("Authorization", "Bearer "+key)
	// One connection a request, so that none of them is among the files that are counted.
	r.Close = true
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	return countIn(answer.Body)
}

// countIn reads the number of subscribers in Openline's answer, or in Nchan's.
func countIn(r io.Reader) (int, error) {
	var a struct{ Count, Subscribers *int }
	if err := json.NewDecoder(r).Decode(&a); err != nil {
		return 0, err
	}
	if n := cmp.Or(a.Count, a.Subscribers); n != nil {
		return *n, nil
	}
	return 0, errors.New("the answer has no number of subscribers")
}
