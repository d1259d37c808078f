package websocket

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

// Backoff gives the delays between attempts to connect (RFC 6455 §7.2.3): each
// is random between nothing and a bound (full jitter), which starts at Min and
// doubles up to Max. So the clients of a server that went away do not come back
// all at once. The zero value has the bounds 5 seconds and 1 minute.
type Backoff struct {
	Min, Max time.Duration
	bound    time.Duration
}

// Next returns the next delay.
func (b *Backoff) Next() time.Duration {
	low, high := b.Min, b.Max
	if low <= 0 {
		low = 5 * time.Second
	}
	if high <= 0 {
		high = time.Minute
	}
	if b.bound == 0 {
		b.bound = low
	} else {
		b.bound = min(2*b.bound, max(high, low))
	}
	return time.Duration(rand.Int64N(int64(b.bound) + 1))
}

// Reset starts again at Min, as is right when a connection has held.
func (b *Backoff) Reset() { b.bound = 0 }

// held is how long a connection must have been open for the next delay to start
// at the beginning.
const held = time.Minute

// Reconnect keeps a line open: it dials, runs fn with the connection, and when
// that ends abnormally dials again after a delay from [Backoff]. It returns nil
// when either end closed with CloseNormal, the error of ctx when that ends, the
// error of fn if that is not about the connection, and that of a server which
// refuses in a way that trying again cannot change (a 4xx status other than 408,
// 425 and 429). The connection is closed when fn returns.
func Reconnect(ctx context.Context, url string, o *DialOptions, fn func(ctx context.Context, c *Conn) error) error {
	if _, err := parseURL(url); err != nil {
		return err
	}
	var backoff Backoff
	for {
		c, err := Dial(ctx, url, o)
		if err == nil {
			since := time.Now()
			err = fn(ctx, c)
			_ = c.Close(CloseNormal, "")
			e, ended := errors.AsType[*CloseError](c.Err())
			switch {
			case err == nil, ended && e.Code == CloseNormal && e.Err == nil:
				return nil
			case CloseCodeOf(err) == 0 && ctx.Err() == nil:
				return err
			}
			if time.Since(since) >= held {
				backoff.Reset()
			}
		} else if refusedForGood(err) {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		timer := time.NewTimer(backoff.Next())
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
	}
}

func refusedForGood(err error) bool {
	e, ok := errors.AsType[*HandshakeError](err)
	return ok && e.Status/100 == 4 && e.Status != 408 && e.Status != 425 && e.Status != 429
}
