package load

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"
)

func TestScanFrame(t *testing.T) {
	long := append([]byte{0x81, 126, 0x01, 0x00}, bytes.Repeat([]byte("a"), 256)...)
	huge := append([]byte{0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0}, make([]byte, 1<<16)...)
	for _, c := range []struct {
		name    string
		b       []byte
		opcode  byte
		payload int
	}{
		{"text", []byte("\x81\x05Hello"), opText, 5},
		{"empty ping", []byte("\x89\x00"), opPing, 0},
		{"16-bit length", long, opText, 256},
		{"64-bit length", huge, 2, 1 << 16},
	} {
		for cut := range len(c.b) {
			if cut > 12 && cut < len(c.b)-3 {
				continue
			}
			if _, _, n, err := scanFrame(c.b[:cut]); n != 0 || err != nil {
				t.Errorf("%s, %d bytes of it: n = %d, %v; want to wait for more", c.name, cut, n, err)
			}
		}
		opcode, payload, n, err := scanFrame(append(c.b[:len(c.b):len(c.b)], 0x81))
		if err != nil || n != len(c.b) || opcode != c.opcode || len(payload) != c.payload {
			t.Errorf("%s: opcode %d, %d bytes of payload, n = %d, %v", c.name, opcode, len(payload), n, err)
		}
	}
	for name, b := range map[string]string{
		"fragment": "0100", "reserved bit": "c100", "masked": "818000000000", "too long": "817f00000000ffffffff",
	} {
		raw, _ := hex.DecodeString(b)
		if _, _, _, err := scanFrame(raw); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestAppendFrame(t *testing.T) {
	// RFC 6455 §5.7, the masked text.
	if got := hex.EncodeToString(appendFrame(nil, opText, []byte("Hello"))); got != "818537fa213d7f9f4d5158" {
		t.Errorf("Hello is %s", got)
	}
	if b := appendFrame(nil, opText, make([]byte, 300)); b[1] != 0x80|126 || b[2] != 1 || b[3] != 44 || len(b) != 308 {
		t.Errorf("300 bytes: % x…, %d bytes", b[:4], len(b))
	}
	if b := appendFrame(nil, opText, make([]byte, 1<<16)); b[1] != 0x80|127 || b[7] != 1 || len(b) != 14+1<<16 {
		t.Errorf("65536 bytes: % x…, %d bytes", b[:10], len(b))
	}
}

func TestScanAnswer(t *testing.T) {
	for _, c := range []struct {
		name, text string
		status     int
		body       string
	}{
		{"upgrade", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n", 101, ""},
		{"length", "HTTP/1.1 200 OK\r\nServer: x\r\ncontent-LENGTH:  2 \r\n\r\n{}", 200, "{}"},
		{"none", "HTTP/1.1 204 No Content\r\n\r\n", 204, ""},
		{"chunked", "HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n", 403, "2\r\nno\r\n"},
		{"no body told", "HTTP/1.1 500 Oops\r\nConnection: close\r\n\r\n", 500, ""},
	} {
		for cut := range len(c.text) {
			if _, n, err := scanAnswer([]byte(c.text[:cut])); n != 0 || err != nil {
				t.Errorf("%s, %d bytes of it: n = %d, %v; want to wait for more", c.name, cut, n, err)
			}
		}
		a, n, err := scanAnswer([]byte(c.text + "\x81"))
		if err != nil || n != len(c.text) || a.status != c.status || string(a.body) != c.body || a.last != strings.Contains(c.text, "close") {
			t.Errorf("%s: %+v, n = %d, %v", c.name, a, n, err)
		}
	}
	for _, text := range []string{
		"SSH-2.0-x 200 no\r\n\r\n", "HTTP/1.1\r\n\r\n", "HTTP/1.1 abc\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n", strings.Repeat("x", longestHead+1),
	} {
		if _, _, err := scanAnswer([]byte(text)); err == nil {
			t.Errorf("%.40q: no error", text)
		}
	}
}

func TestStamp(t *testing.T) {
	want := stamp{run: 0xabcdef01, publisher: 12, number: 0xfffffffe, sent: 1<<60 + 9}
	body := want.body(100)
	if len(body) != 100 || body[0] != '"' || body[99] != '"' {
		t.Errorf("the body is %q", body)
	}
	if got, ok := findStamp([]byte(`{"id":"1","data":` + string(body) + `}`)); !ok || got != want {
		t.Errorf("found %+v, %t; want %+v", got, ok, want)
	}
	for _, text := range []string{"", "~ol", `{"type":"sys:ok"}`, string(body[:30])} {
		if s, ok := findStamp([]byte(text)); ok {
			t.Errorf("%q: found %+v", text, s)
		}
	}
}
