package http1

// A chunked body, RFC 9112 §7.1:
//
//	1*HEXDIG [";" extension] CRLF  data CRLF      any number of times
//	1*"0"    [";" extension] CRLF                 the last chunk
//	*( field-line CRLF ) CRLF                     the trailer section
const (
	maxChunkLine    = 1 << 10 // size and extension, without CRLF
	maxChunkDigits  = 16      // leading zeros included
	maxChunkSize    = 1 << 60 // exclusive
	maxChunkDebt    = 8 << 10 // framing beyond what the data pays for
	maxTrailerBytes = 4000    // field lines and the empty line at the end; net/http gives up at 4096
)

type chunkState uint8

const (
	chunkDigits chunkState = iota
	chunkExtension
	chunkSizeLF
	chunkData
	chunkDataCR
	chunkDataLF
	trailerStart // at the beginning of a line
	trailerName
	trailerValue
	trailerLF
	trailerEnd // the LF of the empty line
)

// chunkScan is how far the scanner is in a chunked body.
type chunkScan struct {
	state  chunkState
	prev   byte  // the octet before, in an extension
	line   int   // octets of the size line so far
	digits int   // those of the size
	size   int64 // octets of data to come
	debt   int64 // framing not paid for by data: each chunk pays for 16 octets and for twice its data
	tail   int   // octets of the trailer section
}

// scan goes on in the body: the first n octets of b may be handed on. It reports the body's end, or why it cannot go on after these n.
func (c *chunkScan) scan(b []byte) (n int, done bool, why *refusal) {
	for n < len(b) {
		if c.state == chunkData {
			m := int(min(int64(len(b)-n), c.size))
			n += m
			if c.size -= int64(m); c.size == 0 {
				c.state = chunkDataCR
			}
			continue
		}
		if why := c.octet(b[n]); why != nil {
			return n, false, why
		}
		n++
		if c.state == trailerEnd && b[n-1] == '\n' {
			return n, true, nil
		}
	}
	return n, false, nil
}

// octet judges one octet of framing.
func (c *chunkScan) octet(o byte) *refusal {
	if c.state >= trailerStart {
		return c.trailerOctet(o)
	}
	switch c.state {
	case chunkDigits:
		switch {
		case class[o]&isHex != 0:
			if c.digits++; c.digits > maxChunkDigits || c.size >= maxChunkSize>>4 {
				return errChunkBig
			}
			c.size = c.size<<4 | int64(unhex(o))
		case c.digits == 0:
			return errChunkSize
		case o == ';':
			c.state = chunkExtension
		case o == '\r':
			c.state = chunkSizeLF
		default:
			return errChunkSize
		}
		c.line++
	case chunkExtension:
		if c.line++; o == '\r' {
			if c.prev == ' ' || c.prev == '\t' || c.prev == 0 {
				return errChunkLine // whitespace before CRLF, or an extension without a name
			}
			c.state = chunkSizeLF
		} else if c.line > maxChunkLine || class[o]&isValue == 0 {
			return errChunkLine
		}
		c.prev = o
	case chunkSizeLF:
		if o != '\n' {
			return errChunkLine
		}
		c.debt = max(0, c.debt+int64(c.line)+3-16-2*c.size)
		if c.debt > maxChunkDebt {
			return errChunkOverhead
		}
		last := c.size == 0
		c.digits, c.line, c.prev = 0, 0, 0
		if c.state = chunkData; last {
			c.state = trailerStart
		}
	case chunkDataCR:
		if o != '\r' {
			return errChunkEnd
		}
		c.state = chunkDataLF
	case chunkDataLF:
		if o != '\n' {
			return errChunkEnd
		}
		c.state = chunkDigits
	}
	return nil
}

// trailerOctet judges one octet of the trailer section, whose lines are those of a header section.
func (c *chunkScan) trailerOctet(o byte) *refusal {
	if c.tail++; c.tail > maxTrailerBytes {
		return errTrailersLong
	}
	ok := false
	switch c.state {
	case trailerStart:
		ok = o == '\r' || class[o]&isToken != 0
		if c.state = trailerName; o == '\r' {
			c.state = trailerEnd
		}
	case trailerName:
		ok = o == ':' || class[o]&isToken != 0
		if o == ':' {
			c.state = trailerValue
		}
	case trailerValue:
		ok = o == '\r' || class[o]&isValue != 0
		if o == '\r' {
			c.state = trailerLF
		}
	case trailerLF:
		ok = o == '\n'
		c.state = trailerStart
	case trailerEnd:
		ok = o == '\n'
	}
	if !ok {
		return errTrailers
	}
	return nil
}

func unhex(c byte) byte {
	switch {
	case c <= '9':
		return c - '0'
	default:
		return c&^0x20 - 'A' + 10
	}
}
