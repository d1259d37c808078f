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
// they share. Half words do that for 4 to 7 octets.
//
// It is one function, and needs so little of the stack that it does not check
// it: with a few words, a call and the check are a good part of the time.
//
//go:nosplit
func xor(b *byte, n int, k uint32, pos int) int {
	k = turned(k, pos)
	pos += n
	if n >= wide {
		if vector {
			xorVector(b, n, k)
		} else {
			xorBlocks(b, n, k)
		}
		return pos & 3
	}
	p := unsafe.Pointer(b)
	if n < 8 {
		if n >= 4 {
			tail := unsafe.Add(p, n-4)
			rest := half(tail) ^ turned(k, n)
			putHalf(p, half(p)^k)
			putHalf(tail, rest)
			return pos & 3
		}
		if n&2 != 0 {
			b := (*[2]byte)(p)[:]
			binary.LittleEndian.PutUint16(b, binary.LittleEndian.Uint16(b)^uint16(k))
		}
		if n&1 != 0 {
			*(*byte)(unsafe.Add(p, n-1)) ^= byte(k >> (8*n - 8))
		}
		return pos & 3
	}
	kk := uint64(k) | uint64(k)<<32
	var rest uint64
	if n&7 != 0 {
		rest = word(p, n-8) ^ bits.RotateLeft64(kk, -8*n)
	} else if n >= 64 {
		// Usual lengths, and faster with constant places.
		flip(p, 0, kk)
		flip(p, 8, kk)
		flip(p, 16, kk)
		flip(p, 24, kk)
		flip(p, 32, kk)
		flip(p, 40, kk)
		flip(p, 48, kk)
		flip(p, 56, kk)
		if n == 64 {
			return pos & 3
		}
		if n >= 80 {
			flip(p, 64, kk)
			flip(p, 72, kk)
		}
		if n == 96 {
			flip(p, 80, kk)
			flip(p, 88, kk)
		} else if n&8 != 0 {
			flip(p, n-8, kk)
		}
		return pos & 3
	}
	last := unsafe.Add(p, n&^7-8) // the last whole word
	switch n >> 3 {
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

// xorFewASCII masks the n octets at b, fewer than 16, as xor does, and reports
// whether all of them are ASCII afterwards.
func xorFewASCII(b *byte, n int, k uint32) bool {
	p := unsafe.Pointer(b)
	switch {
	case n >= 8:
		kk := uint64(k) | uint64(k)<<32
		first, rest := word(p, 0)^kk, word(p, n-8)^bits.RotateLeft64(kk, -8*n)
		put(p, 0, first)
		put(p, n-8, rest)
		return (first|rest)&high == 0
	case n >= 4:
		tail := unsafe.Add(p, n-4)
		first, rest := half(p)^k, half(tail)^turned(k, n)
		putHalf(p, first)
		putHalf(tail, rest)
		return uint64(first|rest)&high == 0
	}
	var or byte
	for i := range n {
		c := (*byte)(unsafe.Add(p, i))
		*c ^= byte(k)
		or |= *c
		k >>= 8
	}
	return or < 0x80
}

// flip masks the word that is i octets behind p.
func flip(p unsafe.Pointer, i int, kk uint64) { put(p, i, word(p, i)^kk) }

func word(p unsafe.Pointer, i int) uint64 {
	return binary.LittleEndian.Uint64((*[8]byte)(unsafe.Add(p, i))[:])
}

func put(p unsafe.Pointer, i int, v uint64) {
	binary.LittleEndian.PutUint64((*[8]byte)(unsafe.Add(p, i))[:], v)
}

func half(p unsafe.Pointer) uint32 { return binary.LittleEndian.Uint32((*[4]byte)(p)[:]) }

func putHalf(p unsafe.Pointer, v uint32) { binary.LittleEndian.PutUint32((*[4]byte)(p)[:], v) }
