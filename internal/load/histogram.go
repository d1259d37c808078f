package load

import (
	"math/bits"
	"time"
)

// Histogram counts durations, each to within 3 %. The zero value is empty.
type Histogram struct {
	counts [64 * 32]uint64
	total  uint64
	most   time.Duration
}

// Add counts a duration; one below zero counts as zero.
func (h *Histogram) Add(d time.Duration) {
	d = max(d, 0)
	h.counts[bucket(uint64(d))]++
	h.total++
	h.most = max(h.most, d)
}

// bucket is linear below 64 and then has 32 steps for each doubling.
func bucket(v uint64) int {
	if v < 64 {
		return int(v)
	}
	shift := bits.Len64(v) - 6
	return shift*32 + int(v>>shift)
}

// floor is the least value of a bucket.
func floor(i int) uint64 {
	if i < 64 {
		return uint64(i)
	}
	shift := i/32 - 1
	return uint64(i-shift*32) << shift
}

// Count returns how many durations were added.
func (h *Histogram) Count() uint64 { return h.total }

// Max returns the longest.
func (h *Histogram) Max() time.Duration { return h.most }

// Quantile returns the duration that a share q of all did not exceed, 0 without
// any.
func (h *Histogram) Quantile(q float64) time.Duration {
	if h.total == 0 {
		return 0
	}
	rank := min(uint64(q*float64(h.total)), h.total-1)
	for i, n := range h.counts {
		if rank < n {
			return min(time.Duration(floor(i+1)-1), h.most)
		}
		rank -= n
	}
	return h.most
}
