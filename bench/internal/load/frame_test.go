package load

import (
	"bytes"
	"compress/flate"
	"encoding/hex"
	"io"
	"testing"
)

// The masked text message "Hello" of RFC 6455 §5.7, with this package's key.
func TestAppendFrame(t *testing.T) {
	got := AppendFrame(nil, fin|opcodeText, []byte("Hello"))
	want, _ := hex.DecodeString("818512345678" + "5a513a147d")
	if !bytes.Equal(got, want) {
		t.Errorf("got %x, want %x", got, want)
	}
	for size, header := range map[int]string{125: "82fd", 126: "82fe007e", 65535: "82feffff", 65536: "82ff0000000000010000"} {
		got := AppendFrame(nil, fin|opcodeBin, make([]byte, size))
		if !bytes.HasPrefix(got, mustHex(t, header+"12345678")) || len(got) != len(header)/2+4+size {
			t.Errorf("%d octets: frame of %d begins %x", size, len(got), got[:14])
		}
	}
}

func mustHex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// What a server sends: two messages, a Ping, a message in three frames with a Pong
// between them, and one with a long header.
func TestScannerCutAnywhere(t *testing.T) {
	in := mustHex(t, "81026869"+"8200"+"8901aa"+"0103414243"+"8a00"+"000144"+"800145"+"827e0100")
	in = append(in, make([]byte, 256)...)
	for cut := range len(in) + 1 {
		var s scanner
		total := 0
		for _, part := range [][]byte{in[:cut], in[cut:]} {
			n, err := s.scan(part, -1)
			if err != nil {
				t.Fatalf("cut at %d: %v", cut, err)
			}
			total += n
		}
		if total != 4 || s.length != 256 || s.have != 0 {
			t.Fatalf("cut at %d: %d messages, the last of %d octets", cut, total, s.length)
		}
	}
}

func TestScannerRefuses(t *testing.T) {
	for name, in := range map[string]string{
		"a message of another length": "81026869",
		"a Close frame":               "8800",
		"a masked frame":              "818112345678aa",
	} {
		if _, err := new(scanner).scan(mustHex(t, in), 3); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}

func TestDeflate(t *testing.T) {
	doc := Document(1, 1024)
	if len(doc) != 1024 || doc[0] != '[' || doc[1023] != ']' {
		t.Fatalf("%d octets: %q", len(doc), doc)
	}
	if bytes.Equal(doc, Document(2, 1024)) {
		t.Error("two documents are the same")
	}
	packed := Deflate(doc)
	if len(packed) > 700 {
		t.Errorf("1,024 octets became %d", len(packed))
	}
	r := flate.NewReader(io.MultiReader(bytes.NewReader(packed), bytes.NewReader([]byte{0, 0, 0xff, 0xff, 1, 0, 0, 0xff, 0xff})))
	if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, doc) {
		t.Errorf("inflated to %d octets, %v", len(got), err)
	}
}
