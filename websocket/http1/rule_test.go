package http1

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
)

// TestRules runs the vectors of testdata/vectors.txt through the scanner and, over TCP, through a server.
func TestRules(t *testing.T) {
	for _, r := range readRules(t) {
		t.Run(r.id, func(t *testing.T) {
			t.Parallel()
			more := scripts[r.id]
			if more == nil && len(r.vectors) == 0 {
				t.Fatal("nothing to run")
			}
			s := startServer(t, nil, nil)
			for _, v := range r.vectors {
				checkScanner(t, v)
				sizes := []int{1 << 30}
				if len(v.in) < 1000 {
					sizes = append(sizes, 1)
				}
				for _, size := range sizes {
					s.checkVector(t, v, size)
				}
			}
			if more != nil {
				more(t, s)
			}
		})
	}
}

func checkScanner(t *testing.T, v vector) {
	t.Helper()
	o := scan(testScanner(t, nil), v.in, 4096, whole)
	switch {
	case v.body:
		if o.broken == nil || o.refused != nil {
			t.Errorf("%.100s: want a broken body, got refused %v, broken %v", v.text, o.refused, o.broken)
		}
	case v.passes():
		if o.heads == 0 || o.refused != nil || o.broken != nil {
			t.Errorf("%.100s: want it to pass, got refused %v, broken %v", v.text, o.refused, o.broken)
		}
	case o.refused == nil || o.refused.status != v.status || o.heads != 0:
		t.Errorf("%.100s: want %d, got %v", v.text, v.status, o.refused)
	}
}

func (s *testServer) checkVector(t *testing.T, v vector, size int) {
	t.Helper()
	const frames = "frames"
	after := adminRequest
	if v.status == 101 {
		after = frames
	} else if v.status == 200 {
		after = ""
	}
	list, raw := answers(t, s.exchange(t, append(bytes.Clone(v.in), after...), size))
	if s.admin.Load() != 0 {
		t.Fatalf("%.100s: /admin was run", v.text)
	}
	if len(list) != 1 || list[0].StatusCode != v.status {
		t.Errorf("%.100s: want %d, got %v", v.text, v.status, statuses(list))
		return
	}
	a := list[0]
	switch {
	case v.status == 101:
		if raw != frames {
			t.Errorf("%.100s: want the frames echoed, got %q", v.text, raw)
		}
	case v.status == 200:
	default:
		if !a.Close {
			t.Errorf("%.100s: no Connection: close", v.text)
		}
		if a.ContentLength < 0 {
			t.Errorf("%.100s: no Content-Length", v.text)
		}
		if v.passes() {
			return
		}
		if !strings.Contains(a.body, "RFC ") || a.Header.Get("Content-Type") != "text/plain; charset=utf-8" {
			t.Errorf("%.100s: answer %q as %q", v.text, a.body, a.Header.Get("Content-Type"))
		}
	}
}

