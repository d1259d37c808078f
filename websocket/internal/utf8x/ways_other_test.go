//go:build !amd64 || purego

package utf8x

// ways calls f in the one way that there is.
func ways(f func()) { f() }
