package websocket_test

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/openline/openline/websocket"
	"github.com/openline/openline/websocket/internal/handshake"
	"github.com/openline/openline/websocket/internal/proto"
	"github.com/openline/openline/websocket/wstest"
)

// openingVectors are requests that the tests of the handshake send, to be sent
// again with each bit flipped.
var openingVectors []string

func testBitFlips(t *testing.T) {
	t.Parallel()
	t.Run("requests", testRequestFlips)
	t.Run("requests to a server", testServerFlips)
	t.Run("responses to a client", testClientFlips)
	t.Run("frames", testFrameFlips)
	t.Run("frames on a connection", testConnectionFlips)
}

// flips calls f with each single bit of in flipped, up to the octet given.
func flips(in []byte, octets int, f func(bit int, flipped []byte)) {
	for bit := range 8 * min(len(in), octets) {
		in[bit/8] ^= 1 << (bit % 8)
		f(bit, in)
		in[bit/8] ^= 1 << (bit % 8)
	}
}

// testRequestFlips: every request of the tests, as net/http and the rules of the
// handshake take it.
func testRequestFlips(t *testing.T) {
	n := 0
	for _, v := range openingVectors {
		flips([]byte(v), 2000, func(bit int, in []byte) {
			r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(in)))
			if err != nil {
				return
			}
			n++
			req, refusal := handshake.CheckRequest(r)
			if (req == nil) == (refusal == nil) {
				t.Fatalf("%q, bit %d: %v, %v", v, bit, req, refusal)
			}
			if refusal != nil && (refusal.Status < 400 || refusal.Status > 499 || refusal.Reason == "") {
				t.Fatalf("%q, bit %d: %+v", v, bit, refusal)
			}
			if req != nil {
				checkAcceptable(t, r)
			}
		})
	}
	if n < 100_000 {
		t.Errorf("only %d requests were read", n)
	}
}

// checkAcceptable judges a request that was accepted by means of its own.
func checkAcceptable(t *testing.T, r *http.Request) {
	t.Helper()
	tokens := func(name string) (list []string) {
		for element := range strings.SplitSeq(strings.Join(r.Header.Values(name), ","), ",") {
			list = append(list, strings.ToLower(strings.TrimSpace(element)))
		}
		return list
	}
	keys := r.Header.Values("Sec-WebSocket-Key")
	if r.Method != "GET" || r.ProtoMajor != 1 || r.ProtoMinor < 1 || len(keys) != 1 || !slices.Equal(r.Header.Values("Sec-WebSocket-Version"), []string{"13"}) ||
		!slices.Contains(tokens("Upgrade"), "websocket") || !slices.Contains(tokens("Connection"), "upgrade") {
		t.Fatalf("%s %s with %v was accepted", r.Method, r.Proto, r.Header)
	}
}

// exchangeOnce sends in and ends its direction, so that a server which waits for
// more learns that there is none, and returns all that comes back.
func exchangeOnce(t *testing.T, address string, in []byte) []byte {
	t.Helper()
	nc, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	nc.SetDeadline(time.Now().Add(patience))
	if _, err := nc.Write(in); err == nil {
		nc.(*net.TCPConn).CloseWrite()
	}
	out, err := io.ReadAll(nc)
	if ne, ok := errors.AsType[net.Error](err); ok && ne.Timeout() {
		t.Fatalf("%q: the server hangs after %q", in, out)
	}
	return out
}

// testServerFlips: the base request through the whole server.
func testServerFlips(t *testing.T) {
	s := newStack(t, stackOptions{})
	head := len(baseRequest)
	flips([]byte(baseRequest+hiAndBye), 1<<20, func(bit int, in []byte) {
		list, rest, err := parseAnswers(exchangeOnce(t, s.addr, in), methodOf(string(in)))
		switch {
		case err != nil:
			t.Fatalf("bit %d: %v", bit, err)
		case len(list) == 0 && bit/8 < head: // a header section without end, and then nothing
			return
		case len(list) == 0 || list[0].StatusCode != 101 && (list[0].StatusCode < 400 || list[0].StatusCode > 599):
			t.Fatalf("bit %d: %d", bit, statuses(list))
		case list[0].StatusCode == 101:
			checkFrames(t, rest, bit)
			r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(in)))
			if err != nil {
				t.Fatal(err)
			}
			checkAcceptable(t, r)
			if got := list[0].Header.Get("Sec-WebSocket-Accept"); got != sha1Text(r.Header.Get("Sec-WebSocket-Key")+acceptGUID) {
				t.Fatalf("bit %d: Sec-WebSocket-Accept: %q", bit, got)
			}
		}
	})
}

// checkFrames checks that octets are frames that a server may send, the last a
// Close if there is one.
func checkFrames(t *testing.T, octets string, bit int) {
	t.Helper()
	r := proto.NewReceiver(true, false, proto.Limits{})
	for p := []byte(octets); len(p) > 0; {
		n, _, err := r.Receive(p)
		if err != nil {
			t.Fatalf("bit %d: the server sent %s: %v", bit, frames(octets), err)
		}
		p = p[n:]
	}
	if r.InFrame() {
		t.Fatalf("bit %d: the server sent half a frame: %s", bit, frames(octets))
	}
}

