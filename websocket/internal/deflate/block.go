package deflate

import "encoding/binary"

// bitWriter appends bits to b, the first in the lowest place.
type bitWriter struct {
	b   []byte
	acc uint64
	n   uint
}

// bits appends the lowest n bits of v, at most 32; those above are zero.
func (w *bitWriter) bits(v uint32, n uint) {
	w.acc |= uint64(v) << w.n
	if w.n += n; w.n >= 32 {
		w.b = binary.LittleEndian.AppendUint32(w.b, uint32(w.acc))
		w.acc >>= 32
		w.n -= 32
	}
}

// align fills the octet with zeros.
func (w *bitWriter) align() {
	for ; w.n > 0; w.n -= min(w.n, 8) {
		w.b = append(w.b, byte(w.acc))
		w.acc >>= 8
	}
}

// stored appends the header of a stored block of n octets.
func (w *bitWriter) stored(n int) {
	w.bits(0, 3)
	w.align()
	w.b = append(w.b, byte(n), byte(n>>8), ^byte(n), ^byte(n>>8))
}

// Which symbol a length or a distance has.
var (
	lengthSymbol [maxMatch - minMatch + 1]uint8 // by the length less minMatch
	distSymbol   [512]uint8                     // by the distance less 1; from 256 on by its 128th part
)

func init() {
	for i := range lengthSymbol {
		s := len(lengthBase) - 1
		for int(lengthBase[s]) > i+minMatch {
			s--
		}
		lengthSymbol[i] = uint8(s)
	}
	for i := range distSymbol {
		d := i + 1
		if i >= 256 {
			d = (i-256)<<7 + 1
		}
		s := len(distBase) - 1
		for int(distBase[s]) > d {
			s--
		}
		distSymbol[i] = uint8(s)
	}
}

func distanceSymbol(less1 uint32) uint8 {
	if less1 < 256 {
		return distSymbol[less1]
	}
	return distSymbol[256+less1>>7]
}

// fewTokens is how many tokens are too few for a dynamic block to be worth its
// header.
const fewTokens = 64

// block appends a block with e's tokens, which stand for input, in the form that
// is shortest.
func (e *encoder) block(input []byte) {
	tokens := e.tokens[:e.n]
	clear(e.lit.freq)
	clear(e.dist.freq)
	extra := 0
	for _, t := range tokens {
		if t < isMatch {
			e.lit.freq[t]++
			continue
		}
		l, d := lengthSymbol[t>>16&0xFF], distanceSymbol(uint32(t)&0x7FFF)
		e.lit.freq[endOfBlock+1+int(l)]++
		e.dist.freq[d]++
		extra += int(lengthBits[l]) + int(distBits[d])
	}
	e.lit.freq[endOfBlock] = 1
	fixed := extra
	for sym, f := range e.lit.freq {
		fixed += int(f) * int(fixedLengths[sym])
	}
	for _, f := range e.dist.freq {
		fixed += int(f) * 5
	}
	dynamic := fixed
	if len(tokens) >= fewTokens {
		e.lit.build(maxCode)
		e.dist.build(maxCode)
		dynamic = extra + e.lit.size() + e.dist.size() + e.dynamicHeader()
	}
	switch stored := 32 + 7 + 8*len(input); {
	case stored < fixed && stored < dynamic:
		e.out.stored(len(input))
		e.out.b = append(e.out.b, input...)
	case dynamic < fixed:
		e.writeDynamicHeader()
		e.write(tokens, e.lit.codes, e.dist.codes)
	default:
		e.out.bits(1<<1, 3)
		e.write(tokens, fixedLitCodes, fixedDistCodes)
	}
}

// write appends the tokens and the end of the block.
func (e *encoder) write(tokens []token, lit, dist []huff) {
	w := &e.out
	for _, t := range tokens {
		if t < isMatch {
			c := lit[t]
			w.bits(uint32(c.code), uint(c.length))
			continue
		}
		length, less1 := uint32(t>>16&0xFF), uint32(t)&0x7FFF
		s := lengthSymbol[length]
		c := lit[endOfBlock+1+int(s)]
		w.bits(uint32(c.code)|(length+minMatch-uint32(lengthBase[s]))<<c.length, uint(c.length+lengthBits[s]))
		s = distanceSymbol(less1)
		c = dist[s]
		w.bits(uint32(c.code)|(less1+1-uint32(distBase[s]))<<c.length, uint(c.length+distBits[s]))
	}
	c := lit[endOfBlock]
	w.bits(uint32(c.code), uint(c.length))
}

// dynamicHeader works out how the lengths of both codes are written (RFC 1951
// §3.2.7), in e.header: a symbol of the code length code each, above it the
// value of its extra bits. It returns the size of the header in bits.
func (e *encoder) dynamicHeader() int {
	nlit, ndist := e.lit.used(257), e.dist.used(1)
	var all [maxLit + maxDist]uint8
	for i := range nlit {
		all[i] = e.lit.codes[i].length
	}
	for i := range ndist {
		all[nlit+i] = e.dist.codes[i].length
	}
	lengths := all[:nlit+ndist]
	e.header = e.header[:0]
	clear(e.clen.freq)
	add := func(sym, extra int) {
		e.header = append(e.header, uint16(extra<<8|sym))
		e.clen.freq[sym]++
	}
	bits := 0
	for i := 0; i < len(lengths); {
		l, run := lengths[i], 1
		for i+run < len(lengths) && lengths[i+run] == l {
			run++
		}
		i += run
		if l != 0 {
			add(int(l), 0)
			run--
		}
		for run >= 3 {
			switch {
			case l != 0:
				n := min(run, 6)
				add(16, n-3)
				bits += 2
				run -= n
			case run <= 10:
				add(17, run-3)
				bits += 3
				run = 0
			default:
				n := min(run, 138)
				add(18, n-11)
				bits += 7
				run -= n
			}
		}
		for ; run > 0; run-- {
			add(int(l), 0)
		}
	}
	e.clen.build(7)
	return 3 + 14 + 3*e.clenCount() + e.clen.size() + bits
}

// clenCount is how many lengths of the code length code are written.
func (e *encoder) clenCount() int {
	n := len(clenOrder)
	for n > 4 && e.clen.codes[clenOrder[n-1]].length == 0 {
		n--
	}
	return n
}

func (e *encoder) writeDynamicHeader() {
	w := &e.out
	w.bits(2<<1, 3)
	n := e.clenCount()
	w.bits(uint32(e.lit.used(257)-257), 5)
	w.bits(uint32(e.dist.used(1)-1), 5)
	w.bits(uint32(n-4), 4)
	for _, sym := range clenOrder[:n] {
		w.bits(uint32(e.clen.codes[sym].length), 3)
	}
	for _, h := range e.header {
		c := e.clen.codes[h&0xFF]
		w.bits(uint32(c.code), uint(c.length))
		switch h & 0xFF {
		case 16:
			w.bits(uint32(h>>8), 2)
		case 17:
			w.bits(uint32(h>>8), 3)
		case 18:
			w.bits(uint32(h>>8), 7)
		}
	}
}
