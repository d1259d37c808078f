package mask

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"
	"unsafe"
)

// naive is the definition of RFC 6455 §5.3, word for word.
func naive(b []byte, key [4]byte, pos int) {
	for i := range b {
		b[i] ^= key[(pos+i)%4]
	}
}

// margin is how much is looked at on both sides of what is masked.
const margin = 80

// everywhere calls f for each length, position and place in memory, with
// octets to mask inside others that must stay as they are.
func everywhere(t *testing.T, f func(b []byte, key [4]byte, pos int), mask func(b []byte, key [4]byte, pos int)) {
	t.Helper()
	r := rand.New(rand.NewPCG(1, 2))
	src := make([]byte, 1100+64+2*margin)
	for i := range src {
		src[i] = byte(r.Uint32())
	}
	got, want := make([]byte, len(src)), make([]byte, len(src))
	for n := range 1101 {
		key := [4]byte{byte(n), byte(n >> 3), 0xA5, byte(r.Uint32())}
		step := 1 // every alignment in a cache line; of long payloads, which take long, some
		if n > 330 {
			step = 7
		}
		for shift := n % step; shift < 64; shift += step {
			at, end := margin+shift, margin+shift+n
			for pos := range 4 {
				copy(got, src)
				copy(want, src)
				naive(want[at:end], key, pos)
				mask(got[at:end], key, pos)
				if !bytes.Equal(got, want) {
					t.Fatalf("n=%d pos=%d shift=%d: wrong octets", n, pos, shift)
				}
				f(got[at:end], key, pos)
			}
		}
	}
}

func TestApplyAgreesWithTheDefinition(t *testing.T) {
	ways(t, func(t *testing.T) {
		next := 0
		everywhere(t, func(b []byte, _ [4]byte, pos int) {
			if next != (pos+len(b))%4 {
				t.Fatalf("n=%d pos=%d: next position %d", len(b), pos, next)
			}
		}, func(b []byte, key [4]byte, pos int) { next = Apply(b, key, pos) })
	})
}

func TestApplyASCIIAgreesWithTheDefinition(t *testing.T) {
	ways(t, func(t *testing.T) {
		var next int
		var ascii bool
		everywhere(t, func(b []byte, _ [4]byte, pos int) {
			if next != (pos+len(b))%4 || ascii != isASCII(b) {
				t.Fatalf("n=%d pos=%d: next position %d, ascii %v", len(b), pos, next, ascii)
			}
		}, func(b []byte, key [4]byte, pos int) { next, ascii = ApplyASCII(b, key, pos) })
	})
}

func TestBlocksAgreeWithTheDefinition(t *testing.T) {
	everywhere(t, func([]byte, [4]byte, int) {}, func(b []byte, key [4]byte, pos int) {
		xorBlocks(unsafe.SliceData(b), len(b), turned(binary.LittleEndian.Uint32(key[:]), pos))
	})
}

// TestApplyASCII has at most one octet that is not ASCII, at every place.
func TestApplyASCII(t *testing.T) {
	key := [4]byte{0x9B, 0x01, 0xFF, 0x70}
	ways(t, func(t *testing.T) {
		for n := range 1025 {
			if n > 140 && n%32 > 1 && n%32 != 31 && n%45 != 0 {
				continue // what goes another way does so at a multiple of 32
			}
			buf := make([]byte, n+1)
			for at := -1; at < n; at++ {
				b := buf[1:]
				for i := range b {
					b[i] = byte(i & 0x7F)
				}
				if at >= 0 {
					b[at] |= 0x80
				}
				want := bytes.Clone(b)
				naive(b, key, 3)
				next, ascii := ApplyASCII(b, key, 3)
				if !bytes.Equal(b, want) || next != (3+n)%4 || ascii != (at < 0) {
					t.Fatalf("n=%d, not ASCII at %d: next %d, ascii %v", n, at, next, ascii)
				}
			}
		}
	})
}

func TestApplyInPieces(t *testing.T) {
	src := make([]byte, 1000)
	for i := range src {
		src[i] = byte(i * 7)
	}
	key := [4]byte{1, 2, 3, 4}
	want := bytes.Clone(src)
	naive(want, key, 0)
	ways(t, func(t *testing.T) {
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
	})
}

func BenchmarkApply(b *testing.B) {
	for _, n := range []int{16, 64, 125, 256, 1024, 4096, 16384, 65536} {
		buf := make([]byte, n)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.SetBytes(int64(n))
			for b.Loop() {
				Apply(buf, [4]byte{1, 2, 3, 4}, 1)
			}
		})
	}
}
