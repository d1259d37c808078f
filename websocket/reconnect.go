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

// Reconnect keeps a line open: it dials, runs fn with the connection, closes
// that when fn returns, and dials again after a delay from [Backoff] if it was
// the connection that had ended, other than with CloseNormal. It returns
//
//   - nil when the connection was closed with CloseNormal, or when fn returned nil
//     without the peer having ended the connection;
//   - the error of fn if that is not about the connection;
//   - the error of ctx when that has ended;
//   - that of a server which refuses in a way that trying again cannot change: a
//     4xx status other than 408, 425 and 429.
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
			end := c.ended()
			_ = c.Close(CloseNormal, "")
			if !worthAgain(ctx, err, end) {
				return err
			}
			if end != nil && end.Code == CloseNormal && end.clean() {
				return nil
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

// worthAgain reports whether what the function returned was the connection's
// doing: end is how that had ended by then, nil if it had not.
func worthAgain(ctx context.Context, err error, end *CloseError) bool {
	if err == nil {
		return end != nil && end.Remote
	}
	return CloseCodeOf(err) != 0 || ctx.Err() != nil
}

func refusedForGood(err error) bool {
	e, ok := errors.AsType[*HandshakeError](err)
	return ok && e.Status/100 == 4 && e.Status != 408 && e.Status != 425 && e.Status != 429
}
