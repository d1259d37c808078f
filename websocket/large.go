package websocket

import (
	"math/bits"
	"sync"
)

// Memory for messages that come in pieces, and for what a socket did
// not take. It is pooled by powers of two, so that one of a size serves the next
// of about that size.
const (
	smallestLarge = 10 // 1 KiB
	largestLarge  = 24 // 16 MiB; what is larger is left to the garbage collector
)

var largeBuffers [largestLarge - smallestLarge + 1]sync.Pool

// getLarge returns an empty slice with room for n octets.
func getLarge(n int) []byte {
	class := max(bits.Len(uint(max(n, 1)-1)), smallestLarge)
	if class > largestLarge {
		return make([]byte, 0, n)
	}
	if b, ok := largeBuffers[class-smallestLarge].Get().(*[]byte); ok {
		return (*b)[:0]
	}
	return make([]byte, 0, 1<<class)
}

// putLarge gives memory back, if it is any of getLarge's.
func putLarge(b []byte) {
	class := bits.Len(uint(cap(b))) - 1
	if class < smallestLarge || class > largestLarge || cap(b) != 1<<class {
		return
	}
	kept := b // the variable itself goes to the heap, and only here
	poison(kept[:cap(kept)])
	largeBuffers[class-smallestLarge].Put(&kept)
}
