package mutant

// deflater compresses messages by itself, in the plainest way that keeps to any
// window: a table of where three octets stood last, and the fixed Huffman codes (RFC 1951 §3.2.6).
type deflater struct {
	window   int  // how far back it may refer
	takeover bool // whether it may refer to earlier messages
	history  []byte
	last     [1 << 13]int // the place of three octets, plus one

	out  []byte
	bits uint32
	n    uint
}

// message returns the payload for one message: a block, and the header bits of the
// empty stored block whose rest, 00 00 ff ff, RFC 7692 §7.2.1 has removed.
func (d *deflater) message(p []byte) []byte {
	d.out, d.bits, d.n = nil, 0, 0
	if !d.takeover {
		d.history = d.history[:0]
	}
	if len(p) > 0 {
		d.put(0b010, 3) // not final, fixed codes
		d.body(p)
		d.code(256)
	}
	d.put(0, 3) // not final, stored
	if d.n > 0 {
		d.put(0, 8-d.n)
	}
	return d.out
}

func (d *deflater) body(p []byte) {
	all := append(d.history, p...)
	clear(d.last[:])
	for i := range len(d.history) {
		d.note(all, i)
	}
	for i := len(d.history); i < len(all); {
		n, back := 0, 0
		if i+3 <= len(all) {
			// What the table says may be the place of other octets: they are compared.
			at := d.last[place(all[i:])] - 1
			if back = i - at; at >= 0 && back <= d.window {
				for n < 258 && i+n < len(all) && all[at+n] == all[i+n] {
					n++
				}
			}
		}
		if n >= 3 {
			d.reference(n, back)
		} else {
			d.code(int(all[i]))
			n = 1
		}
		for range n {
			d.note(all, i)
			i++
		}
	}
	if len(all) > d.window {
		all = all[len(all)-d.window:]
	}
	d.history = append([]byte(nil), all...)
}

// note remembers where three octets stand.
func (d *deflater) note(all []byte, i int) {
	if i+3 <= len(all) {
		d.last[place(all[i:])] = i + 1
	}
}

func place(p []byte) uint32 {
	return (uint32(p[0])<<16 | uint32(p[1])<<8 | uint32(p[2])) * 0x9e3779b1 >> 19
}

// The first length and distance of each symbol, RFC 1951 §3.2.5.
var (
	lengthBase = [29]int{3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258}
	distBase   = [30]int{
		1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769,
		1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577,
	}
)

func (d *deflater) reference(n, back int) {
	i := len(lengthBase) - 1
	for lengthBase[i] > n {
		i--
	}
	d.code(257 + i)
	if i >= 8 && i < 28 {
		d.put(uint32(n-lengthBase[i]), uint(i-4)/4)
	}
	i = len(distBase) - 1
	for distBase[i] > back {
		i--
	}
	d.put(mirror(uint32(i), 5), 5)
	if i >= 4 {
		d.put(uint32(back-distBase[i]), uint(i-2)/2)
	}
}

// code writes a symbol of the fixed literal and length code.
func (d *deflater) code(s int) {
	switch {
	case s < 144:
		d.put(mirror(uint32(0x30+s), 8), 8)
	case s < 256:
		d.put(mirror(uint32(0x190+s-144), 9), 9)
	case s < 280:
		d.put(mirror(uint32(s-256), 7), 7)
	default:
		d.put(mirror(uint32(0xc0+s-280), 8), 8)
	}
}

// put writes n bits, the lowest first.
func (d *deflater) put(v uint32, n uint) {
	d.bits |= v << d.n
	for d.n += n; d.n >= 8; d.n -= 8 {
		d.out = append(d.out, byte(d.bits))
		d.bits >>= 8
	}
}

// mirror turns n bits round: Huffman codes stand with their first bit lowest.
func mirror(v uint32, n uint) uint32 {
	var m uint32
	for range n {
		m = m<<1 | v&1
		v >>= 1
	}
	return m
}
