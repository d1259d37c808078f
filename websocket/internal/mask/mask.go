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
// Where the words would be looked at once more, for ASCII, it is wideASCII.
const wide = 97

// Apply XORs b in place with key, the first octet of b with the key's octet
// pos mod 4, and returns the key position of the octet after b. So a payload
// may be handed over in pieces: pass each call the position that the last one
// returned, 0 at the start of the frame.
func Apply(b []byte, key [4]byte, pos int) int {
	// Small enough to be inlined, so that the key is not copied for a call.
	return xor(unsafe.SliceData(b), len(b), binary.LittleEndian.Uint32(key[:]), pos)
}

// ApplyASCII is [Apply], and reports besides whether every octet of b is below
// 0x80 now: an unmasked text that is ASCII needs no look at its UTF-8.
func ApplyASCII(b []byte, key [4]byte, pos int) (next int, ascii bool) {
	switch {
	case len(b) < 16:
		k := turned(binary.LittleEndian.Uint32(key[:]), pos)
		return (pos + len(b)) & 3, xorFewASCII(unsafe.SliceData(b), len(b), k)
	case vector && len(b) >= wideASCII:
		k := turned(binary.LittleEndian.Uint32(key[:]), pos)
		return (pos + len(b)) & 3, xorASCII(unsafe.SliceData(b), len(b), k) == 0
	}
	next = Apply(b, key, pos)
	return next, isASCII(b)
}

// turned gives a key as a word whose lowest octet is for the octet at pos.
func turned(k uint32, pos int) uint32 { return bits.RotateLeft32(k, -8*pos) }

// high is the bit in each octet of a word that no ASCII has.
const high = 0x8080808080808080

// isASCII reports whether b has no octet above 0x7F.
func isASCII(b []byte) bool {
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
