package deflate_test

import (
	"bytes"
	"compress/flate"
	"errors"
	"io"
	"testing"
)

const tail = "\x00\x00\xff\xff"

// standard inflates what the standard library's reader makes of a payload, which
// has to end exactly at the end of a block.
func standard(payload, window []byte) ([]byte, error) {
	r := flate.NewReaderDict(bytes.NewReader([]byte(string(payload)+tail+"\x01\x00\x00\xff\xff")), window)
	return io.ReadAll(r)
}

// parser reads DEFLATE bit by bit and notes how far it looks back. It shares no
// code with what it is there to test.
type parser struct {
	in       []byte
	pos      int // in bits
	out      int // octets
	farthest int
	blocks   [3]int
}

var errParse = errors.New("no DEFLATE stream")

func (p *parser) bit() int {
	if p.pos >= 8*len(p.in) {
		panic(errParse)
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
	panic(errParse)
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
			err = errParse
		}
	}()
	for p.pos < 8*len(p.in) {
		final, typ := p.bit(), p.bits(2)
		p.blocks[typ]++
		var lit, dist map[int]int
		switch typ {
		case 0:
			p.pos = (p.pos + 7) &^ 7
			n := p.bits(16)
			if p.bits(16) != n^0xFFFF {
				return errParse
			}
			p.pos += 8 * n
			p.out += n
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
				p.out++
				continue
			}
			length := 258
			if sym < 285 {
				length = p.value(sym-257, 3, 4)
			}
			p.farthest = max(p.farthest, p.value(p.symbol(dist), 1, 2))
			p.out += length
		}
		if final == 1 {
			return errParse // nothing here is a last block
		}
	}
	return nil
}

// parse takes a payload apart.
func parse(t *testing.T, payload []byte) *parser {
	t.Helper()
	p := &parser{in: []byte(string(payload) + tail)}
	if err := p.parse(); err != nil {
		t.Fatalf("%x: %v", payload, err)
	}
	if bytes.HasSuffix(payload, []byte(tail)) {
		t.Fatalf("%x ends in 00 00 ff ff", payload)
	}
	return p
}
