package deflate

import (
	"encoding/binary"
	"math/bits"
)

// token is a literal octet, or isMatch with a length less minMatch in bits 16–23
// and a distance less 1 below.
type token uint32

const isMatch token = 1 << 31

// minHash is how many octets are looked up: shorter matches are not found.
const minHash = 4

// matcher finds what has been in the window before (RFC 1951 §4).
type matcher struct {
	level level
	reach int      // the window's size: no distance is beyond it
	table []uint16 // see history; rows of level.ways entries, the newest first
	shift uint8
	base  uint16 // position of the buffer's first octet
}

func load32(b []byte, i int) uint32 { return binary.LittleEndian.Uint32(b[i:]) }

// row returns where in the table the octets v have their places.
func (m *matcher) row(v uint32) []uint16 {
	i := int(v * 0x9E3779B1 >> m.shift)
	ways := int(m.level.ways)
	i &^= ways - 1
	return m.table[i : i+ways]
}

// insert notes that the row's octets stand at buffer index i.
func (m *matcher) insert(row []uint16, i int) {
	copy(row[1:], row)
	row[0] = m.base + uint16(i)
}

// index puts buf from index i on into the table.
func (m *matcher) index(buf []byte, i int) {
	for ; i+minHash <= len(buf); i++ {
		m.insert(m.row(load32(buf, i)), i)
	}
}

// longest finds the longest match for buf[i:], of more than best octets, and
// notes i in the table.
func (m *matcher) longest(buf []byte, i, best int) (length, dist int) {
	v := load32(buf, i)
	row := m.row(v)
	limit := min(len(buf)-i, maxMatch)
	far := min(i, m.reach)
	for _, at := range row {
		d := int(m.base + uint16(i) - at)
		if d == 0 || d > far || load32(buf, i-d) != v {
			continue
		}
		n := matchLength(buf[i-d:], buf[i:i+limit])
		if n > best {
			best, length, dist = n, n, d
		}
	}
	m.insert(row, i)
	return length, dist
}

// matchLength returns how many octets a begins with that b has too; a is at
// least as long.
func matchLength(a, b []byte) int {
	n := 0
	for len(b)-n >= 8 {
		if x := binary.LittleEndian.Uint64(a[n:]) ^ binary.LittleEndian.Uint64(b[n:]); x != 0 {
			return n + bits.TrailingZeros64(x)/8
		}
		n += 8
	}
	for n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// tokens turns buf from index i on into tokens, which it puts into t, and
// returns how many.
func (m *matcher) tokens(t []token, buf []byte, i int) int {
	missed := 0
	for i+minHash <= len(buf) {
		length, dist := m.longest(buf, i, minHash-1)
		if length == 0 {
			// Where nothing has matched for long, look at fewer places.
			for skip := 1 + missed>>6; skip > 0 && i < len(buf); skip-- {
				t = append(t, token(buf[i]))
				i++
			}
			missed++
			continue
		}
		missed = 0
		known := i + 1 // up to here the places are in the table
		for m.level.lazy && length < int(m.level.good) && i+1+minHash <= len(buf) {
			l, d := m.longest(buf, i+1, length)
			if known = i + 2; l == 0 {
				break
			}
			t = append(t, token(buf[i]))
			i++
			length, dist = l, d
		}
		t = append(t, isMatch|token(length-minMatch)<<16|token(dist-1))
		end := i + length
		m.index(buf[:min(end+minHash-1, len(buf))], max(known, end-32))
		i = end
	}
	for ; i < len(buf); i++ {
		t = append(t, token(buf[i]))
	}
	return len(t)
}