// scripts are what rules ask for beyond vectors of one message.
var scripts = map[string]func(*testing.T, *testServer){
	"HM-3.2-05": func(t *testing.T, s *testServer) {
		s.script(t, "GET http://ws.test:9001/host HTTP/1.1\r\nHost: evil.test\r\n\r\n", "200 ws.test:9001")
	},
	"HM-6-01": func(t *testing.T, s *testServer) {
		in := strings.TrimSuffix(baseRequest, "\r\n") + "Content-Length: 6\r\n\r\n\x82\x80\x00\x00\x00\x00" + "\x81\x82\x12\x34\x56\x78\x5a\x5d"
		s.script(t, in, "400 no body\n close")
	},
	"HM-6-03": func(t *testing.T, s *testServer) {
		in := strings.TrimSuffix(baseRequest, "\r\n") + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
		s.script(t, in, "400 no body\n close")
		s.script(t, in+adminRequest, "400 no body\n close")
	},
	"HM-6.3-02": func(t *testing.T, s *testServer) {
		list, _ := answers(t, s.exchange(t, []byte("POST /post HTTP/1.1\r\nHost: ws.test:9001\r\nContent-Length: 10\r\n\r\nhalf"), 1<<20))
		if err := <-s.posts; !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("the handler's body read ended with %v", err)
		}
		if len(list) > 1 || len(list) == 1 && list[0].StatusCode != 400 {
			t.Errorf("answers %v", statuses(list))
		}
	},
	"HM-6.3-03": func(t *testing.T, s *testServer) {
		const get = " HTTP/1.1\r\nHost: ws.test:9001\r\n\r\n"
		s.script(t, "GET /empty"+get+"GET /same"+get+"GET /host"+get, "204 ", "304 ", "200 ws.test:9001")
		out := s.exchange(t, []byte("HEAD /host"+get+"GET /empty"+get), 1<<20)
		list, _ := answers(t, out, "HEAD")
		if codes := statuses(list); !slices.Equal(codes, []int{200, 204}) {
			t.Errorf("answers %v", codes)
		}
		if list[1].Header.Get("Content-Length") != "" {
			t.Error("the 204 has a Content-Length")
		}
		// The refusal of a HEAD has no body either, if so much of the request could be read.
		out = s.exchange(t, []byte("HEAD / HTTP/1.1\r\n\r\n"), 1<<20)
		if head, body, _ := bytes.Cut(out, []byte("\r\n\r\n")); !bytes.HasPrefix(head, []byte("HTTP/1.1 400 ")) || len(body) > 0 {
			t.Errorf("answer to a malformed HEAD: %q", out)
		}
	},
	"HM-6.3-04": testUnreadBody,
	"HM-7.1-02": func(t *testing.T, s *testServer) {
		// Even if the handler does not look at the body.
		const ignore = "POST /ignore HTTP/1.1\r\nHost: ws.test:9001\r\nTransfer-Encoding: chunked\r\n\r\n"
		s.script(t, ignore+"5\r\nhello0\r\n\r\n"+adminRequest, "200 ignored\n close")
		s.script(t, ignore+"0\r\nX : y\r\n\r\n"+adminRequest, "200 ignored\n close")
	},
	"HM-9-01": func(t *testing.T, s *testServer) {
		const health = "GET /health HTTP/1.1\r\nHost: ws.test:9001\r\n\r\n"
		for _, size := range []int{1, 1 << 20} {
			list, raw := answers(t, s.exchange(t, []byte(health+health+baseRequest+"frames"), size))
			if codes := statuses(list); !slices.Equal(codes, []int{200, 200, 101}) || raw != "frames" {
				t.Errorf("in pieces of %d: answers %v, then %q", size, codes, raw)
			}
		}
		s.script(t, health+"POST /post HTTP/1.1\r\nHost: ws.test:9001\r\nContent-Length: 2\r\n\r\nhi"+"GET /x HTTP/1.1\r\n\r\n"+adminRequest,
			"200 ok\n", "200 hi", "400 400 Bad Request: "+errNoHost.reason()+"\n close")
	},
	"HM-9-02": func(t *testing.T, s *testServer) {
		list, raw := answers(t, s.exchange(t, []byte(baseRequest+adminRequest+adminRequest), 1<<20))
		if codes := statuses(list); !slices.Equal(codes, []int{101}) || raw != adminRequest+adminRequest || s.admin.Load() > 0 {
			t.Errorf("answers %v, then %q; /admin ran %d times", codes, raw, s.admin.Load())
		}
	},
	"HM-9-03": testStagedClose,
	"HM-9-04": func(t *testing.T, s *testServer) {
		s.script(t, "GET /health HTTP/1.1\r\nHost: ws.test:9001\r\nConnection: close\r\n\r\n"+adminRequest, "200 ok\n close")
	},
	"HS-5.4-02": func(t *testing.T, s *testServer) {
		list, _ := answers(t, s.exchange(t, []byte("GET /split HTTP/1.1\r\nHost: ws.test:9001\r\n\r\n"), 1<<20))
		if v := list[0].Header.Get("X-A"); list[0].Header.Get("X-B") != "" || strings.ContainsAny(v, "\r\n") {
			t.Errorf("X-A is %q, X-B is %q", v, list[0].Header.Get("X-B"))
		}
	},
	"HS-10.1-01": func(t *testing.T, s *testServer) {
		in := strings.TrimSuffix(baseRequest, "\r\n") + "Expect: 100-continue\r\n\r\nframes"
		list, raw := answers(t, s.exchange(t, []byte(in), 1<<20))
		if codes := statuses(list); !slices.Equal(codes, []int{101}) || raw != "frames" {
			t.Errorf("answers %v, then %q", codes, raw)
		}
	},
	"WS-4.2-23": func(t *testing.T, s *testServer) {
		const script = "<script>alert(1)</script>\x1b]0;x"
		out := s.exchange(t, []byte("GET / HTTP/1.1\r\nHost: "+script+"\r\n"+script+"\r\n\r\n"), 1<<20)
		list, _ := answers(t, out)
		if len(list) != 1 || list[0].StatusCode != 400 || !list[0].Close || list[0].ContentLength != int64(len(list[0].body)) {
			t.Errorf("%q", out)
		}
		if bytes.Contains(out, []byte("script")) || strings.Contains(s.log.String(), "script") {
			t.Errorf("the request's text is repeated in the answer or the log:\n%s\n%s", out, s.log.String())
		}
		if log := s.log.String(); strings.Count(log, "\n") != 1 || !strings.Contains(log, `msg="http1: request refused" peer=127.0.0.1:`) ||
			!strings.Contains(log, `status=400 reason="control octet" rule="RFC 9110 §5.5"`) {
			t.Errorf("log: %s", log)
		}
	},
	"WS-4.2-25": testRefusedUpgrade,
	"WS-4.2-26": testHeaderTimeout,
	"WS-4.2-27": func(t *testing.T, s *testServer) {
		v := vector{text: "BR", status: 101, in: []byte(baseRequest)}
		s.checkVector(t, v, 1)
	},
}

