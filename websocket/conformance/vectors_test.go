package conformance

import (
	"bytes"
	"encoding/hex"
	"net"
	"strings"
	"testing"
	"time"
)

// octets are what lines of a case make the suite send.
func octets(t *testing.T, client bool, lines ...string) []byte {
	t.Helper()
	c := &Case{Knobs: []Knob{{"limit", "1000"}}}
	var b []byte
	for _, line := range lines {
		f, err := c.parseFrame(line)
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		for range f.times {
			b = f.append(b, client)
		}
	}
	return b
}

func fromHex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestExamplesOfRFC6455 has the examples of §5.7 as a case writes them.
func TestExamplesOfRFC6455(t *testing.T) {
	for _, test := range []struct {
		client bool
		lines  []string
		want   string
	}{
		{false, []string{`text "Hello"`}, "81 05 48 65 6c 6c 6f"},
		{true, []string{`text key 37fa213d "Hello"`}, "81 85 37 fa 21 3d 7f 9f 4d 51 58"},
		{false, []string{`text... "Hel"`, `cont "lo"`}, "01 03 48 65 6c 80 02 6c 6f"},
		{false, []string{`text split 3 "Hello"`}, "01 03 48 65 6c 80 02 6c 6f"},
		{false, []string{`ping "Hello"`}, "89 05 48 65 6c 6c 6f"},
		{true, []string{`pong key 37fa213d "Hello"`}, "8a 85 37 fa 21 3d 7f 9f 4d 51 58"},
		{false, []string{`binary 2a*256`}, "82 7e 01 00" + strings.Repeat("2a", 256)},
		{false, []string{`binary 2a*65536`}, "82 7f 00 00 00 00 00 01 00 00" + strings.Repeat("2a", 65536)},
	} {
		if got := octets(t, test.client, test.lines...); !bytes.Equal(got, fromHex(t, test.want)) {
			t.Errorf("%q is % x", test.lines, got[:min(len(got), 40)])
		}
	}
}

// TestExamplesOfRFC7692 has those of §7.2.3.1.
func TestExamplesOfRFC7692(t *testing.T) {
	for line, want := range map[string]string{
		`text zip "Hello"`:         "c1 07 f2 48 cd c9 c9 07 00",
		`text zip split 3 "Hello"`: "41 03 f2 48 cd 00 03 c9 c9 07 80 01 00",
		`text zip parts 4 "Hello"`: "41 03 f2 48 cd 80 04 c9 c9 07 00",
	} {
		if got := octets(t, false, line); !bytes.Equal(got, fromHex(t, want)) {
			t.Errorf("%q is % x", line, got)
		}
	}
}

// TestWrongFrames has what only a suite sends.
func TestWrongFrames(t *testing.T) {
	for _, test := range []struct {
		client bool
		line   string
		want   string
	}{
		{true, `text bare "Hi"`, "81 02 48 69"},
		{true, `text rsv1 "Hi"`, "c1 82 12 34 56 78 5a 5d"},
		{false, `ping rsv1 rsv2 rsv3`, "f9 00"},
		{false, `op5... "x"`, "05 01 78"},
		{false, `text key 12345678 "Hi"`, "81 82 12 34 56 78 5a 5d"},
		{false, `text len16 "Hello"`, "81 7e 00 05 48 65 6c 6c 6f"},
		{true, `text len64 "Hello"`, "81 ff 00 00 00 00 00 00 00 05 12 34 56 78 5a 51 3a 14 7d"},
		{false, `binary len16 claim 125`, "82 7e 00 7d"},
		{true, `binary claim 2^63`, "82 ff 80 00 00 00 00 00 00 00 12 34 56 78"},
		{false, `binary claim 2^64-1`, "82 7f ff ff ff ff ff ff ff ff"},
		{false, `binary claim limit+1`, "82 7e 03 e9"},
		{true, `close 1000`, "88 82 12 34 56 78 11 dc"},
		{true, `close`, "88 80 12 34 56 78"},
		{false, `close raw 03`, "88 01 03"},
		{false, `close 1000 61 80`, "88 04 03 e8 61 80"},
		{false, `text first 3 "Hello"`, "81 05 48"},
		{true, `ping claim 126 first 2`, "89 fe"},
		{false, `text parts 5 "abcd"`, "01 01 61 00 02 62 63 80 01 64"},
		{false, `text parts 1 gaps "ab"`, "01 01 61 00 00 80 01 62"},
		{false, `text spoil 2 "abc"`, "81 03 61 ff 63"},
		{false, `text "a" flip 0`, "01 01 61"},
		{false, `text "a" flip 23`, "81 01 60"},
		{false, `text "a" flip 24`, "81 01 61"},
		{false, `cont times 2`, "80 00 80 00"},
	} {
		if got := octets(t, test.client, test.line); !bytes.Equal(got, fromHex(t, test.want)) {
			t.Errorf("%s is % x", test.line, got)
		}
	}
	for _, line := range []string{"", "texts", "op10", `text "a`, "text key 12", "text claim", "text split 0", "text parts", "close x", "text 1"} {
		if _, err := new(Case).parseFrame(line); err == nil {
			t.Errorf("%q is taken for a frame", line)
		}
	}
}

