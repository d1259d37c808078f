//go:build !purego

package mask

import "golang.org/x/sys/cpu"

// vector says that the processor has what xorVector needs, AVX2; vector512
// that xorVector may use vectors twice as wide. That is left to processors with
// VBMI2: the earlier ones with AVX-512 lower their clock for it. Variables, so
// that the tests run all ways.
var (
	vector    = cpu.X86.HasAVX2
	vector512 = cpu.X86.HasAVX512F && cpu.X86.HasAVX512VBMI2
)

// xorVector masks the n octets at p, at least 64, with k at the first of them,
// and returns 0 if all of them are ASCII afterwards.
//
//go:noescape
func xorVector(p *byte, n int, k uint32) (high uint64)
