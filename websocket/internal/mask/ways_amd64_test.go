//go:build !purego

package mask

import "testing"

// ways runs f with each kind of vectors that this processor has, and without.
func ways(t *testing.T, f func(t *testing.T)) {
	had, had512 := vector, vector512
	t.Cleanup(func() { vector, vector512 = had, had512 })
	if had512 {
		vector, vector512 = true, true
		t.Run("AVX-512", f)
	}
	if had {
		vector, vector512 = true, false
		t.Run("AVX2", f)
	}
	vector, vector512 = false, false
	t.Run("Go", f)
}
