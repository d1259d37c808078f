package mask

import (
	"encoding/binary"
	"math/bits"
	"unsafe"
)

// xor masks the n octets at b and returns the key position after them: with
// vectors if they are many, and otherwise here, with words.
//
// One jump leads to as many words as there are, without a loop. Octets behind
// the last whole word are done by a word that ends with the payload. It
// overlaps the one before it, so it is read before that one is written, and has
// the key turned to where it stands: both write the same to the octets that
// they share.
//
// Being one function without a check of the stack, of which it needs little,
// saves a quarter of the time of a few words.
//
//go:nosplit
func xor(b *byte, n int, k uint32, pos int) int {
	k = turned(k, pos)
	pos += n
	if n >= wide {
		if vector {
			xorVector(b, n, k)
		} else {
			xorBlocks(unsafe.Slice(b, n), k)
		}
		return pos & 3
	}
	p := unsafe.Pointer(b)
	if n < 8 {
		xorFew(p, n, k)
		return pos & 3
	}
	kk := uint64(k) | uint64(k)<<32
	var rest uint64
	if n&7 != 0 {
		rest = word(p, n-8) ^ bits.RotateLeft64(kk, -8*n)
	} else if n == 64 {
		// A usual length, and faster with constant places.
		flip(p, 0, kk)
		flip(p, 8, kk)
		flip(p, 16, kk)
		flip(p, 24, kk)
		flip(p, 32, kk)
		flip(p, 40, kk)
		flip(p, 48, kk)
		flip(p, 56, kk)
		return pos & 3
	}
	last := unsafe.Add(p, n&^7-8) // the last whole word
	switch n >> 3 {
	case 12:
		flip(last, -88, kk)
		fallthrough
	case 11:
		flip(last, -80, kk)
		fallthrough
	case 10:
		flip(last, -72, kk)
		fallthrough
	case 9:
		flip(last, -64, kk)
		fallthrough
	case 8:
		flip(last, -56, kk)
		fallthrough
	case 7:
		flip(last, -48, kk)
		fallthrough
	case 6:
		flip(last, -40, kk)
		fallthrough
	case 5:
		flip(last, -32, kk)
		fallthrough
	case 4:
		flip(last, -24, kk)
		fallthrough
	case 3:
		flip(last, -16, kk)
		fallthrough
	case 2:
		flip(last, -8, kk)
		fallthrough
	case 1:
		flip(last, 0, kk)
	}
	if n&7 != 0 {
		put(p, n-8, rest)
	}
	return pos & 3
}

// xorFew masks the n octets at p, fewer than 8.
//
//go:noinline
func xorFew(p unsafe.Pointer, n int, k uint32) {
	if n >= 4 {
		head, tail := (*[4]byte)(p)[:], (*[4]byte)(unsafe.Add(p, n-4))[:]
		rest := binary.LittleEndian.Uint32(tail) ^ turned(k, n)
		binary.LittleEndian.PutUint32(head, binary.LittleEndian.Uint32(head)^k)
		binary.LittleEndian.PutUint32(tail, rest)
		return
	}
	for i := range n {
		*(*byte)(unsafe.Add(p, i)) ^= byte(k)
		k = turned(k, 1)
	}
}

// flip masks the word that is i octets behind p.
func flip(p unsafe.Pointer, i int, kk uint64) { put(p, i, word(p, i)^kk) }

func word(p unsafe.Pointer, i int) uint64 {
	return binary.LittleEndian.Uint64((*[8]byte)(unsafe.Add(p, i))[:])
}

func put(p unsafe.Pointer, i int, v uint64) {
	binary.LittleEndian.PutUint64((*[8]byte)(unsafe.Add(p, i))[:], v)
}
