package utf8x

import (
	"encoding/hex"
	"strings"
	"testing"
	"unicode/utf8"
)

// dead reports, by trying, whether nothing appended to p can make it valid.
// Three octets are as many as a character can lack.
func dead(p []byte) bool {
	if utf8.Valid(p) {
		return false
	}
	for _, tail := range []string{
		"\x80", "\xA0", "\x90", "\xBF", "\x80\x80", "\xA0\x80", "\x90\x80",
		"\x80\x80\x80", "\x90\x80\x80", "\xA0\x80\x80",
	} {
		if utf8.Valid(append(p[:len(p):len(p)], tail...)) {
			return false
		}
	}
	return true
}

var samples = []string{
	"", "a", "Hello", "Zß水🍣", "80", "c3", "c328", "e282", "e228a1", "f09f98", "f0288cbc", "c080", "c0af", "c1bf",
	"e08080", "e09fbf", "f0808080", "f08fbfbf", "eda080", "edbfbf", "eda080edb080", "f4908080", "f5808080", "f7bfbfbf",
	"f888808080", "fc8480808080", "fe", "ff", "fefeffff", "61c3a98062", "00", "7f", "c280", "dfbf", "e0a080", "ed9fbf",
	"ee8080", "efbfbd", "efbfbe", "efbfbf", "f0908080", "f09fbfbe", "f48fbfbf", "efbbbf61", "bf", "80bf80", "e280", "f0", "f48f",
}

func sample(s string) []byte {
	if b, err := hex.DecodeString(s); err == nil {
		return b
	}
	return []byte(s)
}

// check compares the validator with the standard library at every octet of p,
// fed in pieces of the given size behind a prefix of ASCII.
func check(t *testing.T, p []byte, step int) {
	t.Helper()
	var v Validator
	for i := 0; i < len(p); i += step {
		end := min(i+step, len(p))
		got, want := v.Write(p[i:end]), !dead(p[:end])
		if got != want {
			t.Fatalf("%x in pieces of %d: at %d got %v, want %v", p, step, end, got, want)
		}
		if !got {
			return
		}
	}
	if v.Complete() != utf8.Valid(p) {
		t.Fatalf("%x in pieces of %d: Complete %v", p, step, v.Complete())
	}
}

func TestValidatorEverywhere(t *testing.T) {
	for _, s := range samples {
		for pad := range 10 {
			p := append([]byte(strings.Repeat("x", pad)), sample(s)...)
			for step := 1; step <= len(p); step++ {
				check(t, p, step)
			}
		}
	}
}

// TestEveryPairAndTriple walks all two-octet texts and all three-octet texts
// whose first octet is a leading one.
func TestEveryPairAndTriple(t *testing.T) {
	for a := range 256 {
		for b := range 256 {
			check(t, []byte{byte(a), byte(b)}, 1)
			check(t, []byte{byte(a), byte(b)}, 2)
		}
	}
	for _, a := range []byte{0xE0, 0xE1, 0xED, 0xEF, 0xF0, 0xF1, 0xF4} {
		for b := range 256 {
			for _, c := range []byte{0x00, 0x7F, 0x80, 0x8F, 0x90, 0xBF, 0xC0, 0xFF} {
				check(t, []byte{a, byte(b), c}, 1)
				check(t, []byte{a, byte(b), c, 0x80}, 3)
			}
		}
	}
}

func TestTruncate(t *testing.T) {
	s := strings.Repeat("é", 62)
	if got := Truncate(s, 123); len(got) != 122 || !utf8.ValidString(got) {
		t.Fatalf("Truncate to 123: %d octets", len(got))
	}
	if Truncate("abc", 3) != "abc" || Truncate("abc", 2) != "ab" || Truncate("水", 2) != "" {
		t.Fatal("Truncate")
	}
}

func FuzzValidator(f *testing.F) {
	for _, s := range samples {
		f.Add(sample(s), uint8(1))
		f.Add(sample(s), uint8(3))
	}
	f.Fuzz(func(t *testing.T, p []byte, step uint8) {
		if len(p) > 64 {
			p = p[:64]
		}
		check(t, p, max(1, int(step)))
	})
}

func BenchmarkWrite(b *testing.B) {
	for name, text := range map[string]string{
		"ascii-32": strings.Repeat("x", 32), "ascii-4096": strings.Repeat("x", 4096), "chinese-4096": strings.Repeat("水", 1365),
	} {
		b.Run(name, func(b *testing.B) {
			p := []byte(text)
			b.SetBytes(int64(len(p)))
			for b.Loop() {
				var v Validator
				v.Write(p)
			}
		})
	}
}
