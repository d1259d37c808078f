//go:build (!amd64 && !arm64) || purego

package mask

// vector says that there is xorVector.
const vector = false

func xorVector(*byte, int, uint32) (high uint64) { panic("mask: no vectors on this machine") }
