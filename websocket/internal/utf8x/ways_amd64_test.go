//go:build !purego

package utf8x

// ways calls f with vectors, if this processor has them, and without.
func ways(f func()) {
	had := vector
	defer func() { vector = had }()
	if had {
		f()
	}
	vector = false
	f()
}