// arrivals are what the suite makes of octets that an end sends.
func arrivals(t *testing.T, d decoder, b []byte) (list []string, err error) {
	t.Helper()
	here, there := net.Pipe()
	w := newWire(here, 0, &recorder{started: time.Now()})
	defer w.close()
	w.dec = d
	go func() {
		_, _ = there.Write(b)
		_ = there.Close()
	}()
	for {
		a, err := w.arrival(time.Now().Add(10 * time.Second))
		if err != nil {
			return list, err
		}
		list = append(list, a.String())
		if a.kind == gotEnd {
			return list, nil
		}
	}
}

// TestReading has the suite read the examples of RFC 7692 §7.2.3, each behind
// the first, and what no end may send.
func TestReading(t *testing.T) {
	hello := fromHex(t, "c1 07 f2 48 cd c9 c9 07 00")
	for _, second := range []string{
		"41 03 f2 48 cd 80 04 c9 c9 07 00",             // §7.2.3.1
		"c1 05 f2 00 11 00 00",                         // §7.2.3.2
		"c1 0b 00 05 00 fa ff 48 65 6c 6c 6f 00",       // §7.2.3.3
		"c1 08 f3 48 cd c9 c9 07 00 00",                // §7.2.3.4
		"c1 0d f2 48 05 00 00 00 ff ff ca c9 c9 07 00", // §7.2.3.5
	} {
		got, err := arrivals(t, decoder{terms: &terms{takeover: true, bits: 15}}, append(bytes.Clone(hello), fromHex(t, second)...))
		if want := `the text message "Hello" the text message "Hello" the end of the stream`; err != nil || strings.Join(got, " ") != want {
			t.Errorf("%s: %q, %v", second, got, err)
		}
	}
	for _, test := range []struct {
		what string
		d    decoder
		b    string
	}{
		{"a server masks", decoder{}, "81 80 12 34 56 78"},
		{"a client does not", decoder{client: true}, "81 00"},
		{"RSV1 without compression", decoder{}, "c1 00"},
		{"opcode 3", decoder{}, "83 00"},
		{"opcode B", decoder{}, "8b 00"},
		{"5 in 16 bits", decoder{}, "81 7e 00 05"},
		{"5 in 64 bits", decoder{}, "81 7f 00 00 00 00 00 00 00 05"},
		{"a continuation of nothing", decoder{}, "80 00"},
		{"a message inside another", decoder{}, "01 00 81 00"},
		{"a fragmented Ping", decoder{}, "09 00"},
		{"a Close of one octet", decoder{}, "88 01 03"},
		{"close code 1005", decoder{}, "88 02 03 ed"},
		{"1010 from a server", decoder{}, "88 02 03 f2"},
		{"a reason that is not UTF-8", decoder{}, "88 03 03 e8 ff"},
		{"a text that is not UTF-8", decoder{}, "81 01 ff"},
		{"a message behind a Close", decoder{}, "88 00 81 00"},
		{"a second Close", decoder{}, "88 00 88 00"},
		{"block type 3", decoder{terms: &terms{bits: 15}}, "c1 01 06"},
		{"a window that is forgotten", decoder{terms: &terms{bits: 15}}, "c1 07 f2 48 cd c9 c9 07 00 c1 05 f2 00 11 00 00"},
		{"a tail", decoder{terms: &terms{bits: 15}}, "c1 05 00 00 00 ff ff"},
	} {
		if got, err := arrivals(t, test.d, fromHex(t, test.b)); err == nil {
			t.Errorf("%s: %q", test.what, got)
		}
	}
	got, err := arrivals(t, decoder{}, fromHex(t, "81 05 48"))
	if err != nil || strings.Join(got, " ") != "the end of the stream, inside a frame" {
		t.Errorf("%q, %v", got, err)
	}
}

// TestDistance has the suite see how far back data look.
func TestDistance(t *testing.T) {
	z := inflater{}
	if _, err := z.message(append(append([]byte{0, 0, 0x80, 0xFF, 0x7F}, hashStream(1<<15)...), 0)); err != nil {
		t.Fatal(err)
	}
	got, err := z.message(fromHex(t, "1a bd ff 1f 00"))
	if err != nil || !bytes.Equal(got, hashStream(258)) || z.farthest != 1<<15 || !z.lookedBack {
		t.Errorf("%s, %v, %d back", short(got), err, z.farthest)
	}
	if _, err := z.message(fromHex(t, "4a cf 2f c8 48 2d")); err == nil {
		t.Error("data that end too early are inflated")
	}
}
