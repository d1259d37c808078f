package http1

import "sync"

// mode is what the scanner takes the next octet for.
type mode uint8

const (
	modeHead    mode = iota // a request's header section
	modeLength              // a body of known length
	modeChunked             // a chunked body
	modeRaw                 // after an upgrade: not looked at
	modeEnded               // after a violation: discarded
)

// A scanner follows the octets of one connection, in the order in which they arrive, and decides which of them net/http may see.
// It has no socket and no clock. However the stream is cut into pieces, what comes out is the same.
//
// Octets go in by pass, which judges them where they lie, or, while some are held back, by space and took; they come out by what pass returns, and by take.
type scanner struct {
	cfg     *config
	mode    mode
	last    bool  // this request may be followed by another protocol, so nothing after it is a request
	length  int64 // modeLength: octets to come
	heads   int   // header sections that passed
	head    headScan
	chunk   chunkScan
	refused *refusal // the header section that was refused
	broken  *refusal // the body that was

	// What is held: buf[r:ready] may be handed on, buf[ready:w] is not judged yet. buf is nil when nothing is held.
	buf         []byte
	r, ready, w int
	out         string // after all of it, the request that stands in for the refused one
}

const pooledBuffer = 4 << 10

var buffers = sync.Pool{New: func() any { return new([pooledBuffer]byte) }}

// pass judges p[:n], which has just been read, while the scanner holds nothing. The first k octets of p may be handed
// on; the scanner has kept, moved or dropped the others.
func (s *scanner) pass(p []byte, n int) (k int) {
	for k < n {
		skip, m, ok := s.step(p[k:n])
		if skip > 0 {
			copy(p[k:], p[k+skip:n])
			n -= skip
		}
		k += m
		if !ok {
			if s.mode != modeEnded {
				s.hold(p[k:n])
			}
			break
		}
	}
	return k
}

// hold keeps b, of which nothing is judged yet, while nothing else is held.
func (s *scanner) hold(b []byte) {
	if s.buf = buffers.Get().(*[pooledBuffer]byte)[:]; len(b) >= len(s.buf) {
		s.recycle()
		s.buf = make([]byte, 2*len(b))
	}
	s.w = copy(s.buf, b)
}

// space returns where the next octets are to be put when the scanner holds some; took says how many were.
func (s *scanner) space() []byte {
	switch {
	case s.w < len(s.buf):
	case s.r > 0:
		s.w = copy(s.buf, s.buf[s.r:s.w])
		s.ready -= s.r
		s.r = 0
	default:
		b := make([]byte, 2*len(s.buf))
		copy(b, s.buf)
		s.recycle()
		s.buf = b
	}
	return s.buf[s.w:]
}

func (s *scanner) took(n int) {
	s.w += n
	for s.ready < s.w {
		skip, m, ok := s.step(s.buf[s.ready:s.w])
		if skip > 0 {
			s.w -= skip
			copy(s.buf[s.ready:], s.buf[s.ready+skip:s.w+skip])
		}
		s.ready += m
		if !ok {
			break
		}
	}
	if s.mode == modeEnded {
		s.drop()
	}
}

// drop forgets what is not judged yet.
func (s *scanner) drop() {
	s.w = s.ready
	s.release()
}

// take moves octets that may be handed on into p. What follows an upgrade comes only after all else has been taken, so that it
// is never in one piece with the request.
func (s *scanner) take(p []byte) int {
	if s.r == s.ready && s.mode == modeRaw {
		s.ready = s.w
	}
	if s.r < s.ready {
		n := copy(p, s.buf[s.r:s.ready])
		s.r += n
		s.release()
		return n
	}
	n := copy(p, s.out)
	s.out = s.out[n:]
	return n
}

// rest takes all that is held at once.
func (s *scanner) rest() []byte {
	var b []byte
	if s.r < s.w {
		b = append(b, s.buf[s.r:s.w]...)
	}
	s.r, s.ready = s.w, s.w
	s.release()
	return b
}

// holds reports whether octets are held, so that new ones go behind them.
func (s *scanner) holds() bool { return s.r < s.w }

// release gives the buffer back once it is empty.
func (s *scanner) release() {
	if s.buf == nil || s.r < s.w {
		return
	}
	s.recycle()
	s.buf, s.r, s.ready, s.w = nil, 0, 0, 0
}

func (s *scanner) recycle() {
	if len(s.buf) == pooledBuffer {
		buffers.Put((*[pooledBuffer]byte)(s.buf))
	}
}

// surrender makes the scanner transparent because a handler has taken the connection over.
func (s *scanner) surrender() {
	s.last = true
	s.out = ""
	if s.mode == modeHead {
		s.mode = modeRaw
	}
}

// step judges the octets at the head of b: after the first skip, which are dropped, m may be handed on.
// It reports false if it cannot go on: the header section is not whole, or nothing further is to be judged.
func (s *scanner) step(b []byte) (skip, m int, ok bool) {
	switch s.mode {
	case modeHead:
		n, done := s.scanHead(b)
		if !done {
			return 0, 0, false
		}
		skip = s.head.skip
		s.begin()
		return skip, n - skip, true
	case modeLength:
		m = int(min(int64(len(b)), s.length))
		s.length -= int64(m)
		if s.length == 0 {
			s.next()
		}
		return 0, m, true
	case modeChunked:
		m, done, why := s.chunk.scan(b)
		if why != nil {
			s.broken = why
			s.mode = modeEnded
			return 0, m, false
		}
		if done {
			s.next()
		}
		return 0, m, true
	}
	return 0, 0, false
}

// begin goes from a valid header section to what it says comes next.
func (s *scanner) begin() {
	h := &s.head
	s.heads++
	s.last = h.upgrade || h.connect
	switch {
	case h.codings > 0:
		s.mode = modeChunked
		s.chunk = chunkScan{}
	case h.length > 0:
		s.mode = modeLength
		s.length = h.length
	default:
		s.next()
	}
}

// next goes on after the whole request.
func (s *scanner) next() {
	if s.last {
		s.mode = modeRaw
		return
	}
	s.mode = modeHead
	s.head = headScan{}
}

// refuse ends the connection's requests: net/http gets, after those that passed, one that the handler knows as the refused one.
func (s *scanner) refuse(why *refusal) {
	s.refused = why
	s.mode = modeEnded
	s.out = standIn
	if s.head.isHEAD {
		s.out = standInHEAD // the answer to HEAD has no body
	}
}
