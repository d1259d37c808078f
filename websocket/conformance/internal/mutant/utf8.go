package mutant

// text checks UTF-8 as it comes (RFC 3629 §4): it knows how many octets the
// present character still needs, and in which range the next of them lies.
type text struct {
	fault
	need   int
	lo, hi byte
}

// take reports whether b can be the next octet.
func (t *text) take(b byte) bool {
	if t.need > 0 {
		ok := b >= t.lo && b <= t.hi
		t.need--
		t.lo, t.hi = 0x80, 0xbf
		return ok
	}
	if t.lo, t.hi = 0x80, 0xbf; b < 0x80 {
		return true
	}
	long, surrogates, any := t.breaks("WS-8.1-03/overlong"), t.breaks("WS-8.1-03/surrogate"), t.breaks("WS-8.1-03/range")
	switch {
	case b >= 0xc2 && b <= 0xdf, long && b|1 == 0xc1:
		t.need = 1
	case b >= 0xe0 && b <= 0xef:
		t.need = 2
		switch {
		case b == 0xe0 && !long:
			t.lo = 0xa0 // shorter forms exist
		case b == 0xed && !surrogates:
			t.hi = 0x9f // surrogates are no characters
		}
	case b >= 0xf0 && b <= 0xf4, any && b&0xf8 == 0xf0:
		t.need = 3
		switch {
		case b == 0xf0 && !long:
			t.lo = 0x90
		case b == 0xf4 && !any:
			t.hi = 0x8f // U+10FFFF is the last
		}
	case any && b&0xfc == 0xf8:
		t.need = 4
	case any && b&0xfe == 0xfc:
		t.need = 5
	case any && b >= 0xfe:
	default:
		return false
	}
	return true
}

// takeAll reports whether the octets of p can come next.
func (t *text) takeAll(p []byte) bool {
	for _, b := range p {
		if !t.take(b) {
			return false
		}
	}
	return true
}

// whole reports whether no character has been begun and not ended.
func (t *text) whole() bool { return t.need == 0 }

// isText reports whether p is UTF-8.
func isText(p []byte, f fault) bool {
	t := text{fault: f}
	return t.takeAll(p) && t.whole()
}
