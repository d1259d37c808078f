package websocket_test

import (
	"bytes"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openline/openline/websocket"
)

// The longer tests of HTTP/1.1: bodies, and how answers and connections end.

func testTransferEncoding(t *testing.T) {
	t.Parallel()
	s := newStack(t, stackOptions{})
	head := func(lines ...string) string { return postHead + strings.Join(lines, "\r\n") + "\r\n\r\n0\r\n\r\n" }
	for _, v := range []string{
		"chunked, gzip", "identity", "xchunked", `"chunked"`, "\x0bchunked", "chunked\x00", "", "chunked;q=1", "chunked, chunked",
	} {
		s.refusedHowever(t, head("Transfer-Encoding: "+v), 400, 501)
	}
	s.refusedHowever(t, head("Transfer-Encoding: chunked", "Transfer-Encoding: identity"), 400, 501)
	s.refusedHowever(t, head("X: y\rTransfer-Encoding: chunked"), 400)
	s.refusedHowever(t, head("Transfer-Encoding: chunked\r\n Transfer-Encoding: x"), 400)
	s.refusedHowever(t, head("Content-Length\x00: 5"), 400)
	for _, v := range []string{"CHUNKED", "\tchunked "} {
		list, _ := s.exchange(t, postHead+"Transfer-Encoding: "+v+"\r\n\r\n5\r\nhello\r\n0\r\n\r\n"+lastRequest, 1<<20, "POST")
		if codes := statuses(list); !slices.Equal(codes, []int{200, 200}) || list[0].body != "hello" {
			t.Errorf("%q: %d %q", v, codes, bodies(list))
		}
	}
	if a := s.ordinary(t, postHead+"Content_Length: 5\r\n\r\n", 200); a.body != "" {
		t.Errorf("Content_Length was taken for Content-Length: %q", a.body)
	}
}

func testContentLength(t *testing.T) {
	t.Parallel()
	s := newStack(t, stackOptions{})
	for _, v := range []string{"+5", "-1", "0x5", "5 5", "5.0", `"5"`, "5,6", "", "5_0", "5\r\nContent-Length: 6", "5\r\nContent-Length: 5", "5, 5"} {
		s.refusedHowever(t, postHead+"Content-Length: "+v+"\r\n\r\nhello", 400)
	}
	for _, v := range []string{"9223372036854775808", "18446744073709551621"} {
		s.refusedHowever(t, postHead+"Content-Length: "+v+"\r\n\r\nhello", 413)
	}
	if a := s.ordinary(t, postHead+"Content-Length: 5\r\n\r\nhello", 200); a.body != "hello" {
		t.Errorf("the body is %q", a.body)
	}
}

func testIncompleteBody(t *testing.T) {
	t.Parallel()
	s := newStack(t, stackOptions{})
	const part = postHead + "Content-Length: 10\r\n\r\nfour"
	nc := s.dialRaw(t)
	io.WriteString(nc, part)
	nc.CloseWrite()
	out, err := io.ReadAll(nc)
	list, _, _ := parseAnswers(out, "POST")
	if err != nil || len(list) > 1 || len(list) == 1 && list[0].StatusCode != 400 && list[0].StatusCode != 408 {
		t.Errorf("after FIN: %d, %v", statuses(list), err)
	}
	// Then silence: the server's time for a body ends it. It is the smallest that
	// a clock can tell, for it only has to pass.
	silent := newStack(t, stackOptions{timeouts: time.Millisecond})
	nc = silent.dialRaw(t)
	io.WriteString(nc, part)
	out, err = io.ReadAll(nc)
	list, _, _ = parseAnswers(out, "POST")
	if err != nil || len(list) > 1 || len(list) == 1 && list[0].StatusCode < 400 {
		t.Errorf("after silence: %d, %v", statuses(list), err)
	}
	if s.posts.Load()+silent.posts.Load() > 0 {
		t.Error("the application got a body that was not whole")
	}
}

func testUnreadBody(t *testing.T) {
	t.Parallel()
	s := newStack(t, stackOptions{})
	nc := s.dialRaw(t)
	io.WriteString(nc, "POST /nope HTTP/1.1\r\nHost: ws.test:9001\r\nContent-Length: 1000000\r\n\r\n")
	var out bytes.Buffer
	for !bytes.Contains(out.Bytes(), []byte("404 page not found\n")) { // net/http's text
		if _, err := io.CopyN(&out, nc, 1); err != nil {
			t.Fatalf("%v after %q", err, out.String())
		}
	}
	// Only now the body, which looks like requests, and a request behind it.
	body := strings.Repeat(adminRequest, 1000000/len(adminRequest)+1)[:1000000]
	if _, err := io.WriteString(nc, body+lastRequest); err != nil {
		t.Logf("the server closed while it was sent to: %v", err)
	}
	rest, err := io.ReadAll(nc)
	if err != nil {
		t.Errorf("after the body: %v", err)
	}
	out.Write(rest)
	list, _, err := parseAnswers(out.Bytes(), "POST")
	codes := statuses(list)
	if err != nil || codes[0] != 404 || len(codes) > 2 || len(codes) == 2 && codes[1] != 200 || len(codes) == 1 && !list[0].Close {
		t.Errorf("%d, %v", codes, err)
	}
	if s.admin.Load() > 0 {
		t.Error("the body was read as requests")
	}
}

