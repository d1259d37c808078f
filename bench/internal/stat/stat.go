// Package stat makes figures of measurements: the middle of several rounds, how far
// they lie apart, and what one more costs.
package stat

import "slices"

// Median returns the middle of list, or the mean of the two in the middle; 0 when
// there is nothing. list is not changed.
func Median(list []float64) float64 {
	if len(list) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(list))
	middle := len(sorted) / 2
	if len(sorted)%2 == 0 {
		return (sorted[middle-1] + sorted[middle]) / 2
	}
	return sorted[middle]
}

// Spread returns the least and the greatest of list; 0 when there is nothing.
func Spread(list []float64) (least, greatest float64) {
	if len(list) == 0 {
		return 0, 0
	}
	return slices.Min(list), slices.Max(list)
}

// Ratio returns the median of a[i]/b[i]: what was measured in the same round is
// compared, so that a machine that is slower in one round and faster in the next
// does not matter. Only rounds that both have count; 0 when there is none.
func Ratio(a, b []float64) float64 {
	var ratios []float64
	for i := range min(len(a), len(b)) {
		if a[i] > 0 && b[i] > 0 {
			ratios = append(ratios, a[i]/b[i])
		}
	}
	return Median(ratios)
}

// Measured returns the figures of list without the zeros, which stand for rounds
// that failed.
func Measured(list []float64) []float64 {
	var kept []float64
	for _, v := range list {
		if v > 0 {
			kept = append(kept, v)
		}
	}
	return kept
}

// Slope returns what y rises by for each x between two points.
func Slope(x1, y1, x2, y2 float64) float64 {
	if x1 == x2 {
		return 0
	}
	return (y2 - y1) / (x2 - x1)
}
