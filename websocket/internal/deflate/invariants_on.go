//go:build invariants

package deflate

// poison overwrites memory that goes back to a pool, so that a use after that
// shows: tests run with -tags invariants.
func poison(b []byte) {
	for i := range b {
		b[i] = 0xDB
	}
}
