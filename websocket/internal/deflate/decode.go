package deflate

import "math/bits"

// fastBits is the length of the codes that one look-up decodes.
const fastBits = 9

// decoder decodes one Huffman code (RFC 1951 §3.2.2).
type decoder struct {
	fast   [1 << fastBits]uint16 // by the next bits: symbol<<4 | length of its code; 0: a longer code, or none
	count  [maxCode + 1]uint16   // codes of each length
	symbol [288]uint16           // the symbols, ordered by code
}

// set makes d decode the code with these lengths. It reports false for lengths
// that are no code: too many of them, or too few unless there is but one code.
func (d *decoder) set(lengths []uint8) bool {
	d.count = [maxCode + 1]uint16{}
	for _, l := range lengths {
		d.count[l]++
	}
	used := len(lengths) - int(d.count[0])
	d.count[0] = 0
	var next, index [maxCode + 1]uint16
	left := 1
	for l := 1; l <= maxCode; l++ {
		left = left<<1 - int(d.count[l])
		if left < 0 {
			return false
		}
		next[l] = (next[l-1] + d.count[l-1]) << 1
		index[l] = index[l-1] + d.count[l-1]
	}
	if left > 0 && used > 0 && (used > 1 || d.count[1] == 0) {
		return false
	}
	clear(d.fast[:])
	for sym, l := range lengths {
		if l == 0 {
			continue
		}
		d.symbol[index[l]] = uint16(sym)
		index[l]++
		if l <= fastBits {
			for at := reverse(next[l], l); at < 1<<fastBits; at += 1 << l {
				d.fast[at] = uint16(sym)<<4 | uint16(l)
			}
		}
		next[l]++
	}
	return true
}

// What next returns as a length where there is no symbol.
const (
	needBits = 0
	noCode   = maxCode + 1
)

// next decodes the symbol that the lowest of acc's n bits begin with, and tells the
// length of its code, or needBits or noCode. The bits above n are zero.
func (d *decoder) next(acc uint64, n uint) (sym, length uint) {
	e := uint(d.fast[acc&(1<<fastBits-1)])
	if length = e & 15; length != 0 && length <= n {
		return e >> 4, length
	}
	var code, first, index uint
	for length = 1; length <= maxCode; length++ {
		if length > n {
			return 0, needBits
		}
		code |= uint(acc & 1)
		acc >>= 1
		count := uint(d.count[length])
		if code < first+count {
			return uint(d.symbol[index+code-first]), length
		}
		index += count
		first = (first + count) << 1
		code <<= 1
	}
	return 0, noCode
}

// reverse turns the order of the lowest l bits of a code round: codes go over
// the wire from their highest bit.
func reverse(code uint16, l uint8) uint16 { return bits.Reverse16(code) >> (16 - l) }

// fixedLit and fixedDist decode the fixed codes.
var fixedLit, fixedDist = func() (lit, dist *decoder) {
	lit, dist = new(decoder), new(decoder)
	lit.set(fixedLengths[:])
	var five [32]uint8 // two of them stand for no distance
	for i := range five {
		five[i] = 5
	}
	dist.set(five[:])
	return lit, dist
}()
