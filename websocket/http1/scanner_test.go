package http1

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"
)

func testScanner(tb testing.TB, o *Options) *scanner {
	tb.Helper()
	cfg, err := o.resolve()
	if err != nil {
		tb.Fatal(err)
	}
	return &scanner{cfg: cfg}
}

// outcome is all that a scanner says about a stream.
type outcome struct {
	out, raw        string // what net/http gets; what comes after an upgrade
	refused, broken *refusal
	heads           int
	mode            mode
}

// scan runs in through a scanner as conn.Read does, with pieces of the size that cut gives, into a buffer of the size given.
func scan(s *scanner, in []byte, size int, cut func() int) (o outcome) {
	var out, raw []byte
	p := make([]byte, size)
	isRaw := false
	for {
		isRaw = isRaw || s.mode == modeRaw && s.r == s.ready
		if n := s.take(p); n > 0 {
			if isRaw {
				raw = append(raw, p[:n]...)
			} else {
				out = append(out, p[:n]...)
			}
			continue
		}
		if s.mode == modeEnded || len(in) == 0 {
			break
		}
		if s.mode == modeRaw {
			raw = append(raw, in...)
			break
		}
		n := min(max(cut(), 1), len(in))
		if s.holds() {
			n = copy(s.space(), in[:n])
			s.took(n)
		} else {
			n = copy(p, in[:n])
			k := s.pass(p, n)
			out = append(out, p[:k]...)
		}
		in = in[n:]
	}
	return outcome{string(out), string(raw), s.refused, s.broken, s.heads, s.mode}
}

func whole() int { return 1 << 30 }
func single() int {
	return 1
}

// Wherever the stream is cut, and whatever buffers are read into, the outcome is that of the stream in one piece.
func TestScannerCuts(t *testing.T) {
	for _, r := range readRules(t) {
		for _, v := range r.vectors {
			if len(v.in) > 2000 {
				continue
			}
			in := append(bytes.Clone(v.in), adminRequest...)
			want := scan(testScanner(t, nil), in, len(in), whole)
			for _, size := range []int{1, 7, len(in)} {
				if got := scan(testScanner(t, nil), in, size, single); got != want {
					t.Fatalf("%s %s: one octet at a time into %d:\n got %+v\nwant %+v", r.id, v.text, size, got, want)
				}
			}
			for at := range in {
				cuts := []int{at, 1 << 30}
				cut := func() int {
					n := cuts[0]
					cuts = cuts[min(1, len(cuts)-1):]
					return n
				}
				if got := scan(testScanner(t, nil), in, len(in), cut); got != want {
					t.Fatalf("%s %s: cut at %d:\n got %+v\nwant %+v", r.id, v.text, at, got, want)
				}
			}
		}
	}
}

// What the scanner holds is given back as soon as there is nothing to hold.
func TestScannerReleases(t *testing.T) {
	for _, in := range []string{
		baseRequest,
		"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n" + strings.Repeat("x", 5000),
		"GET / HTTP/1.1\r\nHost: a\r\nCookie: " + strings.Repeat("c", 50000) + "\r\n\r\n",
	} {
		s := testScanner(t, nil)
		scan(s, []byte(in), 100, func() int { return 17 })
		if s.buf != nil {
			t.Errorf("%.40q: a buffer of %d octets is still held", in, len(s.buf))
		}
	}
}

// Requests that follow each other in the same buffer, which is moved and grown on the way.
func TestScannerPipelines(t *testing.T) {
	var in []byte
	for i := range 60 {
		in = append(in, "GET /health HTTP/1.1\r\nHost: a\r\nX-Pad: "+strings.Repeat("p", i*i*5%7000)+"\r\n"...)
		if i%3 == 0 {
			in = append(in, "Content-Length: 2000\r\n\r\n"+strings.Repeat("x", 2000)...)
		} else {
			in = append(in, "\r\n"...)
		}
	}
	want := outcome{out: string(in), heads: 60}
	for _, size := range []int{1, 100, 4096, 1 << 20} {
		for _, piece := range []int{1, 100, 1000, 4095, 5000, 1 << 20} {
			if got := scan(testScanner(t, nil), in, size, func() int { return piece }); got != want {
				t.Fatalf("in pieces of %d into %d: %d requests, refused %v", piece, size, got.heads, got.refused)
			}
		}
	}
}

