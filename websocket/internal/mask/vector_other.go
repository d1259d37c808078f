//go:build (!amd64 && !arm64) || purego

package mask

// vector says that there are xorVector and xorASCII.
const (
	vector    = false
	wideASCII = wide
)

func xorVector(*byte, int, uint32) { panic("mask: no vectors on this machine") }

func xorASCII(*byte, int, uint32) (high uint64) { panic("mask: no vectors on this machine") }
