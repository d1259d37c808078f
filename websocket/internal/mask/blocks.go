package mask

import (
	"crypto/subtle"
	"encoding/binary"
	"math/bits"
	"unsafe"
)

// block is how much key xorBlocks lays out: it hands this many octets at a
// time to the standard library's XOR, which has vectors on most machines.
const block = 256

// xorBlocks is the twin in Go of xorVector, for any length.
func xorBlocks(p *byte, n int, k uint32) {
	b := unsafe.Slice(p, n)
	kk := uint64(k) | uint64(k)<<32
	if len(b) >= 2*block {
		var key [block]byte
		for i := 0; i < block; i += 8 {
			binary.LittleEndian.PutUint64(key[i:], kk)
		}
		for ; len(b) >= block; b = b[block:] {
			subtle.XORBytes(b[:block], b[:block], key[:])
		}
	}
	for ; len(b) >= 32; b = b[32:] {
		xor32(b[:32], kk)
	}
	for ; len(b) >= 8; b = b[8:] {
		xor8(b, kk)
	}
	for i := range b {
		b[i] ^= byte(k)
		k = bits.RotateLeft32(k, -8)
	}
}

// xor32 masks the first 32 octets of b.
func xor32(b []byte, kk uint64) {
	xor8(b[0:8], kk)
	xor8(b[8:16], kk)
	xor8(b[16:24], kk)
	xor8(b[24:32], kk)
}

// xor8 masks the first 8 octets of b.
func xor8(b []byte, kk uint64) {
	binary.LittleEndian.PutUint64(b, binary.LittleEndian.Uint64(b)^kk)
}
