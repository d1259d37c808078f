package deflate

import (
	"math/bits"
	"sync"
)

// Deflater compresses the messages of one direction of a connection, one after
// the other.
//
// What it looks back at are messages that it was told of by Sent, and nothing
// else: a message may be compressed and then not be sent after all. It is not
// needed for a window to be kept that it holds all that the peer's does, as
// long as it holds the end of it. So a Deflater may forget at any time.
type Deflater struct {
	bits     uint8
	takeover bool
	level    level
	h        *history // nil: nothing to look back at
}

// NewDeflater returns a Deflater with a window of so many bits. takeover says
// that the window is kept from message to message. level is 1, the fastest, to 9.
func NewDeflater(bits int, takeover bool, level int) *Deflater {
	return &Deflater{bits: uint8(bits), takeover: takeover, level: levels[level]}
}

// level is how hard to look for matches.
type level struct {
	ways uint8 // places that are tried
	lazy bool  // see whether the next place has a longer match
	good uint8 // length of a match that is good enough
}

var levels = [10]level{
	1: {1, false, 8}, 2: {1, false, 16}, 3: {1, true, 8},
	4: {2, true, 16}, 5: {2, true, 32}, 6: {4, true, 32},
	7: {4, true, 64}, 8: {8, true, 128}, 9: {16, true, 255},
}

// DefaultLevel is a good middle.
const DefaultLevel = 5

// history is what a Deflater knows of the messages before.
type history struct {
	window []byte
	// table has the places of what looks alike, as positions in all that was
	// ever compressed, of which the lowest 16 bits are kept. An entry may be out
	// of date: what it leads to is compared.
	table   []uint16
	base    uint16 // position of the window's first octet
	indexed int    // octets of the window that are in the table
}

func (h *history) reset() {
	h.window, h.base, h.indexed = h.window[:0], 0, 0
	clear(h.table)
}

// tableBits is the size of the table for a window: half as many entries as
// octets, but for the smallest.
func tableBits(bits uint8) uint8 { return max(bits-1, MinBits) }

func newHistory(bits uint8) *history {
	return &history{window: make([]byte, 0, 1<<bits), table: make([]uint16, 1<<tableBits(bits))}
}

// histories are for messages that come in fragments, without takeover.
var histories [MaxBits + 1]sync.Pool

// Append compresses p as a whole message and appends the result to dst: what
// RFC 7692 §7.2.1 has as the payload, without the last four octets.
func (d *Deflater) Append(dst, p []byte) []byte {
	return d.append(dst, p, true)
}

// AppendFragment compresses the next fragment of a message; last ends it. The
// caller tells Sent of each before the next.
func (d *Deflater) AppendFragment(dst, p []byte, last bool) []byte {
	if d.h == nil && !last {
		if d.h, _ = histories[d.bits].Get().(*history); d.h == nil {
			d.h = newHistory(d.bits)
		}
		d.h.reset()
	}
	return d.append(dst, p, last)
}

// tail ends what has been flushed to an octet boundary: the length of an empty
// stored block.
const tail = "\x00\x00\xff\xff"

func (d *Deflater) append(dst, p []byte, last bool) []byte {
	h := d.h
	if h == nil && d.takeover {
		d.h = newHistory(d.bits)
		h = d.h
	}
	e := encoders.Get().(*encoder)
	defer encoders.Put(e)
	e.compress(dst, p, h, d.bits, d.level)
	e.out.stored(0)
	dst = e.out.b
	e.out.b = nil
	if last {
		dst = dst[:len(dst)-len(tail)]
	}
	return dst
}

// Sent says that p has been sent, as what Append or AppendFragment was given
// last, or (prepared) in a form that was compressed elsewhere. last is false for
// a fragment with more to come.
func (d *Deflater) Sent(p []byte, last, prepared bool) {
	h := d.h
	switch {
	case h == nil:
		return
	case last && !d.takeover:
		histories[d.bits].Put(h)
		d.h = nil
		return
	}
	h.remember(p)
	if !prepared {
		h.indexed = max(len(h.window)-(minHash-1), 0)
	}
}

// Forget makes the next message look back at nothing.
func (d *Deflater) Forget() {
	d.h = nil
}

// remember moves the window on behind p.
func (h *history) remember(p []byte) {
	size := cap(h.window)
	gone := max(len(h.window)+len(p)-size, 0) // octets that leave the window, p's own ones included
	h.base += uint16(gone)
	h.indexed = max(h.indexed-gone, 0)
	if len(p) >= size {
		h.window = append(h.window[:0], p[len(p)-size:]...)
		return
	}
	n := copy(h.window, h.window[gone:])
	h.window = append(h.window[:n], p...)
}

// encoder is the working memory of a compression.
type encoder struct {
	buf    [1<<MaxBits + chunkSize]byte // the window, and the input behind it
	table  [1 << (MaxBits - 2)]uint16   // where there is no history
	tokens [chunkSize]token
	n      int // tokens
	out    bitWriter
	lit    code
	dist   code
	clen   code
	header []uint16 // of a dynamic block
}

var encoders = sync.Pool{New: func() any {
	return &encoder{
		lit: newCode(maxLit), dist: newCode(maxDist), clen: newCode(len(clenOrder)), header: make([]uint16, 0, maxLit+maxDist),
	}
}}

// chunkSize is how much input makes a block.
const chunkSize = 32 << 10

// compress appends p to dst in blocks, which end e.out, not at an octet boundary.
func (e *encoder) compress(dst, p []byte, h *history, windowBits uint8, l level) {
	e.out = bitWriter{b: dst}
	m := matcher{level: l, reach: 1 << windowBits}
	end := 0
	if h != nil {
		end = copy(e.buf[:], h.window)
		m.table, m.base = h.table, h.base
		m.shift = 32 - tableBits(windowBits)
		m.index(e.buf[:end], h.indexed)
	} else {
		size := min(max(uint8(bits.Len(uint(len(p)))), MinBits), tableBits(windowBits), MaxBits-2)
		m.table = e.table[:1<<size]
		m.shift = 32 - size
		clear(m.table)
	}
	for len(p) > 0 {
		n := copy(e.buf[end:end+min(len(p), chunkSize)], p)
		p = p[n:]
		e.n = m.tokens(e.tokens[:0], e.buf[:end+n], end)
		e.block(e.buf[end : end+n])
		if end += n; len(p) > 0 && end > m.reach {
			m.base += uint16(end - m.reach)
			end = copy(e.buf[:], e.buf[end-m.reach:end])
		}
	}
}
