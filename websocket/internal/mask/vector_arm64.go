//go:build !purego

package mask

// vector says that there are xorVector and xorASCII: every arm64 has the
// instructions.
const vector = true

// wideASCII is the length from which there is xorASCII.
const wideASCII = 64

// xorVector masks the n octets at p, at least wideASCII, with k at the first
// of them. It is no more than xorASCII, which does not wait for what it finds.
func xorVector(p *byte, n int, k uint32) { xorASCII(p, n, k) }

// xorASCII is xorVector, and returns 0 if all octets are ASCII afterwards.
//
//go:noescape
func xorASCII(p *byte, n int, k uint32) (high uint64)