// script sends in and compares what comes back with want: “status body”, and “ close” at the end if the connection is.
func (s *testServer) script(t *testing.T, in string, want ...string) {
	t.Helper()
	list, _ := answers(t, s.exchange(t, []byte(in), 1<<20))
	var got []string
	for _, a := range list {
		line := fmt.Sprintf("%d %s", a.StatusCode, a.body)
		if a.Close {
			line += " close"
		}
		got = append(got, line)
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q:\n got %q\nwant %q", in, got, want)
	}
	if s.admin.Load() > 0 {
		t.Fatal("/admin was run")
	}
}

func testRefusedUpgrade(t *testing.T, s *testServer) {
	old := strings.Replace(baseRequest, "Version: 13", "Version: 12", 1)
	for _, in := range []string{
		old,
		strings.Replace(old, "GET /echo", "GET /nope", 1),
		strings.Replace(old, "GET /echo", "POST /echo", 1),
		strings.Replace(old, "GET /echo", "GET /health", 1), // answers 200
		strings.Replace(old, "GET /echo", "GET /empty", 1),
		strings.Replace(old, "GET /echo", "GET /flush", 1),
		strings.Replace(old, "Upgrade: websocket\r\n", "", 1),
		strings.Replace(old, "Upgrade: websocket\r\n", "Upgrade: h2c, WebSocket/13\r\n", 1),
		strings.Replace(old, "Connection: Upgrade\r\n", "Connection: keep-alive\r\n", 1),
		strings.Replace(old, "HTTP/1.1", "HTTP/1.0", 1),
		strings.Replace(strings.Replace(old, "HTTP/1.1", "HTTP/1.0", 1), "Connection: Upgrade", "Connection: keep-alive", 1),
		"CONNECT ws.test:80 HTTP/1.1\r\nHost: ws.test:80\r\n\r\n",
		strings.Replace(old, "\r\n\r\n", "\r\nContent-Length: 5\r\n\r\nhello", 1),
	} {
		for _, size := range []int{1, 1 << 20} {
			list, _ := answers(t, s.exchange(t, []byte(in+adminRequest), size))
			if len(list) != 1 || !list[0].Close {
				t.Errorf("%q: answers %v, close %v", in, statuses(list), len(list) == 1 && list[0].Close)
			}
			if s.admin.Load() > 0 {
				t.Fatalf("%q: /admin was run", in)
			}
		}
	}
	// The handler's own Connection options stay.
	out := string(s.exchange(t, []byte(old+adminRequest), 1<<20))
	if !strings.HasPrefix(out, "HTTP/1.1 426 ") || !strings.Contains(out, "\r\nConnection: close\r\nConnection: Upgrade\r\n") {
		t.Errorf("%q", out)
	}
}
