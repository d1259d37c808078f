// Package utf8x validates UTF-8 that arrives in pieces (RFC 6455 §8.1,
// RFC 3629). It says no at the first octet after which nothing could make the
// text valid, which may be in the middle of a character.
package utf8x

import (
	"encoding/binary"
	"unicode/utf8"
	"unsafe"
)

// Validator is the state between two pieces of a text: which octets may come
// next. The zero value stands at a character boundary.
type Validator struct {
	need   uint8 // continuation octets that are still to come
	lo, hi uint8 // bounds of the next one, when need > 0
}

// Complete reports whether the text so far ends at a character boundary.
func (v *Validator) Complete() bool { return v.need == 0 }

// Reset returns v to its zero value.
func (v *Validator) Reset() { *v = Validator{} }

// first describes a leading octet: how many octets follow it and within what
// bounds the next one must be. RFC 3629 §4 is exactly this table: the narrow
// bounds keep out overlong forms (E0, F0), surrogates (ED) and values above
// U+10FFFF (F4). A zero need marks an octet that cannot lead.
var first = [256]Validator{}

func init() {
	set := func(from, to int, need, lo, hi uint8) {
		for i := from; i <= to; i++ {
			first[i] = Validator{need, lo, hi}
		}
	}
	set(0xC2, 0xDF, 1, 0x80, 0xBF)
	set(0xE0, 0xE0, 2, 0xA0, 0xBF)
	set(0xE1, 0xEC, 2, 0x80, 0xBF)
	set(0xED, 0xED, 2, 0x80, 0x9F)
	set(0xEE, 0xEF, 2, 0x80, 0xBF)
	set(0xF0, 0xF0, 3, 0x90, 0xBF)
	set(0xF1, 0xF3, 3, 0x80, 0xBF)
	set(0xF4, 0xF4, 3, 0x80, 0x8F)
}

// Write takes the next piece. It returns false as soon as the text can no
// longer become valid; the validator is then of no further use. p is only read.
func (v *Validator) Write(p []byte) bool {
	i := 0
	for v.need > 0 {
		if i == len(p) {
			return true
		}
		if c := p[i]; c < v.lo || c > v.hi {
			return false
		}
		v.need, v.lo, v.hi = v.need-1, 0x80, 0xBF
		i++
	}
	p = p[i:]
	// Whatever ends the piece may be the start of a character; all before it is
	// whole, and there are faster ways for that than octet by octet.
	whole := len(p) - cut(p)
	if !valid(p[:whole]) {
		return false
	}
	for _, c := range p[whole:] {
		if v.need > 0 {
			if c < v.lo || c > v.hi {
				return false
			}
			v.need, v.lo, v.hi = v.need-1, 0x80, 0xBF
			continue
		}
		if c < utf8.RuneSelf {
			continue
		}
		if *v = first[c]; v.need == 0 {
			return false
		}
	}
	return true
}

// cut returns how many octets at the end of p may be an incomplete character:
// from the last leading octet on, if it is among the last three.
func cut(p []byte) int {
	for n := 1; n <= min(3, len(p)); n++ {
		c := p[len(p)-n]
		if c < utf8.RuneSelf {
			return n - 1
		}
		if c >= 0xC0 {
			return n
		}
	}
	return 0
}

// shortest is the least length that lookup takes, and long that from which it
// is also the fastest for ASCII.
const (
	shortest = 35
	long     = 64
)

// valid is utf8.Valid with faster ways for the short ASCII texts that most
// messages are and, where there are vectors, for all but the shortest texts.
func valid(p []byte) bool {
	if !vector || len(p) < long {
		const high = 0x8080808080808080
		for len(p) >= 32 && (binary.LittleEndian.Uint64(p)|binary.LittleEndian.Uint64(p[8:])|
			binary.LittleEndian.Uint64(p[16:])|binary.LittleEndian.Uint64(p[24:]))&high == 0 {
			p = p[32:]
		}
		for len(p) >= 8 && binary.LittleEndian.Uint64(p)&high == 0 {
			p = p[8:]
		}
	}
	if vector && len(p) >= shortest {
		return lookup(unsafe.SliceData(p), len(p)) && whole(p)
	}
	return utf8.Valid(p)
}

// whole reports whether p, in which no two octets are wrong together, ends
// with a whole character.
func whole(p []byte) bool {
	n := cut(p)
	if n == 0 {
		return true
	}
	need := first[p[len(p)-n]].need
	return need > 0 && int(need) < n
}

// Valid reports whether p is UTF-8 from beginning to end.
func Valid(p []byte) bool { return valid(p) }

// Truncate returns the longest prefix of s that has at most n octets and does
// not end inside a character.
func Truncate(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
