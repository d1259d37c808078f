package http1

import "encoding/binary"

// Classes of octets, RFC 9110 §5.5, §5.6.2 and RFC 3986 §2.
const (
	isToken   = 1 << iota // tchar
	isValue               // field value: tab, 0x20-0x7e, 0x80-0xff
	isLine                // request line: 0x20-0x7e
	isRegName             // unreserved and sub-delims
	isDigit
	isHex
)

var class = func() (t [256]uint8) {
	set := func(bit uint8, octets string) {
		for i := range len(octets) {
			t[octets[i]] |= bit
		}
	}
	const alnum = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	set(isToken, alnum+"!#$%&'*+-.^_`|~")
	set(isRegName, alnum+"-._~!$&'()*+,;=")
	set(isDigit, "0123456789")
	set(isHex, "0123456789abcdefABCDEF")
	t['\t'] |= isValue
	for c := 0x20; c <= 0xff; c++ {
		switch {
		case c < 0x7f:
			t[c] |= isValue | isLine
		case c > 0x7f:
			t[c] |= isValue
		}
	}
	return t
}()

// find returns the place of the first octet of b that is not of the class isValue or isLine, or -1.
// It looks at eight octets at a time and at single ones only near a suspect.
func find(b []byte, bit uint8) int {
	i := 0
	for ; len(b)-i >= 8; i += 8 {
		if suspect(binary.LittleEndian.Uint64(b[i:]), bit) {
			if j := findSlow(b[i:i+8], bit); j >= 0 {
				return i + j
			}
		}
	}
	if len(b) >= 8 && (i == len(b) || !suspect(binary.LittleEndian.Uint64(b[len(b)-8:]), bit)) {
		return -1
	}
	if j := findSlow(b[i:], bit); j >= 0 {
		return i + j
	}
	return -1
}

// suspect reports whether one of the eight octets is below 0x20 or is 0x7f, or, for isLine, is above that.
func suspect(x uint64, bit uint8) bool {
	const (
		ones = 0x0101010101010101
		high = 0x8080808080808080
	)
	del := x ^ 0x7f*ones
	m := (x-0x20*ones)&^x | (del-ones)&^del
	if bit == isLine {
		m |= x
	}
	return m&high != 0
}

func findSlow(b []byte, bit uint8) int {
	for i, c := range b {
		if class[c]&bit == 0 {
			return i
		}
	}
	return -1
}

// trim returns b without the spaces and tabs around it, RFC 9110 §5.6.3.
func trim(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t') {
		b = b[1:]
	}
	for len(b) > 0 && (b[len(b)-1] == ' ' || b[len(b)-1] == '\t') {
		b = b[:len(b)-1]
	}
	return b
}

// folds reports whether b is the word, which is lower case, whatever the case of b. Only for words of letters and hyphens.
func folds(b []byte, word string) bool {
	if len(b) != len(word) {
		return false
	}
	for i := range len(word) {
		if b[i]|0x20 != word[i] {
			return false
		}
	}
	return true
}

// token reports whether b is a token, RFC 9110 §5.6.2.
func token(b []byte) bool {
	for _, c := range b {
		if class[c]&isToken == 0 {
			return false
		}
	}
	return len(b) > 0
}
