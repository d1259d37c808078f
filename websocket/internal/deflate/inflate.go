package deflate

import (
	"errors"
	"sync"
)

// What is wrong with compressed data.
var (
	ErrCorrupt = errors.New("compressed data is no DEFLATE stream (RFC 1951)")
	ErrWindow  = errors.New("compressed data refers to what is outside the window (RFC 7692 §7.1.2)")
	ErrCut     = errors.New("compressed data ends in the middle (RFC 7692 §7.2.1)")
)

// Inflater decompresses the messages of one direction of a connection, one
// after the other. For each: Take what has arrived and call Next until it has no
// more, as often as there is something, then End.
type Inflater struct {
	bits     uint8
	takeover bool
	window   []byte   // with takeover: what the messages so far ended with
	s        *inflate // while a message is open, and until Release
	ended    bool     // s is only held because a view of it has been handed out
}

// NewInflater returns an Inflater for a peer with a window of so many bits.
// takeover says that it keeps its window from message to message.
func NewInflater(bits int, takeover bool) *Inflater {
	// The raw DEFLATE of zlib, which many peers use, knows no window of 8 bits
	// and takes one of 9 for it.
	return &Inflater{bits: uint8(max(bits, MinBits+1)), takeover: takeover}
}

// open makes the working memory ready for the message that is begun or goes on.
func (d *Inflater) open() *inflate {
	if d.ended {
		d.Release()
	}
	if d.s == nil {
		d.s = newInflate(d.bits)
		d.s.end = copy(d.s.buf, d.window)
		d.s.start = d.s.end
	}
	return d.s
}

// Room returns how many octets Take would take.
func (d *Inflater) Room() int {
	s := d.open()
	return len(s.in) - (s.w - s.r)
}

// Take takes octets of the message, at most Room of them, and returns how many.
// They are copied.
func (d *Inflater) Take(p []byte) int {
	s := d.open()
	if len(p) > len(s.in)-s.w {
		s.w = copy(s.in[:], s.in[s.r:s.w])
		s.r = 0
	}
	n := copy(s.in[s.w:], p)
	s.w += n
	s.any = s.any || n > 0
	return n
}

// Next returns the next piece of the inflated message, a view that is valid
// until the next call of any method, and whether there may be more to come of
// what has been taken. With an error it returns what was inflated before it; the
// Inflater is of no further use then.
func (d *Inflater) Next() (out []byte, more bool, err error) {
	s := d.open()
	s.slide()
	more, err = s.run()
	out = s.buf[s.start:s.end]
	s.start = s.end
	return out, more, err
}

// End ends the message: what has been taken has to be the whole of it. What Next
// returned last stays valid until Release or the next message.
func (d *Inflater) End() error {
	s := d.open()
	if !s.whole() {
		return ErrCut
	}
	if d.takeover {
		last := s.buf[max(0, s.end-s.reach()):s.end]
		if cap(d.window) < len(last) {
			d.window = make([]byte, 0, min(max(256, 2*len(last)), s.reach()))
		}
		d.window = append(d.window[:0], last...)
	}
	d.ended = true
	return nil
}

// Release gives the working memory back if no message is open.
func (d *Inflater) Release() {
	if d.ended {
		d.ended = false
		d.Drop()
	}
}

// Drop gives the working memory back, whatever becomes of the message.
func (d *Inflater) Drop() {
	if d.s != nil {
		putInflate(d.s)
		d.s = nil
	}
}

// inputSize is how much compressed data is taken at once.
const inputSize = 2 << 10

// step is what an inflate expects next.
type step uint8

const (
	atBlock     step = iota // a block's header (RFC 1951 §3.2.3)
	atStoredLen             // LEN and NLEN of a stored block
	atStored                // its octets
	atCounts                // HLIT, HDIST and HCLEN of a dynamic block
	atCodeLens              // the lengths of the code length code
	atLens                  // those of the other codes
	atSymbols               // compressed data
)

// inflate is the working memory of a message. It stops wherever the input ends
// and goes on when there is more.
type inflate struct {
	buf        []byte // the window, and the output behind it
	start, end int    // output that has not been handed out
	bits       uint8  // of the window

	in   [inputSize]byte
	r, w int    // of in: what has not been loaded yet
	acc  uint64 // bits that have been loaded, the next is the lowest
	n    uint   // how many

	step         step
	any          bool // there was input at all
	final        bool // the block is marked as the last one
	wasFinal     bool // the block before was
	stored       int  // octets of the stored block to come
	length, dist int  // what is left of a copy that found no room

	nlit, ndist, nclen, have int // of a dynamic block's header
	lens                     [maxLit + maxDist]uint8
	lit, distance            *decoder
	own                      [2]decoder
}

