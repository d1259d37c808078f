//go:build !purego

package mask

import "golang.org/x/sys/cpu"

// vector says that the processor has what xorVector and xorASCII need, AVX2;
// vector512 that they may use vectors twice as wide. That is left to processors
// with VBMI2: the earlier ones with AVX-512 lower their clock for it.
// Variables, so that the tests run all ways.
var (
	vector    = cpu.X86.HasAVX2
	vector512 = vector && cpu.X86.HasAVX512F && cpu.X86.HasAVX512BW && cpu.X86.HasAVX512VBMI2
)

// wideASCII is the length from which there is xorASCII.
const wideASCII = 16

// xorVector masks the n octets at p, at least 64, with k at the first of them.
//
//go:noescape
func xorVector(p *byte, n int, k uint32)

// xorASCII is xorVector from wideASCII octets on, and returns 0 if all of them
// are ASCII afterwards.
//
//go:noescape
func xorASCII(p *byte, n int, k uint32) (high uint64)
