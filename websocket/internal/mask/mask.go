// Package mask applies the masking of RFC 6455 §5.3: octet i of a payload is
// XORed with octet i mod 4 of the key. Masking and unmasking are the same.
//
// Payloads from [wide] octets on go through assembly on amd64 and arm64, and
// through a twin in Go on all other machines and in builds with the tag
// purego. Nothing reads or writes outside the payload.
package mask

import (
	"encoding/binary"
	"math/bits"
	"unsafe"
)

// wide is the length from which vectors are faster than words, call included.
const wide = 128

// Apply XORs b in place with key, the first octet of b with the key's octet
// pos mod 4, and returns the key position of the octet after b. So a payload
// may be handed over in pieces: pass each call the position that the last one
// returned, 0 at the start of the frame.
func Apply(b []byte, key [4]byte, pos int) int {
	k := turned(key, pos)
	next := (pos + len(b)) & 3
	if len(b) >= wide {
		if vector {
			xorVector(unsafe.SliceData(b), len(b), k)
		} else {
			xorBlocks(b, k)
		}
		return next
	}
	if len(b) < 8 {
		for i := range b {
			b[i] ^= byte(k)
			k = bits.RotateLeft32(k, -8)
		}
		return next
	}
	kk := uint64(k) | uint64(k)<<32
	// Octets behind the last whole word are done by a word that ends with b. It
	// overlaps the one before it, so it is read before that one is written, and
	// has the key turned to where it stands: both write the same to the octets
	// that they share.
	rest := len(b) & 7
	var tail []byte
	var last uint64
	if rest > 0 {
		tail = b[len(b)-8:]
		last = binary.LittleEndian.Uint64(tail) ^ bits.RotateLeft64(kk, -8*rest)
	}
	if len(b) >= 64 {
		xor32(b[:32], kk)
		xor32(b[32:64], kk)
		if len(b) == 64 {
			return next
		}
		b = b[64:]
	}
	if len(b) >= 32 {
		xor32(b[:32], kk)
		b = b[32:]
	}
	if len(b) >= 16 {
		xor8(b[:8], kk)
		xor8(b[8:16], kk)
		b = b[16:]
	}
	if len(b) >= 8 {
		xor8(b, kk)
	}
	if rest > 0 {
		binary.LittleEndian.PutUint64(tail, last)
	}
	return next
}

// ApplyASCII is [Apply], and reports besides whether every octet of b is below
// 0x80 now: an unmasked text that is ASCII needs no look at its UTF-8.
func ApplyASCII(b []byte, key [4]byte, pos int) (next int, ascii bool) {
	if vector && len(b) >= 64 {
		high := xorVector(unsafe.SliceData(b), len(b), turned(key, pos))
		return (pos + len(b)) & 3, high == 0
	}
	next = Apply(b, key, pos)
	return next, isASCII(b)
}

// turned gives key as a word whose lowest octet is for the octet at pos.
func turned(key [4]byte, pos int) uint32 {
	return bits.RotateLeft32(binary.LittleEndian.Uint32(key[:]), -8*pos)
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

// isASCII reports whether b has no octet above 0x7F.
func isASCII(b []byte) bool {
	const high = 0x8080808080808080
	if len(b) < 8 {
		var or byte
		for _, c := range b {
			or |= c
		}
		return or < 0x80
	}
	or := binary.LittleEndian.Uint64(b[len(b)-8:])
	for ; len(b) >= 8; b = b[8:] {
		or |= binary.LittleEndian.Uint64(b)
	}
	return or&high == 0
}
