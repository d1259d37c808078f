//go:build !amd64 || purego

package utf8x

// vector says that there is lookup.
const vector = false

func lookup(*byte, int) bool { panic("utf8x: no vectors on this machine") }
