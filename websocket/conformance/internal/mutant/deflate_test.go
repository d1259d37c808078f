package mutant

import (
	"bytes"
	"compress/flate"
	"io"
	"math/rand/v2"
	"testing"
	"unicode/utf8"
)

// TestDeflater has the standard library read what the deflater writes, and the
// inflater too, for each window.
func TestDeflater(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for bits := 8; bits <= 15; bits++ {
		for _, takeover := range []bool{false, true} {
			d := &deflater{window: 1 << bits, takeover: takeover}
			f := &inflater{takeover: takeover}
			var history []byte
			for range 20 {
				p := make([]byte, r.IntN(5000))
				for i := range p {
					p[i] = "abcdefgh"[r.IntN(8)]
				}
				packed := d.message(p)
				if !takeover {
					history = nil
				}
				in := append(bytes.Clone(packed), 0x00, 0x00, 0xff, 0xff, 0x01, 0x00, 0x00, 0xff, 0xff)
				got, err := io.ReadAll(flate.NewReaderDict(bytes.NewReader(in), history[max(0, len(history)-1<<bits):]))
				if err != nil || !bytes.Equal(got, p) {
					t.Fatalf("%d bits, takeover %v: the standard library reads %d octets of %d, %v", bits, takeover, len(got), len(p), err)
				}
				history = append(history, p...)
				if got, err = f.message(packed, len(p)); err != nil || !bytes.Equal(got, p) {
					t.Fatalf("%d bits, takeover %v: got %d octets of %d, %v", bits, takeover, len(got), len(p), err)
				}
			}
		}
	}
}

func TestInflaterStops(t *testing.T) {
	p := (&deflater{window: 256}).message(make([]byte, 1000))
	if got, err := (&inflater{}).message(p, 999); err != errTooBig || len(got) != 999 {
		t.Errorf("got %d octets, %v", len(got), err)
	}
	if got, err := (&inflater{}).message(p[:len(p)-2], 1000); err != errDeflate {
		t.Errorf("half a message is %d octets, %v", len(got), err)
	}
}

// TestText holds the check against the standard library's, for all of two octets and
// much of four.
func TestText(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for i := range 1 << 18 {
		p := []byte{byte(i >> 8), byte(i)}
		if i >= 1<<16 {
			p = []byte{0xe0 | byte(r.IntN(32)), 0x80 | byte(r.IntN(128)), 0x80 | byte(r.IntN(64)), 0x80 | byte(r.IntN(64))}
			p = p[:2+r.IntN(3)]
		}
		if got := isText(p, ""); got != utf8.Valid(p) {
			t.Fatalf("% x: got %v", p, got)
		}
	}
}
