package mask

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
)

// naive is the definition of RFC 6455 §5.3, word for word.
func naive(b []byte, key [4]byte, pos int) {
	for i := range b {
		b[i] ^= key[(pos+i)%4]
	}
}

func TestApplyAgreesWithTheDefinition(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	fill := func(n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		return b
	}
	for n := range 1100 {
		for pos := range 4 {
			src := fill(n + 8)
			key := [4]byte(fill(4))
			for shift := range 8 { // every alignment in memory
				got := bytes.Clone(src)[shift : shift+n]
				want := bytes.Clone(got)
				naive(want, key, pos)
				if next := Apply(got, key, pos); next != (pos+n)%4 {
					t.Fatalf("n=%d pos=%d: next position %d", n, pos, next)
				}
				if !bytes.Equal(got, want) {
					t.Fatalf("n=%d pos=%d shift=%d: wrong octets", n, pos, shift)
				}
			}
		}
	}
}

func TestApplyInPieces(t *testing.T) {
	src := make([]byte, 1000)
	for i := range src {
		src[i] = byte(i * 7)
	}
	key := [4]byte{1, 2, 3, 4}
	want := bytes.Clone(src)
	naive(want, key, 0)
	for step := 1; step < 600; step += 7 {
		got := bytes.Clone(src)
		pos := 0
		for i := 0; i < len(got); i += step {
			pos = Apply(got[i:min(i+step, len(got))], key, pos)
		}
		if !bytes.Equal(got, want) {
			t.Fatalf("in pieces of %d: wrong octets", step)
		}
	}
}

func BenchmarkApply(b *testing.B) {
	for _, n := range []int{16, 64, 256, 1024, 4096, 16384, 65536} {
		buf := make([]byte, n)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.SetBytes(int64(n))
			for b.Loop() {
				Apply(buf, [4]byte{1, 2, 3, 4}, 1)
			}
		})
	}
}
