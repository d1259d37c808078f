// Package deflate compresses and decompresses the payloads of
// permessage-deflate messages (RFC 7692 §7.2): DEFLATE streams (RFC 1951) that
// end at an octet boundary, their last four octets, 00 00 ff ff, left out.
//
// Both directions take what comes in pieces of any size and stop when there is
// no more, so that nothing here waits, and both keep to the window that was
// agreed on, whose size is 8 to 15 bits. What a connection holds between
// messages is its window: the working memory of several times that size is
// pooled and held while a message is under way.
//
// An [Inflater] is strict about the window: a distance beyond it, or beyond the
// beginning of the data, is an error however much output happens to be in memory.
// A [Deflater] looks only at what is inside it.
package deflate

// MinBits and MaxBits bound the size of a window, as a power of two
// (RFC 7692 §7.1.2).
const (
	MinBits = 8
	MaxBits = 15
)

// Lengths and distances of RFC 1951 §3.2.5: the base value of each symbol and
// the number of extra bits behind it.
var (
	lengthBase = [29]uint16{3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258}
	lengthBits = [29]uint8{0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0}
	distBase   = [30]uint16{1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577}
	distBits   = [30]uint8{0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13}
)

// clenOrder is the order in which the lengths of the code length code stand
// (RFC 1951 §3.2.7).
var clenOrder = [19]uint8{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}

const (
	endOfBlock = 256
	maxLit     = 286 // symbols of a literal/length code that may be declared
	maxDist    = 30  // symbols of a distance code
	maxCode    = 15  // bits of a code
	minMatch   = 3
	maxMatch   = 258
)

// fixedLengths are those of the fixed literal/length code (RFC 1951 §3.2.6).
var fixedLengths = func() (l [288]uint8) {
	for i := range l {
		switch {
		case i < 144:
			l[i] = 8
		case i < 256:
			l[i] = 9
		case i < 280:
			l[i] = 7
		default:
			l[i] = 8
		}
	}
	return l
}()
