package main

import (
	"bytes"
	"compress/flate"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/openline/openline/server"
	"github.com/openline/openline/websocket"
)

// With compression on at both ends the trace shows each frame's compressed size and
// what it says; messages refer to earlier ones.
func TestTraceCompressed(t *testing.T) {
	serve(t, &server.Config{Compression: server.CompressionConfig{Enabled: true}})
	c := start(t, "connect", "alice", "--trace")
	c.err.await(t, `^connected to \S+/ws/alice \(compression\)\n`)
	c.out.await(t, `sys:open`)
	long := strings.Repeat("all the same to me, ", 20)
	for ref := range 2 {
		fmt.Fprintf(c.in, `{"type":"send","to":"alice","data":{"text":"%s"},"ref":%d}`+"\n", long, ref)
		c.out.await(t, fmt.Sprintf(`"sys:ok","ref":%d`, ref))
	}
	c.in.Close()
	if code := c.ended(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
	text := c.out.String()
	for _, pattern := range []string{
		`\n→ Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\n`,
		`\n← Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; client_max_window_bits=12\n`,
		`\n→ FIN=1 RSV1=1 RSV2=0 RSV3=0 opcode=0x1 \(text\) MASK=1 key=[0-9a-f]{8} length=\d\d\n→   inflated to 455: \{"type":"send",.*"ref":0\}\n`,
		`\n→ FIN=1 RSV1=1 .* length=1?\d\n→   inflated to 455: .*"ref":1\}\n`,
		`\n← FIN=1 RSV1=1 RSV2=0 RSV3=0 opcode=0x1 \(text\) MASK=0 length=1\d\d\n←   inflated to \d+: \{"id":.*all the same to me`,
	} {
		if !regexp.MustCompile(pattern).MatchString(text) {
			t.Errorf("no %s in\n%s", pattern, text)
		}
	}
}

func TestNoCompression(t *testing.T) {
	offer := make(chan string, 1)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		offer <- r.Header.Get("Sec-WebSocket-Extensions")
		c, err := websocket.Accept(w, r, &websocket.AcceptOptions{ConnOptions: websocket.ConnOptions{Compression: &websocket.Compression{}}})
		if err == nil {
			_ = c.Close(websocket.CloseNormal, "")
		}
	}))
	defer s.Close()
	address := "ws" + strings.TrimPrefix(s.URL, "http") + "/"
	for flag, want := range map[string]string{"--compression": "permessage-deflate; client_max_window_bits", "--no-compression": ""} {
		code, out, err := execute(t, "", "connect", address, flag, "--wait=-1s")
		if got := <-offer; code != 0 || got != want || strings.Contains(err, "(compression)") != (want != "") {
			t.Errorf("%s: %d, offered %q\n%s%s", flag, code, got, out, err)
		}
	}
}

// packed compresses p by itself.
func packed(p []byte) []byte {
	var b bytes.Buffer
	w, _ := flate.NewWriter(&b, 9)
	_, _ = w.Write(p)
	_ = w.Flush()
	return bytes.TrimSuffix(b.Bytes(), []byte("\x00\x00\xff\xff"))
}

func TestInflater(t *testing.T) {
	frame := func(fin bool, opcode byte, rsv1 bool, payload []byte) websocket.Frame {
		return websocket.Frame{Fin: fin, Opcode: opcode, RSV1: rsv1, Length: uint64(len(payload)), Payload: payload}
	}
	hello := packed([]byte("Hello\x1b"))
	final := []byte("\x4b\xcf\x2f\xc8\x48\x2d\x52\x48\x47\xa6\x00\x00") // gopher gopher gopher, in a block marked as the last
	zeros := packed(make([]byte, 1<<20))
	cut := frame(true, 1, true, zeros)
	cut.Payload = zeros[:10]
	for _, c := range []struct {
		name   string
		frames []websocket.Frame
		want   []string // of each frame, what its lines contain; "-" if there is but the header
	}{
		{"whole", []websocket.Frame{frame(true, 1, true, hello)}, []string{"←   inflated to 6: Hello␛\n"}},
		{"binary", []websocket.Frame{frame(true, 2, true, hello)}, []string{"←   inflated to 6: 48656c6c6f1b\n"}},
		{"empty", []websocket.Frame{frame(true, 1, true, []byte{0})}, []string{"←   inflated to 0: \n"}},
		{"not compressed", []websocket.Frame{frame(true, 1, false, []byte("a"))}, []string{"←   a\n"}},
		{"twice", []websocket.Frame{frame(true, 1, true, final), frame(true, 1, true, []byte("\x4a\xc7\x22\x06\x00"))}, []string{
			"inflated to 20: gopher gopher gopher\n", "inflated to 20: gopher gopher gopher\n",
		}},
		{"final in the middle", []websocket.Frame{frame(true, 1, true, append(final[:11:11], final...))}, []string{"inflated to 40: gopher gopher gophergopher"}},
		{
			"fragments, a ping between",
			[]websocket.Frame{frame(false, 1, true, hello[:3]), frame(true, 9, false, []byte("p")), frame(true, 0, false, hello[3:]), frame(true, 1, false, []byte("x"))},
			[]string{fmt.Sprintf("←   %x\n", hello[:3]), "←   p\n", fmt.Sprintf("←   %x\n←   inflated to 6: Hello␛\n", hello[3:]), "←   x\n"},
		},
		{"long", []websocket.Frame{frame(true, 2, true, zeros)}, []string{"inflated to 1048576: " + strings.Repeat("00", maxTraced) + " … and 1047552 bytes more\n"}},
		{"corrupt", []websocket.Frame{frame(true, 1, true, []byte{6}), frame(true, 1, true, hello)}, []string{"←   06\n←   not inflated: flate: corrupt", "not inflated: it, or a message before"}},
		{"cut", []websocket.Frame{cut}, []string{"←   not inflated: it, or a message before it, is too long to keep\n"}},
	} {
		var i inflater
		for n, f := range c.frames {
			if got := i.format(received, &f); !strings.Contains(got, c.want[n]) {
				t.Errorf("%s, frame %d: got %q, want %q in it", c.name, n, got, c.want[n])
			}
		}
	}
}
