package websocket_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/openline/openline/websocket/http1"
)

// HTTP/1.1 as the port speaks it, RFC 9112 and RFC 9110: the guard, net/http and
// the WebSocket handler together, over TCP. What one requirement asks of the
// guard alone is tested with it.

const postHead = "POST /post HTTP/1.1\r\nHost: ws.test:9001\r\n"

func get(path string, fields ...string) string {
	return "GET " + path + " HTTP/1.1\r\nHost: ws.test:9001\r\n" + strings.Join(append(fields, "\r\n"), "\r\n")
}

// refusedHowever is refused with the request in one piece and in single octets.
func (s *stack) refusedHowever(t *testing.T, request string, want ...int) {
	t.Helper()
	s.refused(t, request, want...)
	if len(request) > 2000 {
		return
	}
	list, _ := s.exchange(t, request+adminRequest, 1, methodOf(request))
	if len(list) != 1 || !slices.Contains(want, list[0].StatusCode) || !list[0].Close || s.admin.Load() > 0 {
		t.Errorf("%.120q, an octet at a time: %d, want one of %d", request, statuses(list), want)
	}
}

// requestLines makes requests that differ from the base request in their first
// line.
func requestLines(lines ...string) (requests []string) {
	for _, l := range lines {
		requests = append(requests, change("> "+l))
	}
	return requests
}

// vectors registers a requirement whose vectors open or are refused with 400,
// the preferred answer where the RFC leaves a choice.
func vectors(id string, refused, open []string) {
	openingVectors = slices.Concat(openingVectors, refused, open)
	requirement(id, func(t *testing.T) {
		t.Parallel()
		s := newStack(t, stackOptions{})
		for _, r := range refused {
			s.refusedHowever(t, r, 400)
		}
		for _, r := range open {
			s.opens(t, r)
		}
	})
}

