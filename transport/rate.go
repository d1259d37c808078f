package transport

import "time"

// rate bounds events in the long run and at once (a token bucket). It is for
// one goroutine.
type rate struct {
	perSecond float64
	burst     float64
	left      float64
	last      time.Time
}

// newRate returns a full bucket, or nil when there is no bound.
func newRate(perSecond float64, burst int) *rate {
	if perSecond <= 0 {
		return nil
	}
	b := float64(burst)
	if burst <= 0 {
		b = max(1, perSecond)
	}
	return &rate{perSecond: perSecond, burst: b, left: b}
}

// take reports whether an event at now is within the bound.
func (r *rate) take(now time.Time) bool {
	if r == nil {
		return true
	}
	if !r.last.IsZero() {
		r.left = min(r.burst, r.left+r.perSecond*now.Sub(r.last).Seconds())
	}
	r.last = now
	if r.left < 1 {
		return false
	}
	r.left--
	return true
}
