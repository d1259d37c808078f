package deflate_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/openline/openline/websocket/internal/deflate"
)

// noise is the octets of SHA-256("0"), SHA-256("1") and so on.
func noise(n int) []byte {
	b := make([]byte, 0, n+32)
	for i := 0; len(b) < n; i++ {
		sum := sha256.Sum256([]byte(strconv.Itoa(i)))
		b = append(b, sum[:]...)
	}
	return b[:n]
}

// event is a message like those that applications send.
func event(i int) []byte {
	r := rand.New(rand.NewPCG(1, uint64(i)))
	return fmt.Appendf(nil, `{"id":"%08x","type":"order:update","channel":"desk-%d","time":"2026-03-0%dT10:%02d:%02d.123Z","data":{"user":"user-%d","price":%d.%02d,"amount":%d,"state":"open"}}`,
		r.Uint32(), r.IntN(5), 1+r.IntN(9), r.IntN(60), r.IntN(60), r.IntN(1000), r.IntN(500), r.IntN(100), r.IntN(10000))
}

func inputs() map[string][]byte {
	var events []byte
	for i := range 700 {
		events = append(events, event(i)...)
	}
	skewed := []byte{}
	for i, n := 0, 1; i < 24; i, n = i+1, n*3/2+1 { // frequencies that make codes long
		skewed = append(skewed, bytes.Repeat([]byte{byte(i * 7)}, n)...)
	}
	r := rand.New(rand.NewPCG(1, 2))
	r.Shuffle(len(skewed), func(i, j int) { skewed[i], skewed[j] = skewed[j], skewed[i] })
	return map[string][]byte{
		"nothing": nil, "one": {'x'}, "four": []byte("abcd"), "short": []byte("gopher gopher gopher"), "event": event(1),
		"zeros": make([]byte, 100_000), "noise": noise(70_000), "events": events, "skewed": skewed,
		"noise twice": bytes.Repeat(noise(33_000), 2), "text": []byte(strings.Repeat("The quick brown fox jumps over the lazy dog. ", 1500)),
		"nearly stored": append(noise(70_000), make([]byte, 300)...), "every octet": bytes.Repeat(noise(256), 140),
	}
}

// Every input, with every window and level, is what the standard library reads,
// and never looks back farther than the window.
func TestDeflate(t *testing.T) {
	for name, in := range inputs() {
		for bits := deflate.MinBits; bits <= deflate.MaxBits; bits++ {
			for level := 1 + bits%2; level <= 9; level += 2 {
				d := deflate.NewDeflater(bits, false, level)
				out := d.Append([]byte("before"), in)
				if !bytes.HasPrefix(out, []byte("before")) {
					t.Fatal("what was there is gone")
				}
				out = out[len("before"):]
				got, err := standard(out, nil)
				if err != nil || !bytes.Equal(got, in) {
					t.Fatalf("%s, %d bits, level %d: %v, %d octets of %d", name, bits, level, err, len(got), len(in))
				}
				if p := parse(t, out); p.Farthest > 1<<bits || p.Octets != len(in) {
					t.Fatalf("%s, %d bits, level %d: looks back %d octets, has %d of %d", name, bits, level, p.Farthest, p.Octets, len(in))
				}
				if most := len(in) + 5*(len(in)>>15+1) + 1; len(out) > most {
					t.Errorf("%s, %d bits, level %d: %d octets for %d", name, bits, level, len(out), len(in))
				}
			}
		}
	}
}

