package load

import (
	"bytes"
	"compress/flate"
	"fmt"
	"math/rand/v2"
)

// Pattern is what a connection sends.
type Pattern struct {
	Size        int // octets of a message
	Outstanding int // messages that are under way at once
}

// batches are what a connection sends one after the other, and how long the message
// is that comes back, or -1 where that varies.
func (p Pattern) batches(t Target) (list [][]byte, want int) {
	if t.Deflate {
		// Each message stands alone, which is right whatever was agreed on.
		for i := range 64 {
			list = append(list, bytes.Repeat(AppendFrame(nil, fin|rsv1|opcodeText, Deflate(Document(i, p.Size))), p.Outstanding))
		}
		return list, -1
	}
	payload := make([]byte, p.Size)
	for i := range payload {
		payload[i] = byte(i)
	}
	one := AppendFrame(nil, fin|opcodeBin, payload)
	if t.Raw {
		p.Size = len(one)
	}
	return [][]byte{bytes.Repeat(one, p.Outstanding)}, p.Size
}

// Document is JSON of size octets: records of a few fields, of which much recurs.
// Each n has its own.
func Document(n, size int) []byte {
	r := rand.New(rand.NewPCG(uint64(n), 7))
	states := [...]string{"open", "filled", "cancelled", "rejected"}
	doc := []byte(`[`)
	for len(doc) < size-1 {
		doc = fmt.Appendf(doc, `{"id":"%08x","user":"user-%d","price":%d.%02d,"amount":%d,"state":"%s"},`,
			r.Uint32(), r.IntN(1000), r.IntN(500), r.IntN(100), r.IntN(10000), states[r.IntN(len(states))])
	}
	return append(doc[:size-1], ']')
}

// Deflate compresses a message as RFC 7692 §7.2.1 has it, referring to nothing before.
func Deflate(p []byte) []byte {
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, 5)
	if err != nil {
		panic(err) // 5 is a level
	}
	_, _ = w.Write(p) // to memory
	_ = w.Flush()
	return bytes.TrimSuffix(b.Bytes(), []byte{0, 0, 0xff, 0xff})
}