// brokenChunks checks bodies each of which ends the connection with an error;
// what follows is not a request.
func brokenChunks(broken ...string) func(*testing.T) {
	return func(t *testing.T) {
		t.Parallel()
		s := newStack(t, stackOptions{})
		for _, b := range broken {
			s.refused(t, postHead+"Transfer-Encoding: chunked\r\n\r\n"+b, 400, 413, 431)
			if len(b) < 1000 {
				list, _ := s.exchange(t, postHead+"Transfer-Encoding: chunked\r\n\r\n"+b+adminRequest, 1, "POST")
				if len(list) != 1 || list[0].StatusCode != 400 || !list[0].Close || s.admin.Load() > 0 {
					t.Errorf("%q, an octet at a time: %d", b, statuses(list))
				}
			}
		}
		if s.posts.Load() > 0 {
			t.Error("the application got a broken body")
		}
	}
}

func testStagedClose(t *testing.T) {
	t.Parallel()
	s := newStack(t, stackOptions{})
	junk := strings.Repeat("junk ", 1<<20/5)
	for _, in := range []string{
		change("-Host", "+Host : a"), change("Sec-WebSocket-Version: 12"), change("-Upgrade"), change("> GET /nope HTTP/1.1"),
		change("+Origin: http://evil.test"), postHead + "Transfer-Encoding: chunked\r\n\r\nx\r\n",
	} {
		nc := s.dialRaw(t)
		if _, err := io.WriteString(nc, in+junk); err != nil { // and reads only then
			t.Errorf("%.60q: %v", in, err)
		}
		out, err := io.ReadAll(nc)
		list, _, perr := parseAnswers(out)
		if err != nil || perr != nil || len(list) != 1 || list[0].StatusCode < 400 || list[0].ContentLength != int64(len(list[0].body)) {
			t.Errorf("%.60q: %v %v %q", in, err, perr, out)
		}
	}
}

func testResponseSplitting(t *testing.T) {
	t.Parallel()
	clean := func(a answer) {
		t.Helper()
		if a.Header.Get("X-Split") != "" || strings.Contains(a.head, "\nX-Split") || strings.Contains(a.head, "\rX-Split") {
			t.Errorf("the response was split: %q", a.head)
		}
	}
	s := newStack(t, stackOptions{})
	clean(s.refused(t, change("> GET /split HTTP/1.1"), 500))                                   // a 101 with such fields is not sent
	clean(s.refused(t, change("> GET /split HTTP/1.1", "Sec-WebSocket-Version: 1"), 426))       // sanitised by net/http
	clean(s.refused(t, change("> GET /elsewhere HTTP/1.1", "+X-A: \"\\r\\nX-Split: y\""), 302)) //
	for _, h := range []http.Header{
		{"X-A": {"a\r\nX-Split: y"}},
		{"X-A": {"a\nX-Split: y"}},
		{"X-A": {"a\rX-Split: y"}},
		{"X-A": {"a\x00"}},
		{"X-A: b\r\nX-Split": {"y"}},
		{"": {"y"}},
		{"X A": {"y"}},
		{"Sec-Websocket-Accept": {"x"}},
		{"sec-websocket-protocol": {"x"}},
		{"Connection": {"close"}},
		{"upgrade": {"x"}},
		{"Content-Length": {"4"}},
		{"transfer-encoding": {"chunked"}},
	} {
		s := newStack(t, stackOptions{accept: &websocket.AcceptOptions{Header: h}})
		a := s.refused(t, baseRequest, 500)
		clean(a)
		if !strings.Contains(s.log.String(), "level=ERROR") {
			t.Errorf("%v: the log says %s", h, s.log.String())
		}
	}
	// A subprotocol that is none cannot be offered, so it is never answered.
	s = newStack(t, stackOptions{accept: &websocket.AcceptOptions{Subprotocols: []string{"a\r\nX-Split: y", "a"}}})
	a := s.opens(t, change("+Sec-WebSocket-Protocol: a"))
	clean(a)
	if got := a.Header["Sec-Websocket-Protocol"]; !slices.Equal(got, []string{"a"}) {
		t.Errorf("Sec-WebSocket-Protocol: %q", got)
	}
	s = newStack(t, stackOptions{accept: &websocket.AcceptOptions{Subprotocols: []string{"a\r\nX-Split: y"}, RequireSubprotocol: true, OriginHint: "a\r\nX-Split: y"}})
	clean(s.refused(t, baseRequest, 400))
	clean(s.refused(t, change("+Origin: http://evil.test"), 403))
}
