//go:build !purego

package mask

// vector says that there is xorVector: every arm64 has the instructions.
const vector = true

// xorVector masks the n octets at p, at least 64, with k at the first of them,
// and returns 0 if all of them are ASCII afterwards.
//
//go:noescape
func xorVector(p *byte, n int, k uint32) (high uint64)
