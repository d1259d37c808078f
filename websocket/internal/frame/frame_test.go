package frame

import (
	"bytes"
	"encoding/hex"
	"errors"
	"testing"
)

func TestHeaderForms(t *testing.T) {
	key := [4]byte{0x12, 0x34, 0x56, 0x78}
	for _, c := range []struct {
		hex string
		h   Header
	}{
		{"8100", Header{Fin: true, Opcode: Text}},
		{"827d", Header{Fin: true, Opcode: Binary, Length: 125}},
		{"827e007e", Header{Fin: true, Opcode: Binary, Length: 126}},
		{"827effff", Header{Fin: true, Opcode: Binary, Length: 65535}},
		{"827f0000000000010000", Header{Fin: true, Opcode: Binary, Length: 65536}},
		{"827f7fffffffffffffff", Header{Fin: true, Opcode: Binary, Length: MaxLength}},
		{"018312345678", Header{Opcode: Text, Masked: true, Key: key, Length: 3}},
		{"c1fe007e12345678", Header{Fin: true, RSV: RSV1, Opcode: Text, Masked: true, Key: key, Length: 126}},
		{"f98012345678", Header{Fin: true, RSV: RSV, Opcode: Ping, Masked: true, Key: key}},
	} {
		want, _ := hex.DecodeString(c.hex)
		if got := AppendHeader(nil, c.h); !bytes.Equal(got, want) {
			t.Errorf("AppendHeader(%+v) = %x, want %x", c.h, got, want)
		}
		if c.h.Length < 1<<31 && Size(int(c.h.Length), c.h.Masked) != len(want) {
			t.Errorf("Size(%d, %v) = %d, want %d", c.h.Length, c.h.Masked, Size(int(c.h.Length), c.h.Masked), len(want))
		}
		if HeaderLen(want[1]) != len(want) {
			t.Errorf("HeaderLen(%x) = %d, want %d", want[1], HeaderLen(want[1]), len(want))
		}
		got, n, err := ParseHeader(append(bytes.Clone(want), 0xAA))
		if got != c.h || n != len(want) || err != nil {
			t.Errorf("ParseHeader(%x) = %+v, %d, %v", want, got, n, err)
		}
		for i := range want {
			if _, n, err := ParseHeader(want[:i]); n != 0 || err != nil {
				t.Errorf("ParseHeader(%x) = n %d, %v, want more", want[:i], n, err)
			}
		}
	}
}

// TestAppendWhole: a whole message has the header that AppendHeader makes.
func TestAppendWhole(t *testing.T) {
	for _, n := range []int{0, 1, 125, 126, 65535, 65536} {
		payload := bytes.Repeat([]byte("x"), n)
		want := append(AppendHeader([]byte("before"), Header{Fin: true, Opcode: Binary, Length: uint64(n)}), payload...)
		if got := AppendWhole([]byte("before"), Binary, payload); !bytes.Equal(got, want) {
			t.Errorf("%d octets: the frame begins with % x, want % x", n, got[:min(len(got), 20)], want[:min(len(want), 20)])
		}
	}
}

// TestHasShort asks of every pair of first octets, with all that belongs to them
// there and with one octet less.
func TestHasShort(t *testing.T) {
	for first := range 1 << 16 {
		b := []byte{byte(first >> 8), byte(first)}
		op, size := Opcode(b[0]&0x0F), int(b[1]&^MASK)
		all := append(b, make([]byte, HeaderLen(b[1])-2+size)...)
		want := b[0]&(FIN|RSV) == FIN && (op == Text || op == Binary) && size <= MaxControl
		if HasShort(all) != want || HasShort(append(all, 0x81)) != want {
			t.Fatalf("% x: not %v", b, want)
		}
		for _, less := range [][]byte{all[:len(all)-1], b[:1], nil} {
			if HasShort(less) {
				t.Fatalf("% x cut to %d octets: there", b, len(less))
			}
		}
	}
}

func TestHeaderRefusals(t *testing.T) {
	for in, want := range map[string]Error{
		"827e0000":             ErrLengthForm,
		"827e007d":             ErrLengthForm,
		"827f0000000000000000": ErrLengthForm,
		"827f000000000000ffff": ErrLengthForm,
		"827f8000000000000000": ErrLengthRange,
		"827fffffffffffffffff": ErrLengthRange,
	} {
		b, _ := hex.DecodeString(in)
		if _, _, err := ParseHeader(b); !errors.Is(err, want) {
			t.Errorf("ParseHeader(%s): %v, want %v", in, err, want)
		}
	}
}

// FuzzHeader: whatever parses is written back to the same octets, and nothing
// panics.
func FuzzHeader(f *testing.F) {
	for _, s := range []string{"8100", "c1fe007e12345678", "827f8000000000000000", "82ff000000000001000012345678"} {
		b, _ := hex.DecodeString(s)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		h, n, err := ParseHeader(b)
		if err != nil || n == 0 {
			return
		}
		if got := AppendHeader(nil, h); !bytes.Equal(got, b[:n]) {
			t.Fatalf("%x parsed to %+v, which encodes to %x", b[:n], h, got)
		}
	})
}
