package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"
)

// awaitOffline waits until the server has given a user up that only holds its
// connection, without a look at that. Where there are no users to ask for it waits half
// of the time.
func (t *target) awaitOffline(ctx context.Context, user string, within time.Duration) error {
	if t.kind != kindServe {
		pause(ctx, within/2)
		return nil
	}
	for end := time.Now().Add(within); ; {
		pause(ctx, 2*time.Second)
		if ctx.Err() != nil {
			return nil
		}
		var found struct{ Online bool }
		if err := t.call(ctx, "GET", "/api/users/"+user, nil, &found); err != nil {
			return err
		}
		if !found.Online {
			return nil
		}
		if time.Now().After(end) {
			return fmt.Errorf("the user %s is still online after %v", user, within)
		}
	}
}

// stopsReading reads nothing any more, while much is sent to it, or little.
func stopsReading(ctx context.Context, t *target, rng *rand.Rand) error {
	heavy := false
	select {
	case t.heavy <- struct{}{}:
		heavy = true
		defer func() { <-t.heavy }()
	default:
	}
	path, user := t.place(rng, heavy)
	l, err := t.open(ctx, rng, path, nil)
	if err != nil {
		return err
	}
	defer l.end()
	if heavy && (t.kind == kindLoop || rng.IntN(2) == 0) { // it causes what it does not read
		message := []byte(`{"type":"ping","ref":"` + text(rng.IntN(60)) + `"}`)
		if t.kind == kindLoop {
			message = []byte(text(1 + rng.IntN(32<<10)))
		}
		for range 400 {
			_ = l.nc.SetWriteDeadline(time.Now().Add(500 * time.Millisecond))
			if _, err := l.nc.Write(appendFrame(nil, fin|opText, message, l.key())); err != nil {
				break // the server does not read either, or has ended it
			}
		}
	}
	// Room for a write that has to time out, and then for the look at it.
	if err := t.awaitOffline(ctx, user, t.stalled+t.silent+patience); err != nil {
		return err
	}
	if rng.IntN(2) == 0 {
		l.reset()
		return nil
	}
	return l.expectEnd(t.stalled + patience) // what is on its way comes first, some MiB
}

// stopsInAFrame sends the beginning of a frame and nothing more, but reads.
func stopsInAFrame(ctx context.Context, t *target, rng *rand.Rand) error {
	l, err := t.opened(ctx, rng)
	if err != nil {
		return err
	}
	defer l.end()
	size := []int{10, 200, maxMessage - 1000}[rng.IntN(3)]
	b := appendFrame(nil, fin|opText, []byte(text(size)), l.key())
	if err := l.write(b[:1+rng.IntN(len(b)-1)]); err != nil {
		return err
	}
	return l.expectEnd(t.silent + t.stalled + patience)
}

// saysNothing does not even answer Pings, but reads.
func saysNothing(ctx context.Context, t *target, rng *rand.Rand) error {
	l, err := t.opened(ctx, rng)
	if err != nil {
		return err
	}
	defer l.end()
	return l.expectEnd(t.silent + patience)
}

// slowHead lets a request trickle in, or never sends it.
func slowHead(ctx context.Context, t *target, rng *rand.Rand) error {
	l, err := t.dial(ctx, rng)
	if err != nil {
		return err
	}
	defer l.end()
	request := t.request("/ws/slow")
	request = request[:len(request)-2] + "X-Filler: " + text(1000)
	if rng.IntN(3) == 0 {
		request = ""
	}
	began := time.Now()
	for i := range len(request) {
		if i > 40 {
			pause(ctx, 200*time.Millisecond)
		}
		if _, err := l.nc.Write([]byte{request[i]}); err != nil {
			break // cut off, as it should be
		}
		if took := time.Since(began); took > t.head+patience {
			return fmt.Errorf("a request may take more than %v", took)
		}
	}
	return l.expectEnd(max(0, t.head-time.Since(began)) + patience)
}
