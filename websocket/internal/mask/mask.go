// Package mask applies the masking of RFC 6455 §5.3: octet i of a payload is
// XORed with octet i mod 4 of the key. Masking and unmasking are the same.
package mask

import (
	"crypto/subtle"
	"encoding/binary"
	"math/bits"
)

// wide is the length from which a repeated key and the standard library's
// vector XOR are faster than eight octets at a time.
const wide = 256

// Apply XORs b in place with key, the first octet of b with the key's octet
// pos mod 4, and returns the key position of the octet after b. So a payload
// may be handed over in pieces: pass each call the position that the last one
// returned, 0 at the start of the frame.
func Apply(b []byte, key [4]byte, pos int) int {
	pos &= 3
	k := bits.RotateLeft32(binary.LittleEndian.Uint32(key[:]), -8*pos)
	next := (pos + len(b)) & 3
	if len(b) >= wide {
		b = b[xorWide(b, k):]
	}
	xorWords(b, k)
	return next
}

// xorWide handles a whole number of blocks at the front of b and returns how
// many octets it did, a multiple of four, so that k stays aligned.
func xorWide(b []byte, k uint32) int {
	var block [wide]byte
	kk := uint64(k)<<32 | uint64(k)
	for i := 0; i < wide; i += 8 {
		binary.LittleEndian.PutUint64(block[i:], kk)
	}
	done := 0
	for len(b)-done >= wide {
		chunk := b[done : done+wide]
		subtle.XORBytes(chunk, chunk, block[:])
		done += wide
	}
	return done
}

// xorWords is the portable form, eight octets at a time, then one at a time.
func xorWords(b []byte, k uint32) {
	kk := uint64(k)<<32 | uint64(k)
	for len(b) >= 32 {
		binary.LittleEndian.PutUint64(b[0:8], binary.LittleEndian.Uint64(b[0:8])^kk)
		binary.LittleEndian.PutUint64(b[8:16], binary.LittleEndian.Uint64(b[8:16])^kk)
		binary.LittleEndian.PutUint64(b[16:24], binary.LittleEndian.Uint64(b[16:24])^kk)
		binary.LittleEndian.PutUint64(b[24:32], binary.LittleEndian.Uint64(b[24:32])^kk)
		b = b[32:]
	}
	for len(b) >= 8 {
		binary.LittleEndian.PutUint64(b, binary.LittleEndian.Uint64(b)^kk)
		b = b[8:]
	}
	for i := range b {
		b[i] ^= byte(k)
		k = bits.RotateLeft32(k, -8)
	}
}