func TestHosts(t *testing.T) {
	o := &Options{Hosts: []string{"ws.test", "*.Example.COM", "127.0.0.1", "[::1]", "2001:DB8::5"}, HostsHint: "See server.hosts."}
	for host, ok := range map[string]bool{
		"ws.test": true, "WS.Test:9001": true, "ws.test.": true, "ws.test.:80": true, "a.example.com": true, "a.b.EXAMPLE.com:1": true,
		"127.0.0.1:80": true, "[::1]": true, "[0:0::1]:80": true, "[2001:db8:0::5]": true,
		"evil.test": false, "xws.test": false, "ws.test.evil": false, "example.com": false, ".example.com": false, "ws.test..": false,
		"127.0.0.2": false, "[::2]": false, "a,b": false, "0x7f.1": false, strings.Repeat("a", 400): false,
	} {
		for _, in := range []string{
			"GET / HTTP/1.1\r\nHost: " + host + "\r\n\r\n",
			"GET http://" + host + "/ HTTP/1.1\r\nHost: evil.test\r\n\r\n",
		} {
			got := scan(testScanner(t, o), []byte(in), 4096, whole)
			if ok != (got.heads == 1) {
				t.Errorf("%q: passed %v, want %v", in, got.heads == 1, ok)
			}
			if !ok && (got.refused.status != 400 || !strings.HasSuffix(got.refused.reason(), " (RFC 9110 §7.4). See server.hosts.")) {
				t.Errorf("%q: %s", in, got.refused.reason())
			}
		}
	}
	// HTTP/1.0 may name no host at all.
	if got := scan(testScanner(t, o), []byte("GET / HTTP/1.0\r\n\r\n"), 4096, whole); got.heads != 1 {
		t.Errorf("HTTP/1.0 without Host: %v", got.refused)
	}
	for _, bad := range []string{"", "a:80", "http://a", "a/b", "[::1", "a.*.b", "**", "a b", "*."} {
		if _, err := (&Options{Hosts: []string{bad}}).resolve(); err == nil {
			t.Errorf("Hosts %q: no error", bad)
		}
	}
	if l, err := parseHosts([]string{"*"}); err != nil || !l.has([]byte("any")) {
		t.Error("* does not let any host in")
	}
}

// FuzzScanner checks that the outcome does not depend on the cuts, and that net/http reads what passed as the scanner did.
func FuzzScanner(f *testing.F) {
	for _, r := range readRules(f) {
		for i, v := range r.vectors {
			if len(v.in) < 1000 {
				f.Add(append(bytes.Clone(v.in), adminRequest...), uint8(i), uint8(i*7))
			}
		}
	}
	cfg, _ := (&Options{MaxHeaderBytes: 2000}).resolve()
	f.Fuzz(func(t *testing.T, in []byte, a, b uint8) {
		want := scan(&scanner{cfg: cfg}, in, len(in)+1, whole)
		turn := false
		got := scan(&scanner{cfg: cfg}, in, int(b)+1, func() int {
			turn = !turn
			if turn {
				return int(a)
			}
			return int(b)
		})
		if got != want {
			t.Fatalf("cut into %d and %d:\n got %+v\nwant %+v", a, b, got, want)
		}
		checkAsNetHTTP(t, want)
	})
}

// checkAsNetHTTP reads o.out as net/http does.
func checkAsNetHTTP(t *testing.T, o outcome) {
	t.Helper()
	out, refused := strings.CutSuffix(o.out, standIn)
	if !refused {
		out, refused = strings.CutSuffix(o.out, standInHEAD)
	}
	if refused != (o.refused != nil) {
		t.Fatalf("refused %v, but the stand-in is in the output: %v", o.refused, refused)
	}
	r := bufio.NewReader(strings.NewReader(out))
	complete := o.mode == modeHead || o.mode == modeRaw || o.refused != nil
	for i := range o.heads {
		req, err := http.ReadRequest(r)
		if err != nil {
			t.Fatalf("request %d of %d: %v\n%q", i+1, o.heads, err, out)
		}
		if req.Host == "" && req.ProtoAtLeast(1, 1) {
			t.Fatalf("request %d has no host\n%q", i+1, out)
		}
		if h := req.Header["Host"]; req.URL.Host == "" && len(h) == 1 && h[0] != req.Host {
			t.Fatalf("request %d: Host %q, net/http says %q", i+1, h, req.Host)
		}
		if _, _, ok := hostport([]byte(req.Host)); !ok && req.Host != "" {
			t.Fatalf("request %d: malformed host %q", i+1, req.Host)
		}
		last := i == o.heads-1
		if upgrade := switches(req); upgrade && !last || upgrade && o.mode == modeHead {
			t.Fatalf("request %d is an upgrade and the scanner went on\n%q", i+1, out)
		} else if !upgrade && last && o.mode == modeRaw {
			t.Fatalf("request %d is no upgrade and the scanner stopped looking\n%q", i+1, out)
		}
		_, err = io.Copy(io.Discard, req.Body)
		if whole := !last || complete; whole && err != nil {
			t.Fatalf("request %d: body: %v\n%q", i+1, err, out)
		} else if !whole && err == nil {
			t.Fatalf("request %d: net/http takes the body for whole, the scanner does not\n%q", i+1, out)
		}
	}
	if rest, _ := io.ReadAll(r); complete && len(rest) > 0 {
		t.Fatalf("%q is left after %d requests", rest, o.heads)
	}
}
