package main

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"math/rand/v2"
	"strings"
	"testing"
)

func TestAppendFrame(t *testing.T) {
	got := appendFrame(nil, fin|opText, []byte("Hello"), [4]byte{0x37, 0xfa, 0x21, 0x3d})
	if want := "818537fa213d7f9f4d5158"; hex.EncodeToString(got) != want { // RFC 6455 §5.7
		t.Errorf("got %x, want %s", got, want)
	}
	for n, want := range map[uint64]string{125: "82fd", 126: "82fe007e", 65535: "82feffff", 65536: "82ff0000000000010000"} {
		if got := appendHeader(nil, fin|opBinary, n, [4]byte{}); hex.EncodeToString(got[:len(got)-4]) != want {
			t.Errorf("%d: got %x, want %s", n, got, want)
		}
	}
}

func TestReadFrame(t *testing.T) {
	for in, want := range map[string]string{
		"\x81\x02hi": "hi",
		"\x82\x7e\x00\x80" + strings.Repeat("x", 128): strings.Repeat("x", 128),
		"\x82\x7f\x00\x00\x00\x00\x00\x00\x00\x01y":   "y",
	} {
		f, err := readFrame(bufio.NewReader(strings.NewReader(in)))
		if err != nil || string(f.payload) != want || f.first != in[0] {
			t.Errorf("%.20q: got %+v, %v", in, f, err)
		}
	}
	for _, in := range []string{
		"\x81\x821234ab",   // masked
		"\xc1\x00",         // compressed, which was not agreed on
		"\x89\x7e\x00\x80", // a long Ping
		"\x09\x00",         // a Ping in parts
		"\x82\x7f\x7f\x00\x00\x00\x00\x00\x00\x00", // endless
		"\x81\x05hi", // cut
	} {
		if f, err := readFrame(bufio.NewReader(strings.NewReader(in))); err == nil {
			t.Errorf("%q: got %+v", in, f)
		}
	}
}

// TestViolations: octets that are made by a table are what their name says, as far as
// a frame's length tells.
func TestViolations(t *testing.T) {
	l := &line{rng: rand.New(rand.NewPCG(1, 2))}
	for _, v := range violations {
		b := v.octets(l)
		if len(b) < 2 || len(v.codes) == 0 {
			t.Errorf("%s: %x, %d", v.name, b, v.codes)
		}
		if masked := b[1]&0x80 != 0; masked == (v.name == "unmasked") {
			t.Errorf("%s: %x", v.name, b[:2])
		}
	}
	if code := closeCode(closePayload(4999, "ciao")); code != 4999 {
		t.Error(code)
	}
	if !bytes.Equal(closePayload(1000, "x"), []byte("\x03\xe8x")) {
		t.Error(closePayload(1000, "x"))
	}
}
