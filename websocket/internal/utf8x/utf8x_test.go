package utf8x

import (
	"encoding/hex"
	"math/rand/v2"
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
			t.Fatalf("%x in pieces of %d: at %d got %v, want %v (vectors: %v)", p, step, end, got, want, vector)
		}
		if !got {
			return
		}
	}
	if v.Complete() != utf8.Valid(p) {
		t.Fatalf("%x in pieces of %d: Complete %v (vectors: %v)", p, step, v.Complete(), vector)
	}
}

// checkWhole compares with the standard library on all of p at once.
func checkWhole(t *testing.T, p []byte) {
	t.Helper()
	want := utf8.Valid(p)
	if got := Valid(p); got != want {
		t.Fatalf("Valid(%q) = %v, want %v (vectors: %v)", p, got, want, vector)
	}
	var v Validator
	if got, open := v.Write(p), want || !dead(p); got != open || got && v.Complete() != want {
		t.Fatalf("%q: Write %v, Complete %v, want %v, %v (vectors: %v)", p, got, v.Complete(), open, want, vector)
	}
}

func TestValidatorEverywhere(t *testing.T) {
	ways(func() {
		for _, s := range samples {
			for pad := range 10 {
				p := append([]byte(strings.Repeat("x", pad)), sample(s)...)
				for step := 1; step <= len(p); step++ {
					check(t, p, step)
				}
			}
		}
	})
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

// backgrounds are texts that are long enough for vectors.
var backgrounds = []string{
	strings.Repeat("x", 300),
	strings.Repeat("水", 100),
	strings.Repeat("🍣", 75),
	strings.Repeat("aéß水🍣z", 24),
}

// TestInsideLongTexts puts each sample at each place of long texts of several
// lengths, so that it falls across all borders between vectors.
func TestInsideLongTexts(t *testing.T) {
	ways(func() {
		for _, s := range samples {
			q := sample(s)
			for _, text := range backgrounds {
				for _, n := range []int{35, 36, 64, 67, 129, 161, 290} {
					for at := 0; at <= n; at++ {
						before := text[:at]
						for !utf8.ValidString(before) {
							before = before[:len(before)-1]
						}
						after := text[:max(0, n-len(before)-len(q))]
						for !utf8.ValidString(after) {
							after = after[:len(after)-1]
						}
						checkWhole(t, []byte(before+string(q)+after))
					}
				}
			}
		}
	})
}

// TestEveryFewOctetsAcrossVectors walks all pairs, and three and four octets
// of all kinds that the rules tell apart, where one vector ends and the next
// begins.
func TestEveryFewOctetsAcrossVectors(t *testing.T) {
	kinds := []byte{
		0x00, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xEC, 0xED, 0xEE, 0xEF,
		0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xF7, 0xF8, 0xFB, 0xFC, 0xFE, 0xFF,
	}
	p := []byte(strings.Repeat("x", 192))
	same := func() {
		if got, want := Valid(p), utf8.Valid(p); got != want {
			t.Fatalf("Valid(%q) = %v, want %v (vectors: %v)", p, got, want, vector)
		}
	}
	ways(func() {
		for _, at := range []int{31, 63, 64, 126, 158, 190} {
			for a := range 256 {
				for b := range 256 {
					p[at], p[at+1] = byte(a), byte(b)
					same()
				}
			}
			p[at], p[at+1] = 'x', 'x'
		}
		for _, a := range kinds {
			for _, b := range kinds {
				for _, c := range kinds {
					for _, d := range kinds {
						p[62], p[63], p[64], p[65] = a, b, c, d
						same()
					}
				}
			}
		}
	})
}

// TestDamagedTexts takes pieces of good text, spoils up to two octets, and
// compares at once and cut in two.
func TestDamagedTexts(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	all := strings.Join(backgrounds, "")
	ways(func() {
		for range 20000 {
			from := r.IntN(len(all) - 400)
			p := []byte(all[from : from+r.IntN(400)])
			for range r.IntN(3) {
				if len(p) > 0 {
					p[r.IntN(len(p))] = byte(r.Uint32())
				}
			}
			checkWhole(t, p)
			check(t, p, 1+len(p)/2)
		}
	})
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
		ways(func() {
			check(t, p, max(1, int(step)))
			for _, text := range backgrounds {
				checkWhole(t, append([]byte(text[:min(len(text), int(step))]), p...))
			}
		})
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
