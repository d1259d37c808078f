//go:build !unix

package load

import "math"

// Descriptors returns how many files this process may open.
func Descriptors() (int, error) { return math.MaxInt32, nil }
