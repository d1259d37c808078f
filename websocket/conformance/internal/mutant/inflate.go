package mutant

import (
	"bytes"
	"compress/flate"
	"errors"
	"io"
)

// inflater decompresses messages. It keeps 32,768 octets of what came before, the
// most that the peer can refer to.
type inflater struct {
	fault
	takeover bool
	history  []byte
	n        int  // messages so far
	over     bool // a fault: a block was the last
}

var (
	errTooBig  = errors.New("mutant: message is larger than the limit")
	errDeflate = errors.New("mutant: the data is no DEFLATE stream")
)

// message inflates the payload of one message. Beyond limit octets it stops, and
// returns as many with errTooBig.
func (f *inflater) message(p []byte, limit int) ([]byte, error) {
	if len(p) == 0 {
		if f.breaks("PD-7.2-08") {
			f.history = nil
		}
		return nil, nil
	}
	if f.n++; f.n > 1 && f.breaks("PD-7.1-06") || f.refuses(p) {
		return nil, errDeflate
	}
	if f.over {
		return nil, nil
	}
	p = f.shorten(p)
	// The tail that the sender removed, and a final empty block behind it: a stream
	// that was not cut ends with exactly that.
	tail := []byte{0x00, 0x00, 0xff, 0xff, 0x01, 0x00, 0x00, 0xff, 0xff}
	in := bytes.NewReader(append(append(make([]byte, 0, len(p)+len(tail)), p...), tail...))
	if !f.takeover {
		f.history = nil
	}
	out, err := f.inflate(in, limit)
	if err == nil || err == errTooBig {
		if f.breaks("PD-7.2-09/right") && len(out) > 1 && bytes.Count(out, out[:1]) == len(out) {
			return nil, errDeflate // copies that overlap are mistaken for corrupt ones
		}
		f.history = f.window(out)
	}
	if f.breaks("PD-7.2-07") && len(out) == 0 {
		return nil, errDeflate
	}
	return out, err
}

func (f *inflater) inflate(in *bytes.Reader, limit int) (out []byte, err error) {
	for in.Len() > 0 {
		// A block may say that it is the last, and others follow at the next octet
		// (RFC 7692 §7.2.3.4): a new reader goes on there.
		r := flate.NewReaderDict(in, f.window(out))
		buf := make([]byte, 4096)
		for {
			n, err := r.Read(buf)
			out = append(out, buf[:n]...)
			if len(out) > limit {
				return out[:limit], errTooBig
			}
			if err == io.EOF {
				break
			}
			if err != nil && (f.breaks("PD-7.2-09") || f.breaks("PD-7.2-13")) {
				return out, nil
			}
			if err != nil {
				return nil, errDeflate
			}
		}
		if f.breaks("PD-7.2-05") && in.Len() > 0 {
			f.over = true
		}
		if f.breaks("PD-7.2-05/middle") {
			break
		}
	}
	return out, nil
}

// refuses has the faults that refuse a kind of block.
func (f *inflater) refuses(p []byte) bool {
	kind := p[0] >> 1 & 3
	return kind == 0 && f.breaks("PD-7.2-03") || kind == 2 && f.breaks("PD-7.2-04")
}

// shorten has the faults that leave something out of the data.
func (f *inflater) shorten(p []byte) []byte {
	switch {
	case f.breaks("PD-7.2-01/zlib") && len(p) > 6 && p[0] == 0x78:
		return append(bytes.Clone(p[2:len(p)-4]), 0)
	case f.breaks("PD-7.2-06"):
		if at := bytes.Index(p, []byte{0x00, 0x00, 0xff, 0xff}); at > 0 {
			return p[:at]
		}
	}
	return p
}

// window returns the end of what has been inflated, if out is the last of it.
func (f *inflater) window(out []byte) []byte {
	size := 32768
	if f.breaks("PD-7.2-11") {
		size /= 2
	}
	if len(out) >= size {
		return bytes.Clone(out[len(out)-size:])
	}
	keep := f.history
	if len(keep)+len(out) > size {
		keep = keep[len(keep)+len(out)-size:]
	}
	return append(bytes.Clone(keep), out...)
}
