package deflate

import "slices"

// huff is a symbol's code, its bits in the order of the wire; length 0: none.
type huff struct {
	code   uint16
	length uint8
}

// code is a Huffman code that is made for the frequencies of its symbols.
type code struct {
	freq  []uint32
	codes []huff
	work  []uint32
}

func newCode(symbols int) code {
	return code{make([]uint32, symbols), make([]huff, symbols), make([]uint32, 0, 2*symbols)}
}

// used returns how many symbols there are up to the last that has a code, but
// at least so many.
func (c *code) used(least int) int {
	n := len(c.codes)
	for n > least && c.codes[n-1].length == 0 {
		n--
	}
	return n
}

// size is how many bits all symbols take together.
func (c *code) size() (bits int) {
	for sym, f := range c.freq {
		bits += int(f) * int(c.codes[sym].length)
	}
	return bits
}

// build makes the code: the shortest there is, its codes cut to most bits then.
func (c *code) build(most int) {
	clear(c.codes)
	const symbolBits = 9
	sorted := c.work[:0]
	for sym, f := range c.freq {
		if f > 0 {
			sorted = append(sorted, f<<symbolBits|uint32(sym))
		}
	}
	n := len(sorted)
	if n < 2 {
		// One code of one bit is allowed where there is nothing to tell apart
		// (RFC 1951 §3.2.7).
		sym := 0
		if n == 1 {
			sym = int(sorted[0] & (1<<symbolBits - 1))
		}
		c.codes[sym].length = 1
		return
	}
	slices.Sort(sorted)
	weights := sorted[n : 2*n]
	for i, s := range sorted {
		weights[i] = s >> symbolBits
	}
	depths(weights)
	var count [32]int
	for _, d := range weights {
		count[min(int(d), most)]++
	}
	limit(count[:most+1])
	var next [32]uint16
	for l := 1; l < most; l++ {
		next[l+1] = (next[l] + uint16(count[l])) << 1
	}
	// The rarest symbols get the longest codes, among those of a length the order
	// is that of the symbols.
	length := most
	for _, s := range sorted {
		for count[length] == 0 {
			length--
		}
		count[length]--
		c.codes[s&(1<<symbolBits-1)].length = uint8(length)
	}
	for sym := range c.codes {
		if h := &c.codes[sym]; h.length > 0 {
			h.code = reverse(next[h.length], h.length)
			next[h.length]++
		}
	}
}

// depths turns weights, which ascend, into the depths of their leaves in a
// Huffman tree, which descend. There are at least two. The tree is built in place
// (Moffat and Katajainen, In-place calculation of minimum-redundancy codes, 1995):
// inner nodes take the places of the leaves that have been used up.
func depths(w []uint32) {
	n := len(w)
	leaf, inner := 0, 0
	lighter := func(next int) uint32 {
		var v uint32
		if leaf >= n || inner < next && w[inner] < w[leaf] {
			v = w[inner]
			w[inner] = uint32(next) // from now on: its parent
			inner++
		} else {
			v = w[leaf]
			leaf++
		}
		return v
	}
	for next := range n - 1 {
		v := lighter(next)
		v += lighter(next)
		w[next] = v
	}
	// From parents to depths of the inner nodes; the root is the last.
	w[n-2] = 0
	for i := n - 3; i >= 0; i-- {
		w[i] = w[w[i]] + 1
	}
	// What a level has room for beside its inner nodes are leaves.
	room, depth, next := 1, uint32(0), n-1
	for i := n - 2; room > 0; depth++ {
		inside := 0
		for i >= 0 && w[i] == depth {
			inside++
			i--
		}
		for range room - inside {
			w[next] = depth
			next--
		}
		room = 2 * inside
	}
}

// limit makes lengths, of which there are count of each, those of a code again
// after those that were too long have been cut.
func limit(count []int) {
	most := len(count) - 1
	total := 0
	for l := 1; l <= most; l++ {
		total += count[l] << (most - l)
	}
	for ; total > 1<<most; total-- {
		// A leaf of the lowest level goes under one from further up.
		count[most]--
		for l := most - 1; l > 0; l-- {
			if count[l] > 0 {
				count[l]--
				count[l+1] += 2
				break
			}
		}
	}
}

var fixedLitCodes, fixedDistCodes = func() (lit, dist []huff) {
	var next [10]uint16
	next[7], next[8], next[9] = 0, 0x30, 0x190
	for _, l := range fixedLengths {
		lit = append(lit, huff{reverse(next[l], l), l})
		next[l]++
	}
	for i := range uint16(maxDist) {
		dist = append(dist, huff{reverse(i, 5), 5})
	}
	return lit, dist
}()