func init() {
	vectors("HM-2.2-01", []string{strings.Repeat("\r\n", 100) + baseRequest}, []string{"\r\n" + baseRequest, "\r\n\r\n" + baseRequest})
	vectors("HM-2.2-02", []string{
		strings.ReplaceAll(baseRequest, "\r\n", "\n"),
		strings.Replace(baseRequest, "\r\n", "\n", 1),
		strings.Replace(baseRequest, "websocket\r\n", "websocket\n", 1),
		change("+X-A: b\nX-C: d"),
		strings.TrimSuffix(baseRequest, "\r\n\r\n") + "\r\n\n",
		strings.TrimSuffix(baseRequest, "\r\n\r\n") + "\n\n",
		strings.TrimSuffix(baseRequest, "\r\n\r\n") + "\n\r\n",
	}, nil)
	vectors("HM-2.2-03", append([]string{
		change("+X-A: b\rc"), change("Host: ws.test:9001\rX-B: y"),
		strings.TrimSuffix(baseRequest, "\n") + "X", // the header's end as \r\n\r
	}, requestLines("GET /echo\r HTTP/1.1", "GET /echo HTTP/1.1\r")...), nil)
	vectors("HM-2.2-04", []string{
		change("> GET /echo HTTP/1.1\r\n Host: evil.test"), change("> GET /echo HTTP/1.1\r\n\tHost: evil.test"), change("> GET /echo HTTP/1.1\r\n "),
	}, nil)
	vectors("HM-2.2-05", []string{
		"\x16\x03\x01\x02\x00\x01", strings.Repeat("\x00", 4096), "\x80\x81\x82\x83", "HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
	}, nil)
	vectors("HM-2.3-01", requestLines("GET /echo http/1.1", "GET /echo HTTP/1", "GET /echo HTTP/01.1", "GET /echo HTTP/1.10", "GET /echo HTTP /1.1",
		"GET /echo HTTPS/1.1", "GET /echo"), nil)
	requirement("HM-2.3-02", func(t *testing.T) {
		t.Parallel()
		s := newStack(t, stackOptions{})
		s.opens(t, change("> GET /echo HTTP/1.2"))
		s.opens(t, change("> GET /echo HTTP/1.9"))
		for _, version := range []string{"2.0", "3.0", "9.9"} {
			s.refusedHowever(t, change("> GET /echo HTTP/"+version), 505)
		}
		s.refusedHowever(t, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505)
	})

	vectors("HM-3-01", requestLines("GET  /echo HTTP/1.1", "GET /echo  HTTP/1.1", "GET\t/echo HTTP/1.1", "GET /echo\tHTTP/1.1", " GET /echo HTTP/1.1", "GET /echo HTTP/1.1 ",
		"GET HTTP/1.1", "GET  HTTP/1.1", "GET", "GET /echo x HTTP/1.1", "GET /ec ho HTTP/1.1", "GET /ec\x7fho HTTP/1.1", "GET /ec\x00ho HTTP/1.1"), nil)
	requirement("HM-3-02", func(t *testing.T) {
		t.Parallel()
		s := newStack(t, stackOptions{})
		s.opens(t, change("> GET /echo?"+strings.Repeat("a", 7900)+" HTTP/1.1"))
		s.refused(t, change("> GET /echo?"+strings.Repeat("a", 1<<20)+" HTTP/1.1"), 414)
	})
	vectors("HM-3.2-01", []string{change("-Host"), change("-Host", "> GET http://ws.test:9001/echo HTTP/1.1")}, nil)
	vectors("HM-3.2-02", []string{change("+Host: ws.test:9001"), change("+Host: evil.test"), change("+hOST: ws.test:9001"), change("+hOST: evil.test")}, nil)
	vectors("HM-3.2-03",
		each("Host", "a b", "user@ws.test", "http://ws.test", "ws.test/x", "ws.test:80:80", "ws.test:x", "ws.test:-1", "[::1", "::1", "ws.test?x", "ws.test#x", "a\x00b", "ws<test", "%zz", "ws.test:65536"),
		each("Host", "ws.test", "WS.TEST:9001", "127.0.0.1:9001", "[::1]:9001", "ws.test:", "xn--bcher-kva.test", "a,b"))
	vectors("HM-3.2-04", []string{change("-Host", "+Host:"), change("-Host", "+Host: \t")}, nil)
	requirement("HM-3.2-05", func(t *testing.T) {
		t.Parallel()
		s := newStack(t, stackOptions{})
		absolute := change("> GET http://ws.test:9001/echo HTTP/1.1", "Host: evil.test")
		s.opens(t, absolute)
		s.opens(t, strings.Replace(absolute, "\r\n\r\n", "\r\nOrigin: http://ws.test:9001\r\n\r\n", 1))
		s.refused(t, strings.Replace(absolute, "\r\n\r\n", "\r\nOrigin: http://evil.test\r\n\r\n", 1), 403)
		if a := s.ordinary(t, "GET http://ws.test:9001/host HTTP/1.1\r\nHost: evil.test\r\n\r\n", 200); a.body != "ws.test:9001" {
			t.Errorf("a route was told the host %q", a.body)
		}
		named := newStack(t, stackOptions{guard: &http1.Options{Hosts: []string{"ws.test"}}})
		named.opens(t, absolute)
		named.refused(t, change("> GET http://evil.test/echo HTTP/1.1"), 400)
		named.refused(t, change("Host: evil.test", "+Origin: http://evil.test"), 400) // as DNS rebinding would have it
	})
	vectors("HM-3.2-06", requestLines("GET http:///echo HTTP/1.1", "GET http://a b/echo HTTP/1.1", "GET http://user:pw@ws.test/echo HTTP/1.1",
		"GET ftp://ws.test/echo HTTP/1.1", "GET ws://ws.test/echo HTTP/1.1"), nil)
	vectors("HM-3.2-07", requestLines("GET * HTTP/1.1", "GET ws.test:9001 HTTP/1.1", "GET echo HTTP/1.1"), nil)
	requirement("HM-3.2-08", func(t *testing.T) {
		t.Parallel()
		s := newStack(t, stackOptions{})
		for _, path := range []string{"/echo/../admin", "//echo", "/echo%2f..%2fadmin", "/echo%00"} {
			s.refused(t, change("> GET "+path+" HTTP/1.1"), 404) // and no redirect
		}
		for _, path := range []string{"/echo#frag", "/%zz", "/echo%"} {
			s.refused(t, change("> GET "+path+" HTTP/1.1"), 400)
		}
	})

	vectors("HM-5.1-01", []string{
		change("-Host", "+Host : ws.test:9001"), change("+Transfer-Encoding\t: chunked"), change("-Sec-WebSocket-Key", "+Sec-WebSocket-Key : "+baseKey),
	}, nil)
	vectors("HM-5.1-02", []string{
		change("+: x"), change("+Sec WebSocket-Key: x"), change("+Foo(bar): x"), change("+X\x0b: y"), change("+X-\xc3\xa9: y"), change("+justtext"),
	}, nil)
	vectors("HM-5.2-01", []string{
		change("-Sec-WebSocket-Key", "+Sec-WebSocket-Key: AAECAwQF\r\n BgcICQoLDA0ODw=="), change("+X-A: b\r\n\tHost: evil.test"),
	}, nil)
	requirement("HS-5.4-01", func(t *testing.T) {
		t.Parallel()
		s := newStack(t, stackOptions{})
		s.refused(t, change("+X-A: "+strings.Repeat("a", 1<<20)), 431)
		s.refused(t, change("+X: "+strings.Repeat("y\r\nX: ", 100_000)+"y"), 431)
		s.refused(t, change("+Cookie: "+strings.Repeat("c", 70<<10)), 431)
		s.opens(t, change("+Cookie: "+strings.Repeat("c", 60<<10)))
	})
	requirement("HS-5.4-02", testResponseSplitting)
	requirement("HM-5.5-01", func(t *testing.T) {
		t.Parallel()
		s := newStack(t, stackOptions{})
		s.refusedHowever(t, change("+X-A: a\x00b"), 400)
		s.refusedHowever(t, change("+Origin: http://ws.test:9001\x00.evil.test"), 400, 403)
	})
	requirement("HM-5.5-02", func(t *testing.T) {
		t.Parallel()
		s := newStack(t, stackOptions{})
		for _, v := range []string{"a\x01b", "a\x0bb", "a\x0cb", "\x1b[31m", "a\x7fb"} {
			s.refusedHowever(t, change("+X-A: "+v), 400)
		}
		s.opens(t, change("+X-A: a\tb"))
		s.opens(t, change("+X-A: \xff\xfe\x80"))
		s.refused(t, change("+Origin: http://\x80\xff.test"), 403)
		if log := s.log.String(); strings.ContainsAny(log, "\x01\x0b\x0c\x1b\x7f") || strings.ContainsFunc(log, func(r rune) bool { return r == 0xFFFD }) {
			t.Errorf("the log has raw octets: %q", log)
		}
	})

	requirement("HM-6-01", func(t *testing.T) {
		t.Parallel()
		s := newStack(t, stackOptions{})
		s.refused(t, change("+Content-Length: 6")+"\x82\x80\x00\x00\x00\x00"+sayHi, 400)
		plain := newStack(t, stackOptions{plain: true})
		plain.plainRefusal(t, change("+Content-Length: 6")+"\x82\x80\x00\x00\x00\x00")
	})
	requirement("HM-6-02", allOpen(change("+Content-Length: 0")))
	requirement("HM-6-03", func(t *testing.T) {
		t.Parallel()
		s := newStack(t, stackOptions{})
		s.refused(t, change("+Transfer-Encoding: chunked")+"5\r\nhello\r\n0\r\n\r\n", 400)
		s.refused(t, change("+Transfer-Encoding: chunked")+"0\r\n\r\n"+sayHi, 400)
		plain := newStack(t, stackOptions{plain: true})
		plain.plainRefusal(t, change("+Transfer-Encoding: chunked")+"5\r\nhello\r\n0\r\n\r\n")
	})
	vectors("HM-6.1-01", []string{
		postHead + "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + adminRequest,
		postHead + "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n" + adminRequest,
		change("+Content-Length: 4", "+Transfer-Encoding: chunked") + "0\r\n\r\n" + adminRequest,
	}, nil)
	requirement("HM-6.1-02", testTransferEncoding)
	requirement("HM-6.1-03", func(t *testing.T) {
		t.Parallel()
		s := newStack(t, stackOptions{})
		s.refusedHowever(t, "POST /post HTTP/1.0\r\nHost: ws.test:9001\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n0\r\n\r\n", 400)
	})
	requirement("HM-6.3-01", testContentLength)
	requirement("HM-6.3-02", testIncompleteBody)
	requirement("HM-6.3-03", func(t *testing.T) {
		t.Parallel()
		s := newStack(t, stackOptions{})
		list, _ := s.exchange(t, get("/none")+"HEAD /health HTTP/1.1\r\nHost: ws.test:9001\r\n\r\n"+lastRequest, 1<<20, "GET", "HEAD", "GET")
		if codes := statuses(list); !slices.Equal(codes, []int{204, 200, 200}) || list[2].body != "ok\n" {
			t.Errorf("%d: %q", codes, bodies(list))
		} else if h := strings.ToLower(list[0].head); strings.Contains(h, "content-length") || strings.Contains(h, "transfer-encoding") {
			t.Errorf("the 204 has %q", list[0].head)
		}
		// That a 101 has neither is part of every check of one.
		s.opens(t, baseRequest)
	})
	requirement("HM-6.3-04", testUnreadBody)
	requirement("HM-7.1-01", func(t *testing.T) {
		t.Parallel()
		s := newStack(t, stackOptions{})
		const trailers = "X-T: 1\r\nHost: evil.test\r\nContent-Length: 3\r\nAuthorization: Bearer x\r\n"
		for _, body := range []string{"5;a=b\r\nhello\r\n0A\r\n0123456789\r\n000\r\nX-T: 1\r\n\r\n", "5\r\nhello\r\n0a;x=\"y;z\"\r\n0123456789\r\n0\r\n" + trailers + "\r\n"} {
			for _, size := range []int{1, 2, 1 << 20} {
				list, _ := s.exchange(t, postHead+"Transfer-Encoding: chunked\r\n\r\n"+body+lastRequest, size, "POST")
				if codes := statuses(list); !slices.Equal(codes, []int{200, 200}) || list[0].body != "hello0123456789" {
					t.Errorf("%q by %d: %d %q", body, size, codes, bodies(list))
				} else if got := list[0].Header["X-Got"]; len(got) > 0 {
					t.Errorf("%q: trailers are among the request's fields: %q", body, got)
				}
			}
		}
	})
	requirement("HM-7.1-02", brokenChunks("g\r\n", "-5\r\nhello\r\n0\r\n\r\n", "0x5\r\nhello\r\n0\r\n\r\n", "+5\r\nhello\r\n0\r\n\r\n", "\r\nhello\r\n0\r\n\r\n", "5 \r\nhello\r\n0\r\n\r\n",
		"5\r\nhello0\r\n\r\n", "5\r\nhelloXX0\r\n\r\n", "5\nhello\n0\n\n"))
	requirement("HM-7.1-03", brokenChunks("10000000000000005\r\nhello\r\n0\r\n\r\n", "FFFFFFFFFFFFFFFF\r\nhello\r\n0\r\n\r\n", "8000000000000000\r\nhello\r\n0\r\n\r\n",
		strings.Repeat("0", 64<<10)+"5\r\nhello\r\n0\r\n\r\n", "5;"+strings.Repeat("x", 64<<10)+"\r\nhello\r\n0\r\n\r\n"))
	requirement("HM-7.1-04", func(t *testing.T) {
		brokenChunks("0\r\n"+strings.Repeat("X-Trailer: some value\r\n", 10<<20/23)+"\r\n", strings.Repeat("1;"+strings.Repeat("x", 98)+"\r\nX\r\n", 1_000_000)+"0\r\n\r\n")(t)
	})

	requirement("HS-7.8-01", allRefused([]int{426}, change("> GET /echo HTTP/1.0"), change("> GET /echo HTTP/1.0", "Connection: keep-alive, Upgrade")))
	requirement("HS-7.8-02", allRefused([]int{426}, change("Upgrade: foo/2")))
	requirement("HM-9-01", func(t *testing.T) {
		t.Parallel()
		s := newStack(t, stackOptions{})
		for _, size := range []int{1, 1 << 20} {
			list, rest := s.exchange(t, get("/health")+get("/host")+baseRequest+hiAndBye, size)
			if codes := statuses(list); !slices.Equal(codes, []int{200, 200, 101}) || list[0].body != "ok\n" || rest != echoHi+echoBye {
				t.Errorf("by %d: %d, then %s", size, codes, frames(rest))
			}
		}
	})
	requirement("HM-9-02", func(t *testing.T) {
		t.Parallel()
		s := newStack(t, stackOptions{})
		list, rest := s.exchange(t, baseRequest+"GET /admin HTTP/1.1\r\nHost: x\r\n\r\n"+adminRequest, 1<<20)
		if codes := statuses(list); !slices.Equal(codes, []int{101}) || len(rest) < 4 || rest[0] != 0x88 || rest[2:4] != "\x03\xea" || int(rest[1])+2 != len(rest) {
			t.Errorf("%d, then %s", codes, frames(rest))
		}
		if s.admin.Load() > 0 {
			t.Error("/admin was run")
		}
	})
	requirement("HM-9-03", testStagedClose)
	requirement("HM-9-04", func(t *testing.T) {
		t.Parallel()
		s := newStack(t, stackOptions{})
		for _, size := range []int{1, 1 << 20} {
			list, _ := s.exchange(t, lastRequest+adminRequest, size)
			if codes := statuses(list); !slices.Equal(codes, []int{200}) || !list[0].Close || s.admin.Load() > 0 {
				t.Errorf("%d, /admin was run %d times", codes, s.admin.Load())
			}
		}
	})
	requirement("HS-10.1-01", func(t *testing.T) {
		t.Parallel()
		for _, plain := range []bool{false, true} {
			newStack(t, stackOptions{plain: plain}).opens(t, change("+Expect: 100-continue")) // 101 alone, then frames
		}
	})
}
