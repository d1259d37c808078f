//go:build !purego

package utf8x

import "golang.org/x/sys/cpu"

// vector says that the processor has what lookup needs. A variable, so that
// the tests run both ways.
var vector = cpu.X86.HasAVX2

// lookup reports whether the n octets at p, at least [shortest], have no two
// that are wrong together. It does not judge how the text ends: see whole.
//
//go:noescape
func lookup(p *byte, n int) bool
