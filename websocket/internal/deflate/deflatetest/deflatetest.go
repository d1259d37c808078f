// Package deflatetest reads DEFLATE (RFC 1951) slowly and strictly, to judge what
// others have written.
package deflatetest

import (
	"bytes"
	"errors"
)

const tail = "\x00\x00\xff\xff"

// Facts are what a compressed message is made of.
type Facts struct {
	Octets   int    // that it inflates to
	Farthest int    // the largest distance
	Blocks   [3]int // of each type: stored, with fixed and with dynamic codes
}

// Parse takes the payload of a compressed message apart, as it is sent (RFC 7692
// §7.2.1). It does not look at what distances lead to.
func Parse(payload []byte) (Facts, error) {
	if bytes.HasSuffix(payload, []byte(tail)) {
		return Facts{}, errors.New("deflatetest: the payload ends in 00 00 ff ff (RFC 7692 §7.2.1)")
	}
	p := &parser{in: []byte(string(payload) + tail)}
	err := p.parse()
	return p.facts, err
}

// parser reads DEFLATE bit by bit and notes how far it looks back. It shares no
// code with what it is there to test.
type parser struct {
	in    []byte
	pos   int // in bits
	facts Facts
}

var errStream = errors.New("deflatetest: no DEFLATE stream that ends at a block's and an octet's end")

func (p *parser) bit() int {
	if p.pos >= 8*len(p.in) {
		panic(errStream)
	}
	b := int(p.in[p.pos/8]) >> (p.pos % 8) & 1
	p.pos++
	return b
}

func (p *parser) bits(n int) (v int) {
	for i := range n {
		v |= p.bit() << i
	}
	return v
}

// codeBook maps a code with a 1 before it to its symbol.
func codeBook(lengths []int) map[int]int {
	book := map[int]int{}
	code := 0
	for l := 1; l <= 15; l++ {
		code <<= 1
		for sym, have := range lengths {
			if have == l {
				book[1<<l|code] = sym
				code++
			}
		}
	}
	return book
}

func (p *parser) symbol(book map[int]int) int {
	code := 1
	for range 15 {
		code = code<<1 | p.bit()
		if sym, ok := book[code]; ok {
			return sym
		}
	}
	panic(errStream)
}

// value turns a symbol into a length or distance: steps of 1<<extra behind each
// other, per symbols with the same number of extra bits.
func (p *parser) value(sym, first, per int) int {
	if sym < 2*per {
		return first + sym
	}
	extra := sym/per - 1
	return first + (per+sym%per)<<extra + p.bits(extra)
}

// parse reads to the end of the input, which has to be the end of a block and
// of an octet.
func (p *parser) parse() (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = errStream
		}
	}()
	for p.pos < 8*len(p.in) {
		final, typ := p.bit(), p.bits(2)
		p.facts.Blocks[typ]++
		var lit, dist map[int]int
		switch typ {
		case 0:
			p.pos = (p.pos + 7) &^ 7
			n := p.bits(16)
			if p.bits(16) != n^0xFFFF {
				return errStream
			}
			p.pos += 8 * n
			p.facts.Octets += n
			continue
		case 1:
			lengths := make([]int, 288)
			for i := range lengths {
				lengths[i] = 8
				if i >= 144 && i < 256 {
					lengths[i] = 9
				} else if i >= 256 && i < 280 {
					lengths[i] = 7
				}
			}
			five := make([]int, 32)
			for i := range five {
				five[i] = 5
			}
			lit, dist = codeBook(lengths), codeBook(five)
		case 2:
			nlit, ndist, nclen := p.bits(5)+257, p.bits(5)+1, p.bits(4)+4
			clen := make([]int, 19)
			for _, i := range []int{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}[:nclen] {
				clen[i] = p.bits(3)
			}
			book := codeBook(clen)
			var all []int
			for len(all) < nlit+ndist {
				sym := p.symbol(book)
				value, times := sym, 1
				switch sym {
				case 16:
					value, times = all[len(all)-1], 3+p.bits(2)
				case 17:
					value, times = 0, 3+p.bits(3)
				case 18:
					value, times = 0, 11+p.bits(7)
				}
				for range times {
					all = append(all, value)
				}
			}
			lit, dist = codeBook(all[:nlit]), codeBook(all[nlit:])
		}
		for {
			sym := p.symbol(lit)
			if sym == 256 {
				break
			}
			if sym < 256 {
				p.facts.Octets++
				continue
			}
			length := 258
			if sym < 285 {
				length = p.value(sym-257, 3, 4)
			}
			p.facts.Farthest = max(p.facts.Farthest, p.value(p.symbol(dist), 1, 2))
			p.facts.Octets += length
		}
		if final == 1 {
			return errStream // nothing here is a last block
		}
	}
	return nil
}
