package deflate_test

import (
	"bytes"
	"compress/flate"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/openline/openline/websocket/internal/deflate"
)

// inflateAll inflates one message that comes in pieces.
func inflateAll(d *deflate.Inflater, payload []byte, piece int) (out []byte, err error) {
	for len(payload) > 0 {
		n := d.Take(payload[:min(piece, len(payload), d.Room())])
		payload = payload[n:]
		for more := true; more; {
			var p []byte
			if p, more, err = d.Next(); err != nil {
				d.Drop()
				return nil, err
			}
			out = append(out, p...)
		}
	}
	if err := d.End(); err != nil {
		d.Drop()
		return nil, err
	}
	d.Release()
	return out, nil
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

const gopher = "gopher gopher gopher"

// Streams of all kinds, however they are cut.
func TestInflate(t *testing.T) {
	for _, c := range []struct {
		name, in, want string
		err            error
	}{
		{"fixed", "4a cf 2f c8 48 2d 52 48 47 a6 00 00", gopher, nil},
		{"stored", "00 14 00 eb ff 67 6f 70 68 65 72 20 67 6f 70 68 65 72 20 67 6f 70 68 65 72 00", gopher, nil},
		{"marked as last, and padding", "4b cf 2f c8 48 2d 52 48 47 a6 00 00", gopher, nil},
		{"marked as last, no padding", "4b cf 2f c8 48 2d 52 48 47 a6 00", gopher, nil},
		{"marked as last in the middle", "4b cf 2f c8 48 2d 52 48 47 a6 00 4a cf 2f c8 48 2d 52 48 47 a6 00 00", gopher + gopher, nil},
		{"RFC 7692 §7.2.3.4", "f3 48 cd c9 c9 07 00 00", "Hello", nil},
		{"two blocks", "4a cf 2f c8 48 2d 52 00 00 00 00 ff ff 4a 47 a6 00 00", gopher, nil},
		{"dynamic", "24 8b 21 0e 00 40 0c c2 de 3a 51 31 83 ea ff 73 2c 17 4c 49 21 23 31 8a 33 b6 1c 2c e0 8f c5 30 d4 6c 77 14 7b b8 56 aa 7e 00", "natentnttetaatatetetaieeetetetetteeeneaeateintneeaetenateieaeett", nil},
		{"empty", "00", "", nil},
		{"empty, marked as last", "03 00 00", "", nil},
		{"empty blocks", "00 00 00 ff ff 00 00 00 ff ff 00", "", nil},
		{"no octet at all", "", "", nil},
		{"overlapping copy", "72 04 02 00 00", "AAAA", nil},
		{"distance before the beginning", "72 04 62 00 00", "", deflate.ErrWindow},
		{"length symbol 286", "72 1c 03 00 00", "", deflate.ErrCorrupt},
		{"distance symbol 30", "72 04 3e 00 00", "", deflate.ErrCorrupt},
		{"block type 3", "06", "", deflate.ErrCorrupt},
		{"stored length check", "00 05 00 00 00 48 65 6c 6c 6f 00", "", deflate.ErrCorrupt},
		{"in a zlib wrapper", "78 9c 4b cf 2f c8 48 2d 52 48 47 a6 00 51 f8 07 d0", "", deflate.ErrCorrupt},
		{"cut after 6", "4a cf 2f c8 48 2d", "", deflate.ErrCut},
		{"cut after 9", "4a cf 2f c8 48 2d 52 48 47", "", deflate.ErrCut},
		{"cut behind a flush", "4a cf 2f c8 48 2d 52 00 00 00 00 ff ff", "", deflate.ErrCut},
		{"cut in a stored block", "00 14 00 eb ff 67 6f", "", deflate.ErrCut},
		{"1,024 octets", "4a 4c 1c 05 a3 60 14 8c 54 00 00", strings.Repeat("a", 1024), nil},
	} {
		in := unhex(t, c.in)
		for piece := 1; piece <= max(1, len(in)); piece++ {
			got, err := inflateAll(deflate.NewInflater(15, false), in, piece)
			if string(got) != c.want || !errors.Is(err, c.err) {
				t.Errorf("%s, in pieces of %d: %q, %v", c.name, piece, got, err)
			}
		}
	}
}

// The window ends where it was agreed to end, whatever is in memory.
func TestInflateWindow(t *testing.T) {
	copy258 := unhex(t, "1a bd ff 1f 00") // 258 octets from 32,768 octets back
	s := noise(1 << 15)
	stored := append(append([]byte{0, 0, 0x80, 0xFF, 0x7F}, s...), 0)
	for bits := 8; bits <= 15; bits++ {
		d := deflate.NewInflater(bits, true)
		if got, err := inflateAll(d, stored, 1000); err != nil || !bytes.Equal(got, s) {
			t.Fatal(err)
		}
		got, err := inflateAll(d, copy258, 2)
		if bits == 15 {
			if err != nil || !bytes.Equal(got, s[:258]) {
				t.Errorf("%d bits: %v", bits, err)
			}
		} else if !errors.Is(err, deflate.ErrWindow) {
			t.Errorf("%d bits: %v, want %v", bits, err, deflate.ErrWindow)
		}
		// In one message, too.
		both := append(stored[:len(stored)-1:len(stored)-1], copy258...)
		if _, err = inflateAll(deflate.NewInflater(bits, false), both, 5000); (err == nil) != (bits == 15) {
			t.Errorf("%d bits, one message: %v", bits, err)
		}
	}
	d := deflate.NewInflater(15, false)
	if _, err := inflateAll(d, stored, 1000); err != nil {
		t.Fatal(err)
	}
	if _, err := inflateAll(d, copy258, 2); !errors.Is(err, deflate.ErrWindow) {
		t.Errorf("without takeover: %v", err)
	}
}

// Everything that the standard library's writer makes is read, at every level
// and in pieces of several sizes.
func TestInflateStandard(t *testing.T) {
	for name, in := range inputs() {
		for level := flate.HuffmanOnly; level <= flate.BestCompression; level++ {
			var out bytes.Buffer
			w, err := flate.NewWriter(&out, level)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = w.Write(in)
			_ = w.Flush()
			payload := bytes.TrimSuffix(out.Bytes(), []byte(tail))
			for _, piece := range []int{3, 1021, 1 << 20} {
				got, err := inflateAll(deflate.NewInflater(15, true), payload, piece)
				if err != nil || !bytes.Equal(got, in) {
					t.Fatalf("%s, level %d: %v, %d octets of %d", name, level, err, len(got), len(in))
				}
			}
		}
	}
}

// FuzzInflate: any octets, cut anywhere, are what the standard library makes of
// them: the same data or an error.
func FuzzInflate(f *testing.F) {
	f.Add(unhex(f, "4b cf 2f c8 48 2d 52 48 47 a6 00 4a cf 2f c8 48 2d 52 48 47 a6 00 00"), uint16(3))
	f.Add(unhex(f, "24 8b 21 0e 00 40 0c c2 de 3a 51 31 83 ea ff 73 2c 17 4c 49 21 23 31 8a 33 b6 1c 2c e0 8f c5 30 d4 6c 77 14 7b b8 56 aa 7e 00"), uint16(1))
	f.Add(unhex(f, "72 04 62 00 00"), uint16(2))
	f.Add([]byte("c8xa"), uint16(1)) // with 00 00 ff ff behind it, more than it seems
	for _, level := range []int{1, 5} {
		f.Add(deflate.NewDeflater(15, false, level).Append(nil, bytes.Repeat(event(1), 5)), uint16(level))
	}
	f.Fuzz(func(t *testing.T, payload []byte, piece uint16) {
		got, err := inflateAll(deflate.NewInflater(15, true), payload, int(piece)+1)
		single, singleErr := inflateAll(deflate.NewInflater(15, true), payload, 1)
		if !bytes.Equal(got, single) || !errors.Is(singleErr, err) {
			t.Fatalf("%x: in pieces of %d: %x, %v; octet by octet: %x, %v", payload, piece, got, err, single, singleErr)
		}
		if len(payload) == 0 || last(payload) || errors.Is(err, deflate.ErrCut) {
			// The standard library stops at a block that is marked as the last, and
			// it may find sense in what is cut and has got the last four octets.
			return
		}
		want, wantErr := standard(payload, nil)
		if (err == nil) != (wantErr == nil) || err == nil && !bytes.Equal(got, want) {
			t.Fatalf("%x: %x, %v; the standard library: %x, %v", payload, got, err, want, wantErr)
		}
	})
}

// last reports whether the standard library stops before the end.
func last(payload []byte) bool {
	r := bytes.NewReader(append(bytes.Clone(payload), tail...))
	fr := flate.NewReader(r)
	var b [512]byte
	for {
		if _, err := fr.Read(b[:]); err != nil {
			return err.Error() == "EOF"
		}
	}
}

// FuzzDeflate: what is compressed, in messages and fragments, whatever the
// window, is what comes out again of the standard library and of an Inflater.
//
// Long messages are short ones repeated. The engine makes every input that it finds
// interesting smaller, by leaving out each run of octets that it has: a number of
// attempts that is the square of the length, which is a minute and nothing else for
// an input of some hundred.
func FuzzDeflate(f *testing.F) {
	f.Add([]byte(gopher), []byte("a"), uint8(200), uint8(8), uint8(5), uint16(3))
	f.Add([]byte(`{"id":1}`), noise(40), uint8(13), uint8(12), uint8(1), uint16(100))
	f.Fuzz(func(t *testing.T, a, b []byte, times, bits, level uint8, cut uint16) {
		const most = 120
		if len(a) > most || len(b) > most {
			t.Skip("longer than it need be")
		}
		b = bytes.Repeat(append(bytes.Clone(b), a...), int(times))
		bits, level = 8+bits%8, 1+level%9
		for _, takeover := range []bool{false, true} {
			d := deflate.NewDeflater(int(bits), takeover, int(level))
			in := deflate.NewInflater(int(bits), takeover)
			var past []byte
			for i, msg := range [][]byte{a, b, a} {
				var out []byte
				if n := min(int(cut), len(msg)); i == 2 {
					out = d.AppendFragment(nil, msg[:n], false)
					d.Sent(msg[:n], false, false)
					out = d.AppendFragment(out, msg[n:], true)
					d.Sent(msg[n:], true, false)
				} else {
					out = d.Append(nil, msg)
					d.Sent(msg, true, i == 1)
				}
				var window []byte
				if takeover {
					window = past[max(0, len(past)-1<<bits):]
				}
				what := fmt.Sprintf("message %d, takeover %v", i, takeover)
				if got, err := standard(out, window); err != nil || !bytes.Equal(got, msg) {
					t.Fatalf("%s: %v", what, err)
				}
				if got, err := inflateAll(in, out, int(cut)+1); err != nil || !bytes.Equal(got, msg) {
					t.Fatalf("%s: an Inflater: %v", what, err)
				}
				if p := parse(t, out); p.Farthest > 1<<bits {
					t.Fatalf("%s: looks back %d octets", what, p.Farthest)
				}
				past = append(past, msg...)
			}
		}
	})
}

func BenchmarkInflate(b *testing.B) {
	for name, in := range map[string][]byte{"event": event(1), "events": inputs()["events"][:64<<10], "zeros": make([]byte, 64<<10)} {
		b.Run(name, func(b *testing.B) {
			payload := deflate.NewDeflater(12, false, 5).Append(nil, in)
			d := deflate.NewInflater(12, true)
			b.SetBytes(int64(len(in)))
			b.ReportAllocs()
			for b.Loop() {
				for rest := payload; len(rest) > 0; {
					n := d.Take(rest[:min(len(rest), d.Room())])
					rest = rest[n:]
					for more := true; more; {
						_, more, _ = d.Next()
					}
				}
				if d.End() != nil {
					b.Fatal("cut")
				}
				d.Release()
			}
		})
	}
}