// testClientFlips: the base response, and a frame behind it.
func testClientFlips(t *testing.T) {
	const text = baseResponse + "\x81\x02Hi"
	for bit := range 8 * (len(text) - len("ACCEPT") + len(baseAccept)) {
		var key string
		var sent []byte
		s := newPipeScript(t, func(p *scriptPeer) {
			key = p.key
			sent = []byte(strings.ReplaceAll(text, "ACCEPT", acceptOf(p.key)))
			sent[bit/8] ^= 1 << (bit % 8)
			_, _ = p.Write(sent)
		})
		c, err := websocket.Dial(t.Context(), "ws://ws.test/", s.options(websocket.DialOptions{}))
		if err != nil {
			s.running.Wait()
			continue
		}
		_, msg, err := c.Read(t.Context()) // ends: the script closes
		c.CloseNow()
		s.running.Wait()
		resp, perr := http.ReadResponse(bufio.NewReader(bytes.NewReader(sent)), nil)
		if perr != nil || resp.StatusCode != 101 || resp.Header.Get("Sec-WebSocket-Accept") != sha1Text(key+acceptGUID) || !strings.EqualFold(resp.Header.Get("Upgrade"), "websocket") {
			t.Fatalf("bit %d: %q opened a connection", bit, sent)
		}
		if err != nil && websocket.CloseCodeOf(err) == 0 || err == nil && !utf8.Valid(msg) {
			t.Fatalf("bit %d: read %q, %v", bit, msg, err)
		}
	}
}

// frameScripts calls f for every script on frames.
func frameScripts(t *testing.T, f func(s wstest.Script)) {
	t.Helper()
	files, err := filepath.Glob("internal/proto/testdata/*.txt")
	if err != nil || len(files) < 20 {
		t.Fatalf("%d files of scripts, %v", len(files), err)
	}
	for _, file := range files {
		for _, s := range wstest.ReadScripts(t, file) {
			f(s)
		}
	}
}

// testFrameFlips: every vector on frames, in the core. Of the long ones, whose
// payload is one octet again and again, the head will do.
func testFrameFlips(t *testing.T) {
	const limit = 1 << 20
	legal := []uint16{1002, 1007, 1008, 1009}
	total := 0
	frameScripts(t, func(s wstest.Script) {
		if testing.Short() && s.Line%5 != 0 {
			return
		}
		input := s.Input()
		if len(input) > 4096 {
			input = input[:4096]
		}
		work := make([]byte, len(input))
		flips(input, 300, func(bit int, flipped []byte) {
			total++
			p := work[:copy(work, flipped)] // Receive unmasks in place
			r := proto.NewReceiver(s.Client, false, proto.Limits{MessageSize: limit, Fragments: 1 << 17})
			var text []byte
			for len(p) > 0 {
				n, ev, err := r.Receive(p)
				if n > len(p) || n == 0 && err == nil {
					t.Fatalf("%s, bit %d: took %d of %d", s.Name, bit, n, len(p))
				}
				if err != nil {
					e, ok := errors.AsType[*proto.Error](err)
					if !ok || !slices.Contains(legal, e.Code) || e.Reason == "" {
						t.Fatalf("%s, bit %d: %v", s.Name, bit, err)
					}
					if _, _, again := r.Receive([]byte{0x8A, 0}); !errors.Is(again, err) {
						t.Fatalf("%s, bit %d: after %v it went on: %v", s.Name, bit, err, again)
					}
					break
				}
				switch ev.Kind {
				case proto.Data:
					if ev.First {
						text = text[:0]
					}
					if text = append(text, ev.Payload...); ev.Last && ev.Opcode == 1 && !utf8.Valid(text) {
						t.Fatalf("%s, bit %d: delivered %q as text", s.Name, bit, text)
					}
				case proto.Ping, proto.Pong:
					if len(ev.Payload) > 125 {
						t.Fatalf("%s, bit %d: %d octets of a control frame", s.Name, bit, len(ev.Payload))
					}
				case proto.Close:
					if !utf8.Valid(ev.Payload) || ev.Code != 1005 && !sendable(ev.Code) {
						t.Fatalf("%s, bit %d: closed with %d %q", s.Name, bit, ev.Code, ev.Payload)
					}
				}
				p = p[n:]
			}
		})
	})
	t.Logf("%d inputs", total)
}

// sendable reports whether a close code may be in a frame (RFC 6455 §7.4).
func sendable(code uint16) bool {
	return code >= 1000 && code <= 1003 || code >= 1007 && code <= 1014 || code >= 3000 && code <= 4999
}

// testConnectionFlips: the same on live connections, with a sample, since each
// takes a handshake: of every file of vectors the first script for a server,
// and of its input one bit of each octet, the next one of the next.
func testConnectionFlips(t *testing.T) {
	s := newStack(t, stackOptions{})
	seen := map[string]bool{}
	frameScripts(t, func(script wstest.Script) {
		input := script.Input()
		name, _, _ := strings.Cut(script.Name, ":")
		key := name + string(input[:min(2, len(input))])
		if script.Client || len(input) > 200 || seen[key] {
			return
		}
		seen[key] = true
		for i := range input {
			in := bytes.Clone(input)
			in[i] ^= 1 << (i % 8)
			out := exchangeOnce(t, s.addr, append([]byte(baseRequest), in...))
			list, rest, err := parseAnswers(out)
			if err != nil || !slices.Equal(statuses(list), []int{101}) {
				t.Fatalf("%s, octet %d: %d, %v", script.Name, i, statuses(list), err)
			}
			checkFrames(t, rest, i*8+i%8)
		}
	})
	if len(seen) < 20 {
		t.Errorf("only %d scripts", len(seen))
	}
}
