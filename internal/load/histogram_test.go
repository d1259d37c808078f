package load

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

func TestHistogramEmpty(t *testing.T) {
	var h Histogram
	if h.Quantile(0.5) != 0 || h.Count() != 0 || h.Max() != 0 {
		t.Error("an empty histogram is not empty")
	}
}

func TestHistogramQuantiles(t *testing.T) {
	var h Histogram
	h.Add(-time.Second)
	h = Histogram{}
	for i := 1; i <= 100000; i++ {
		h.Add(time.Duration(i) * time.Microsecond)
	}
	for q, want := range map[float64]time.Duration{
		0: time.Microsecond, 0.5: 50 * time.Millisecond, 0.99: 99 * time.Millisecond, 0.999: 99900 * time.Microsecond, 1: 100 * time.Millisecond,
	} {
		if got := h.Quantile(q); math.Abs(float64(got-want)) > 0.033*float64(want) {
			t.Errorf("quantile %g is %v, want about %v", q, got, want)
		}
	}
	if h.Count() != 100000 || h.Max() != 100*time.Millisecond {
		t.Errorf("count %d, longest %v", h.Count(), h.Max())
	}
}

// Every value lies in its bucket, and the buckets leave nothing out.
func TestHistogramBuckets(t *testing.T) {
	for range 10000 {
		v := rand.Uint64() >> (1 + rand.IntN(63))
		i := bucket(v)
		if floor(i) > v || floor(i+1) <= v {
			t.Fatalf("%d is in bucket %d, which is [%d, %d)", v, i, floor(i), floor(i+1))
		}
	}
	var h Histogram
	h.Add(math.MaxInt64)
	if h.Quantile(0.5) != math.MaxInt64 {
		t.Errorf("the longest duration is %v", h.Quantile(0.5))
	}
}
