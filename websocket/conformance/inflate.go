package conformance

import (
	"errors"
	"fmt"
)

// inflater inflates DEFLATE data (RFC 1951) bit by bit, and notes how far back
// it refers: what a library hides. It is written to be obvious, not fast.
type inflater struct {
	history []byte // the last 32,768 octets of the messages so far

	in         []byte
	pos        int // in bits
	out        []byte
	start      int // where the message begins in out
	farthest   int // the largest distance in this message
	lookedBack bool
}

var errCut = errors.New("the data end too early")

// forget empties the window.
func (z *inflater) forget() { z.history = nil }

// message inflates one message, whose tail 00 00 ff ff is missing.
func (z *inflater) message(b []byte) ([]byte, error) {
	z.in = append(append([]byte(nil), b...), 0, 0, 0xFF, 0xFF)
	z.pos, z.farthest, z.lookedBack = 0, 0, false
	z.out = append([]byte(nil), z.history...)
	z.start = len(z.out)
	for z.pos < 8*len(z.in) {
		// Behind the last block only the padding of its octet may follow.
		if err := z.block(); err != nil {
			return nil, err
		}
	}
	z.history = append([]byte(nil), z.out[max(0, len(z.out)-1<<15):]...)
	plain := z.out[z.start:]
	z.in, z.out = nil, nil
	return plain, nil
}

func (z *inflater) bits(n int) (int, error) {
	v := 0
	for i := range n {
		if z.pos >= 8*len(z.in) {
			return 0, errCut
		}
		v |= int(z.in[z.pos/8]>>(z.pos%8)&1) << i
		z.pos++
	}
	return v, nil
}

// block inflates one block. A final one does not end the message: the next begins
// with the next octet (RFC 7692 §7.2.1).
func (z *inflater) block() error {
	head, err := z.bits(3)
	if err != nil {
		return err
	}
	switch head >> 1 {
	case 0:
		err = z.stored()
	case 1:
		err = z.coded(fixedLiterals, fixedDistances)
	case 2:
		err = z.dynamic()
	default:
		err = errors.New("block type 3")
	}
	if head&1 != 0 {
		z.pos = (z.pos + 7) / 8 * 8
	}
	return err
}

func (z *inflater) stored() error {
	z.pos = (z.pos + 7) / 8 * 8
	n, err := z.bits(16)
	if err != nil {
		return err
	}
	check, err := z.bits(16)
	if err != nil {
		return err
	}
	if n != check^0xFFFF {
		return fmt.Errorf("a stored block whose length %04x and check %04x do not agree", n, check)
	}
	at := z.pos / 8
	if at+n > len(z.in) {
		return errCut
	}
	z.out = append(z.out, z.in[at:at+n]...)
	z.pos += 8 * n
	return z.bounded()
}

// code is a Huffman code: how many codes there are of each length, and the
// symbols in their order.
type code struct {
	counts  [16]int
	symbols []int
}

func newCode(lengths []int) code {
	var c code
	for _, n := range lengths {
		c.counts[n]++
	}
	c.counts[0] = 0
	var next [17]int
	for n := 1; n < 16; n++ {
		next[n+1] = next[n] + c.counts[n]
	}
	c.symbols = make([]int, next[16])
	for symbol, n := range lengths {
		if n != 0 {
			c.symbols[next[n]] = symbol
			next[n]++
		}
	}
	return c
}

var fixedLiterals, fixedDistances = func() (code, code) {
	var literals [288]int
	for i := range literals {
		switch {
		case i < 144:
			literals[i] = 8
		case i < 256:
			literals[i] = 9
		case i < 280:
			literals[i] = 7
		default:
			literals[i] = 8
		}
	}
	var distances [30]int
	for i := range distances {
		distances[i] = 5
	}
	return newCode(literals[:]), newCode(distances[:])
}()

func (z *inflater) symbol(c *code) (int, error) {
	value, first, index := 0, 0, 0
	for n := 1; n < 16; n++ {
		bit, err := z.bits(1)
		if err != nil {
			return 0, err
		}
		value |= bit
		if value-c.counts[n] < first {
			return c.symbols[index+value-first], nil
		}
		index += c.counts[n]
		first = (first + c.counts[n]) << 1
		value <<= 1
	}
	return 0, errors.New("a code that no symbol has")
}

var (
	lengthBase    = [...]int{3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258}
	lengthExtra   = [...]int{0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0}
	distanceBase  = [...]int{1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577}
	distanceExtra = [...]int{0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13}
	lengthOrder   = [...]int{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}
)

func (z *inflater) coded(literals, distances code) error {
	for {
		s, err := z.symbol(&literals)
		if err != nil {
			return err
		}
		switch {
		case s < 256:
			z.out = append(z.out, byte(s))
			continue
		case s == 256:
			return nil
		case s > 285:
			return fmt.Errorf("the length symbol %d", s)
		}
		extra, err := z.bits(lengthExtra[s-257])
		if err != nil {
			return err
		}
		length := lengthBase[s-257] + extra
		if s, err = z.symbol(&distances); err != nil {
			return err
		}
		if s > 29 {
			return fmt.Errorf("the distance symbol %d", s)
		}
		if extra, err = z.bits(distanceExtra[s]); err != nil {
			return err
		}
		if err := z.copy(distanceBase[s]+extra, length); err != nil {
			return err
		}
	}
}

func (z *inflater) copy(distance, length int) error {
	at := len(z.out) - distance
	if at < 0 || distance > 1<<15 {
		return fmt.Errorf("the distance %d with %s of history", distance, count(len(z.out), "octet"))
	}
	z.farthest = max(z.farthest, distance)
	z.lookedBack = z.lookedBack || at < z.start
	for i := range length {
		z.out = append(z.out, z.out[at+i])
	}
	return z.bounded()
}

// bounded says when it has become too much.
func (z *inflater) bounded() error {
	if len(z.out)-z.start > mostInflated {
		return fmt.Errorf("it inflates to more than %d octets, more than anything that the suite asks for", mostInflated)
	}
	return nil
}

func (z *inflater) dynamic() error {
	head, err := z.bits(14)
	if err != nil {
		return err
	}
	literals, distances, lengths := head&31+257, head>>5&31+1, head>>10+4
	var order [19]int
	for i := range lengths {
		if order[lengthOrder[i]], err = z.bits(3); err != nil {
			return err
		}
	}
	c := newCode(order[:])
	list := make([]int, 0, literals+distances)
	for len(list) < literals+distances {
		s, err := z.symbol(&c)
		if err != nil {
			return err
		}
		value, base, extra := 0, 0, 0
		switch s {
		case 16:
			if len(list) == 0 {
				return errors.New("a repetition of nothing")
			}
			value, base, extra = list[len(list)-1], 3, 2
		case 17:
			base, extra = 3, 3
		case 18:
			base, extra = 11, 7
		default:
			list = append(list, s)
			continue
		}
		n, err := z.bits(extra)
		if err != nil {
			return err
		}
		for range base + n {
			list = append(list, value)
		}
	}
	if len(list) > literals+distances {
		return errors.New("more code lengths than there are codes")
	}
	return z.coded(newCode(list[:literals]), newCode(list[literals:]))
}