var inflates [MaxBits + 1]sync.Pool // by the size of the window

func newInflate(bits uint8) *inflate {
	s, _ := inflates[bits].Get().(*inflate)
	if s == nil {
		s = &inflate{buf: make([]byte, 1<<bits+max(8<<10, 1<<bits>>1)), bits: bits}
	}
	s.start, s.end, s.r, s.w, s.acc, s.n = 0, 0, 0, 0, 0, 0
	s.step, s.any, s.final, s.wasFinal, s.length = atBlock, false, false, false, 0
	return s
}

func putInflate(s *inflate) {
	poison(s.buf)
	inflates[s.bits].Put(s)
}

func (s *inflate) reach() int { return 1 << s.bits }

// slide makes room behind a full buffer.
func (s *inflate) slide() {
	if s.end == len(s.buf) {
		s.end = copy(s.buf, s.buf[s.end-s.reach():])
		s.start = s.end
	}
}

// whole reports whether the message may end here: where the four octets that the
// sender left out would complete an empty stored block (RFC 7692 §7.2.2), behind
// a block that is marked as the last, or before anything has come.
func (s *inflate) whole() bool {
	return s.n == 0 && s.r == s.w && (s.step == atStoredLen || s.step == atBlock && s.wasFinal || !s.any)
}

// load loads as many bits as there is room and input for.
func (s *inflate) load() {
	for s.n <= 56 && s.r < s.w {
		s.acc |= uint64(s.in[s.r]) << s.n
		s.r++
		s.n += 8
	}
}

// drop takes n bits, which have been loaded.
func (s *inflate) drop(n uint) uint64 {
	v := s.acc & (1<<n - 1)
	s.acc >>= n
	s.n -= n
	return v
}

// run inflates until the input is used up, or the room for output: full.
func (s *inflate) run() (full bool, err error) {
	for {
		s.load()
		more := false
		switch s.step {
		case atBlock:
			more, err = s.blockHeader()
		case atStoredLen:
			more, err = s.storedLen()
		case atStored:
			more, full = s.copyStored()
		case atCounts:
			more, err = s.counts()
		case atCodeLens:
			more, err = s.codeLens()
		case atLens:
			more, err = s.codeLengths()
		case atSymbols:
			more, full, err = s.symbols()
		}
		if !more || err != nil {
			return full, err
		}
	}
}

func (s *inflate) blockHeader() (more bool, err error) {
	if s.n < 3 {
		return false, nil
	}
	s.final = s.drop(1) == 1
	s.wasFinal = false
	switch s.drop(2) {
	case 0:
		s.drop(s.n % 8)
		s.step = atStoredLen
	case 1:
		s.lit, s.distance = fixedLit, fixedDist
		s.step = atSymbols
	case 2:
		s.step = atCounts
	default:
		return false, ErrCorrupt
	}
	return true, nil
}

// blockEnd ends a block. Behind one that is marked as the last, the rest of the
// octet is skipped (RFC 7692 §7.2.3.4).
func (s *inflate) blockEnd() {
	s.step = atBlock
	if s.wasFinal = s.final; s.final {
		s.drop(s.n % 8)
	}
}

func (s *inflate) storedLen() (more bool, err error) {
	if s.n < 32 {
		return false, nil
	}
	n := s.drop(16)
	if s.drop(16) != n^0xFFFF {
		return false, ErrCorrupt
	}
	s.stored, s.step = int(n), atStored
	return true, nil
}

func (s *inflate) copyStored() (more, full bool) {
	for s.stored > 0 && s.n > 0 && s.end < len(s.buf) {
		s.buf[s.end] = byte(s.drop(8))
		s.end++
		s.stored--
	}
	if s.n == 0 {
		n := copy(s.buf[s.end:], s.in[s.r:s.r+min(s.stored, s.w-s.r)])
		s.r, s.end, s.stored = s.r+n, s.end+n, s.stored-n
	}
	if s.stored > 0 {
		return false, s.end == len(s.buf)
	}
	s.blockEnd()
	return true, false
}

