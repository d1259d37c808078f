package websocket

import "time"

// rateLimit is a limit of events over time, as the generic cell rate algorithm
// has it: each event moves the time at which the next would be on schedule by
// interval, and may come up to tolerance ahead of it.
type rateLimit struct {
	interval  time.Duration // 0: no limit
	tolerance time.Duration
}

func newRateLimit(perSecond float64, burst int) rateLimit {
	if perSecond <= 0 {
		return rateLimit{}
	}
	interval := max(1, time.Duration(float64(time.Second)/perSecond))
	if burst <= 0 {
		burst = max(1, int(perSecond))
	}
	return rateLimit{interval, time.Duration(burst-1) * interval}
}

// take reports whether an event at now is within the limit; due is the state
// between events, the zero time at first.
func (r rateLimit) take(due *time.Time, now time.Time) bool {
	if r.interval == 0 {
		return true
	}
	if due.Before(now) {
		*due = now
	}
	if due.Sub(now) > r.tolerance {
		return false
	}
	*due = due.Add(r.interval)
	return true
}
