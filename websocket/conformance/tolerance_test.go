package conformance

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// answers is a server that answers any request with a 101, with these fields
// besides the usual, and then with these octets; then it waits for the end.
func answers(t *testing.T, fields, octets string) *url.URL {
	t.Helper()
	return serves(t, func(nc net.Conn) {
		br := bufio.NewReader(nc)
		if _, err := http.ReadRequest(br); err != nil {
			return
		}
		io.WriteString(nc, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
			"Sec-WebSocket-Accept: "+acceptValue(baseKey)+"\r\n"+fields+"\r\n"+octets)
		if tc, ok := nc.(*net.TCPConn); ok {
			tc.CloseWrite()
		}
		io.Copy(io.Discard, br)
	})
}

// Interop mode tolerates what no MUST is about, and strict mode does not.
func TestTolerance(t *testing.T) {
	const deflate = "Sec-WebSocket-Extensions: permessage-deflate\r\n"
	for _, c := range []struct {
		name, text, fields, octets string
		interop                    Verdict
	}{
		{"another code", "< fail 1007", "", "\x88\x02\x03\xea", Passed},
		{"a normal end is no failure", "< fail 1007", "", "\x88\x02\x03\xe8", Failed},
		{"a Close before the end", "< end", "", "\x88\x02\x03\xe8", Passed},
		{"but no two of them", "< end", "", "\x88\x02\x03\xe8\x88\x02\x03\xe8", Failed},
		{"the code 1010, sent back", "< reply 1010", "", "\x88\x02\x03\xf2", Passed},
		{"an answer without a code", "> close 1000\n< reply 1000", "", "\x88\x00", Passed},
		{"a Close of its own without a code", "< reply 1000", "", "\x88\x00", Failed},
		{"a code that nobody sends", "< reply 1005", "", "\x88\x02\x03\xed", Failed},
		{"not compressed", "offer permessage-deflate\n< compressed text \"a\"", deflate, "\x81\x01a", Skipped},
		{"an answer that was not asked for", "offer permessage-deflate\n< text \"a\"", strings.Replace(deflate, "\r\n", "; client_max_window_bits=12\r\n", 1), "\x81\x01a", Skipped},
	} {
		for _, strict := range []bool{false, true} {
			l := library{groups: map[string]*Group{}}
			if err := l.parse("test.txt", "group T-1 RFC 0 §0\nitem T-1-01 server MUST\nrule None.\ncase a case\n"+c.text); err != nil {
				t.Fatalf("%v in\n%s", err, c.text)
			}
			r := newRun(&Options{Strict: strict, Features: []string{"all"}}, ServerActor)
			r.server = answers(t, c.fields, c.octets)
			res := r.one(t.Context(), l.groups["T-1"].Items[0].Cases[0])
			want := c.interop
			if strict {
				want = Failed
			}
			if res.Verdict != want {
				t.Errorf("%s, strict %t: got %v %q, want %v", c.name, strict, res.Verdict, res.Reason, want)
			}
			if want == Passed && res.Remark == "" && c.name != "the code 1010, sent back" {
				t.Errorf("%s: there is no remark", c.name)
			}
		}
	}
}

// A client that offers something else is answered in its own terms, unless the
// case says how.
func TestSuited(t *testing.T) {
	offers := func(value string) *play {
		return &play{c: &Case{offer: "permessage-deflate"}, got: &head{fields: []field{{name: "Sec-WebSocket-Extensions", value: value}}}}
	}
	for _, c := range [][3]string{
		{"permessage-deflate", "permessage-deflate", "permessage-deflate"},
		{"permessage-deflate; server_no_context_takeover; client_no_context_takeover", "permessage-deflate", "permessage-deflate; server_no_context_takeover; client_no_context_takeover"},
		{"x, permessage-deflate; server_no_context_takeover", "permessage-deflate; server_max_window_bits=9", "permessage-deflate; server_max_window_bits=9; server_no_context_takeover"},
		{"permessage-deflate; server_no_context_takeover", "", ""},
	} {
		if got := offers(c[0]).suited(c[1]); got != c[2] {
			t.Errorf("the offer %q, the answer %q: got %q, want %q", c[0], c[1], got, c[2])
		}
	}
	p := offers("permessage-deflate; server_no_context_takeover")
	p.c.answer = "permessage-deflate"
	if got := p.suited(p.c.answer); got != p.c.answer {
		t.Errorf("the case's own answer became %q", got)
	}
}