func (s *inflate) counts() (more bool, err error) {
	if s.n < 14 {
		return false, nil
	}
	s.nlit, s.ndist, s.nclen = int(s.drop(5))+257, int(s.drop(5))+1, int(s.drop(4))+4
	if s.nlit > maxLit || s.ndist > maxDist {
		return false, ErrCorrupt
	}
	s.step, s.have = atCodeLens, 0
	clear(s.lens[:len(clenOrder)])
	return true, nil
}

func (s *inflate) codeLens() (more bool, err error) {
	for ; s.have < s.nclen; s.have++ {
		if s.load(); s.n < 3 {
			return false, nil
		}
		s.lens[clenOrder[s.have]] = uint8(s.drop(3))
	}
	s.lit = &s.own[0]
	if !s.lit.set(s.lens[:len(clenOrder)]) {
		return false, ErrCorrupt
	}
	s.step, s.have = atLens, 0
	return true, nil
}

// codeLengths reads the lengths of both codes (RFC 1951 §3.2.7).
func (s *inflate) codeLengths() (more bool, err error) {
	total := s.nlit + s.ndist
	for s.have < total {
		s.load()
		sym, l := s.lit.next(s.acc, s.n)
		switch {
		case l == needBits:
			return false, nil
		case l == noCode:
			return false, ErrCorrupt
		case sym < 16:
			s.drop(l)
			s.lens[s.have] = uint8(sym)
			s.have++
			continue
		}
		repeat, extra, value := uint64(3), uint(2), uint8(0)
		switch sym {
		case 16:
			if s.have == 0 {
				return false, ErrCorrupt
			}
			value = s.lens[s.have-1]
		case 17:
			extra = 3
		default:
			repeat, extra = 11, 7
		}
		if s.n < l+extra {
			return false, nil
		}
		s.drop(l)
		repeat += s.drop(extra)
		if s.have+int(repeat) > total {
			return false, ErrCorrupt
		}
		for range repeat {
			s.lens[s.have] = value
			s.have++
		}
	}
	s.lit, s.distance = &s.own[0], &s.own[1]
	if !s.lit.set(s.lens[:s.nlit]) || !s.distance.set(s.lens[s.nlit:total]) {
		return false, ErrCorrupt
	}
	s.step = atSymbols
	return true, nil
}

// symbols inflates until the block's end.
func (s *inflate) symbols() (more, full bool, err error) {
	for {
		if s.length > 0 && !s.copyMatch() {
			return false, true, nil
		}
		if s.n < 48 { // the most that a length and a distance take
			s.load()
		}
		sym, l := s.lit.next(s.acc, s.n)
		switch {
		case l == needBits:
			return false, false, nil
		case l == noCode:
			return false, false, ErrCorrupt
		case sym < endOfBlock:
			if s.end == len(s.buf) {
				return false, true, nil
			}
			s.buf[s.end] = byte(sym)
			s.end++
			s.drop(l)
			continue
		case sym == endOfBlock:
			s.drop(l)
			s.blockEnd()
			return true, false, nil
		}
		if sym -= endOfBlock + 1; sym >= uint(len(lengthBase)) {
			return false, false, ErrCorrupt
		}
		used := l + uint(lengthBits[sym])
		if s.n < used {
			return false, false, nil
		}
		dsym, dl := s.distance.next(s.acc>>used, s.n-used)
		switch {
		case dl == needBits:
			return false, false, nil
		case dl == noCode, dsym >= uint(len(distBase)):
			return false, false, ErrCorrupt
		case s.n < used+dl+uint(distBits[dsym]):
			return false, false, nil
		}
		s.drop(l)
		s.length = int(lengthBase[sym]) + int(s.drop(uint(lengthBits[sym])))
		s.drop(dl)
		s.dist = int(distBase[dsym]) + int(s.drop(uint(distBits[dsym])))
		if s.dist > min(s.end, s.reach()) {
			return false, false, ErrWindow
		}
	}
}

// copyMatch copies what the last length and distance stand for, and reports
// whether there was room for all of it.
func (s *inflate) copyMatch() bool {
	n := min(s.length, len(s.buf)-s.end)
	s.length -= n
	// What is copied may reach into itself: it then repeats what it begins with.
	from, end := s.end-s.dist, s.end+n
	for s.end < end {
		s.end += copy(s.buf[s.end:end], s.buf[from:s.end])
	}
	return s.length == 0
}
