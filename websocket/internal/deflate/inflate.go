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
