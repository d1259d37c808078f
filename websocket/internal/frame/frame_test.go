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