// Messages one after the other, with a window that is kept: the standard library
// reads each with the window's last octets as its dictionary, and so does an
// Inflater.
func TestTakeover(t *testing.T) {
	for bits := deflate.MinBits; bits <= deflate.MaxBits; bits++ {
		for _, level := range []int{1, 3, 5, 9} {
			d := deflate.NewDeflater(bits, true, level)
			in := deflate.NewInflater(bits, true)
			shared := deflate.NewDeflater(bits, false, level)
			r := rand.New(rand.NewPCG(uint64(bits), uint64(level)))
			var past []byte
			plain, packed := 0, 0
			for i := range 150 {
				msg := event(i)
				switch r.IntN(20) {
				case 0:
					msg = noise(r.IntN(3 << bits))
				case 1:
					msg = bytes.Repeat(msg, 1+r.IntN(1<<bits/len(msg)+1))
				case 2:
					msg = nil
				}
				var out []byte
				switch what := r.IntN(12); what {
				case 0: // a message that was compressed for all
					out = shared.Append(nil, msg)
					d.Sent(msg, true, true)
				case 1: // in fragments
					for rest := msg; ; {
						n := min(len(rest), r.IntN(len(msg)+1))
						out = d.AppendFragment(out, rest[:n], n == len(rest))
						d.Sent(rest[:n], n == len(rest), false)
						if rest = rest[n:]; len(rest) == 0 {
							break
						}
					}
				case 2: // not sent after all
					d.Append(nil, msg)
					continue
				case 3:
					d.Forget()
					continue
				default:
					out = d.Append(nil, msg)
					d.Sent(msg, true, false)
				}
				window := past[max(0, len(past)-1<<bits):]
				if got, err := standard(out, window); err != nil || !bytes.Equal(got, msg) {
					t.Fatalf("%d bits, level %d, message %d: %v", bits, level, i, err)
				}
				if p := parse(t, out); p.Farthest > 1<<bits {
					t.Fatalf("%d bits, level %d, message %d: looks back %d octets", bits, level, i, p.Farthest)
				}
				got, err := inflateAll(in, out, 700)
				if err != nil || !bytes.Equal(got, msg) {
					t.Fatalf("%d bits, level %d, message %d: an Inflater: %v", bits, level, i, err)
				}
				past = append(past, msg...)
				plain, packed = plain+len(msg), packed+len(out)
			}
			t.Logf("%d bits, level %d: %d octets, compressed %d", bits, level, plain, packed)
		}
	}
}

// What a Deflater makes of typical messages, so that a change for the worse shows.
func TestRatio(t *testing.T) {
	for _, c := range []struct {
		bits     int
		takeover bool
		level    int
		least    float64
	}{{12, true, 1, 2.5}, {12, true, 5, 2.8}, {15, true, 9, 3}, {12, false, 5, 1.1}} {
		d := deflate.NewDeflater(c.bits, c.takeover, c.level)
		plain, packed := 0, 0
		var out []byte
		for i := range 1000 {
			msg := event(i)
			out = d.Append(out[:0], msg)
			d.Sent(msg, true, false)
			plain, packed = plain+len(msg), packed+len(out)
		}
		ratio := float64(plain) / float64(packed)
		t.Logf("%d bits, takeover %v, level %d: %.2f", c.bits, c.takeover, c.level, ratio)
		if ratio < c.least {
			t.Errorf("%d bits, takeover %v, level %d: ratio %.2f, want at least %v", c.bits, c.takeover, c.level, ratio, c.least)
		}
	}
}

func BenchmarkAppend(b *testing.B) {
	for _, level := range []int{1, 3, 5, 7, 9} {
		for _, takeover := range []bool{true, false} {
			b.Run(fmt.Sprintf("event/level=%d/takeover=%v", level, takeover), func(b *testing.B) {
				d := deflate.NewDeflater(12, takeover, level)
				var out []byte
				i := 0
				messages := [64][]byte{}
				for i := range messages {
					messages[i] = event(i)
				}
				b.ReportAllocs()
				b.SetBytes(int64(len(messages[0])))
				for b.Loop() {
					msg := messages[i%len(messages)]
					out = d.Append(out[:0], msg)
					d.Sent(msg, true, false)
					i++
				}
			})
		}
		b.Run(fmt.Sprintf("events/level=%d", level), func(b *testing.B) {
			in := inputs()["events"][:64<<10]
			d := deflate.NewDeflater(15, false, level)
			var out []byte
			b.SetBytes(int64(len(in)))
			for b.Loop() {
				out = d.Append(out[:0], in)
			}
			b.ReportMetric(float64(len(in))/float64(len(out)), "ratio")
		})
	}
}
