package load

import (
	"context"
	"time"
)

// Settle lets time pass, as Rest does, until memory, which is asked for the
// server's, has not fallen for 3 seconds, or limit is over. progress, if not nil,
// is told the time that passed.
func (f *Fleet) Settle(ctx context.Context, limit time.Duration, memory func() int64, progress func(past time.Duration)) error {
	const calm, look = 3 * time.Second, 500 * time.Millisecond
	least, quiet := memory(), time.Duration(0)
	for past := time.Duration(0); past < limit && quiet < calm; past += look {
		if progress != nil {
			progress(past)
		}
		if err := f.Rest(ctx, min(look, limit-past)); err != nil {
			return err
		}
		quiet += look
		if now := memory(); now < least-least/200 { // less than half a percent is noise
			least, quiet = now, 0
		}
	}
	return nil
}
