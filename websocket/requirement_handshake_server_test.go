package websocket_test

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/openline/openline/websocket"
)

// The server's half of the opening handshake: RFC 6455 §4.2, §4.3, §4.4, §11.3,
// through the guard and net/http, over TCP.

// allOpen runs requests each of which must open a connection.
func allOpen(requests ...string) func(*testing.T) {
	openingVectors = append(openingVectors, requests...)
	return func(t *testing.T) {
		t.Parallel()
		s := newStack(t, stackOptions{})
		for _, r := range requests {
			a := s.opens(t, r)
			if strings.Contains(r, baseKey) && a.Header.Get("Sec-WebSocket-Accept") != baseAccept {
				t.Errorf("%q: Sec-WebSocket-Accept is %q", r, a.Header.Get("Sec-WebSocket-Accept"))
			}
		}
	}
}

// allRefused runs requests each of which must be refused with one of the
// statuses.
func allRefused(statuses []int, requests ...string) func(*testing.T) {
	openingVectors = append(openingVectors, requests...)
	return func(t *testing.T) {
		t.Parallel()
		s := newStack(t, stackOptions{})
		for _, r := range requests {
			s.refused(t, r, statuses...)
		}
	}
}

// each makes a request from the base request for each value of one field.
func each(field string, values ...string) (requests []string) {
	for _, v := range values {
		requests = append(requests, change("-"+field, "+"+field+": "+v))
	}
	return requests
}

// otherSpellings are the base request with its fields in other cases and orders,
// and among unknown ones.
func otherSpellings() []string {
	lines := strings.Split(strings.TrimSuffix(baseRequest, "\r\n\r\n"), "\r\n")
	cased := func(f func(string) string) string {
		out := lines[:1:1]
		for _, l := range lines[1:] {
			name, value, _ := strings.Cut(l, ":")
			out = append(out, f(name)+":"+value)
		}
		return strings.Join(out, "\r\n") + "\r\n\r\n"
	}
	reverse := slices.Clone(lines)
	slices.Reverse(reverse[1:])
	var unknown []string
	for i := range 20 {
		unknown = append(unknown, "+X-"+strings.Repeat("a", i+1)+": x")
	}
	return []string{cased(strings.ToLower), cased(strings.ToUpper), strings.Join(reverse, "\r\n") + "\r\n\r\n", change(unknown...)}
}

func init() {
	requirement("WS-4.2-01", func(t *testing.T) {
		t.Parallel()
		s := newStack(t, stackOptions{})
		a := s.opens(t, baseRequest)
		if got := a.Header.Get("Sec-WebSocket-Accept"); got != baseAccept {
			t.Errorf("Sec-WebSocket-Accept is %q", got)
		}
		if !strings.HasSuffix(a.head, "\r\n\r\n") || strings.Count(a.head, "\n") != strings.Count(a.head, "\r\n") {
			t.Errorf("the header section is %q", a.head)
		}
	})
	requirement("WS-4.2-02", func(t *testing.T) {
		t.Parallel()
		s := newStack(t, stackOptions{})
		for key, accept := range map[string]string{
			"dGhlIHNhbXBsZSBub25jZQ==": "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
			"AAECAwQFBgcICQoLDA0ODw==": "Bz3qJYTGdOe8gUSpLosEdiLKDrk=",
			"AAAAAAAAAAAAAAAAAAAAAA==": "ICX+Yqv66kxgM0FcWaLWlFLwTAI=",
			"/////////////////////w==": "XXpj4jYzLM2yUE0C7TIgMwTQh2g=",
		} {
			for _, space := range []string{" ", "", "\t ", "  "} {
				a := s.opens(t, change("-Sec-WebSocket-Key", "+Sec-WebSocket-Key:"+space+key+space))
				if got := a.Header.Get("Sec-WebSocket-Accept"); got != accept {
					t.Errorf("%q: %q, want %q", space+key+space, got, accept)
				}
			}
		}
	})
	requirement("WS-4.2-03", func(t *testing.T) {
		t.Parallel()
		s := newStack(t, stackOptions{})
		for key, accept := range map[string]string{
			"AQIDBAUGBwgJCgsMDQ4PEC==": "OfS0wDaT5NoxF2gqm7Zj2YtetzM=",
			"AQIDBAUGBwgJCgsMDQ4PEA==": "C/0nmHhBztSRGR1CwL6Tf4ZjwpY=",
		} {
			a := s.opens(t, change("Sec-WebSocket-Key: "+key))
			if got := a.Header.Get("Sec-WebSocket-Accept"); got != accept {
				t.Errorf("%q: %q, want %q", key, got, accept)
			}
		}
	})
	requirement("WS-4.2-04", allOpen(each("Upgrade", "websocket", "WebSocket", "WEBSOCKET")...))
	requirement("WS-4.2-05", allOpen(append(each("Upgrade", "h2c, websocket", "websocket, h2c"),
		change("Upgrade: h2c", "+Upgrade: websocket"))...))
	requirement("WS-4.2-06", allOpen(append(
		each("Connection", "upgrade", "keep-alive, Upgrade", "Upgrade,keep-alive", "keep-alive ,\tUPGRADE", ",Upgrade,"),
		change("Connection: keep-alive", "+Connection: Upgrade"))...))
	requirement("WS-4.2-07", allRefused([]int{400, 426},
		each("Connection", "Upgraded", "no-upgrade", "xupgrade", `"Upgrade"`, "keep-alive Upgrade")...))
	requirement("WS-4.2-08", allOpen(otherSpellings()...))
	requirement("WS-4.2-09", allOpen(
		change("-Sec-WebSocket-Key", "+Sec-WebSocket-Key:"+baseKey),
		change("-Sec-WebSocket-Key", "+Sec-WebSocket-Key: \t "+baseKey+"\t "),
		change("-Sec-WebSocket-Version", "+Sec-WebSocket-Version:  13\t"),
	))
	requirement("WS-4.2-10", func(t *testing.T) {
		t.Parallel()
		s := newStack(t, stackOptions{})
		for _, method := range []string{"POST", "PUT", "HEAD", "OPTIONS", "DELETE", "get", "GETX", "CONNECT"} {
			target := "/echo"
			if method == "CONNECT" {
				target = "ws.test:9001"
			}
			a := s.refused(t, change("> "+method+" "+target+" HTTP/1.1"), 405)
			if !strings.Contains(a.Header.Get("Allow"), "GET") {
				t.Errorf("%s: Allow is %q", method, a.Header.Get("Allow"))
			}
			if method == "HEAD" && a.body != "" {
				t.Errorf("HEAD: body %q", a.body)
			}
		}
	})
	requirement("WS-4.2-11", func(t *testing.T) {
		t.Parallel()
		s := newStack(t, stackOptions{})
		a := s.refused(t, change("-Upgrade"), 426)
		if a.Header.Get("Sec-WebSocket-Version") != "13" {
			t.Errorf("the 426 has %v", a.Header)
		}
	})
	requirement("WS-4.2-12", allRefused([]int{400, 426}, change("-Connection"), change("Connection: close")))
	requirement("WS-4.2-13", allRefused([]int{400},
		change("-Sec-WebSocket-Key"), change("-Sec-WebSocket-Key", "+Sec-WebSocket-Key:"), change("-Sec-WebSocket-Key", "+Sec-WebSocket-Key: \t")))
	requirement("WS-4.2-14", allRefused([]int{400}, each("Sec-WebSocket-Key",
		"AAECAwQFBgcICQoLDA0O", "AAECAwQFBgcICQoLDA0ODxA=", "AAECAwQFBgcICQoLDA0ODxAR", "AAECAwQFBgc=", "x")...))
	requirement("WS-4.2-15", allRefused([]int{400}, each("Sec-WebSocket-Key",
		"_____________________w==", "AAECAwQFBgcICQoLDA0ODw", "AAECAwQFBgcICQoLDA0ODw=", "AAECAwQFBgcICQoLDA0OD===",
		"AAECAwQF BgcICQoLDA0ODw==", `"AAECAwQFBgcICQoLDA0ODw=="`, baseKey+";", strings.Repeat("A", 8<<10))...))
	requirement("WS-4.2-16", allRefused([]int{400},
		change("+Sec-WebSocket-Key: "+baseKey), change("+Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="),
		change("Sec-WebSocket-Key: "+baseKey+", AAAAAAAAAAAAAAAAAAAAAA==")))
	requirement("WS-4.2-17", allRefused([]int{404}, change("> GET /nope HTTP/1.1")))
	requirement("WS-4.2-18", func(t *testing.T) {
		t.Parallel()
		// What a layer above or the options set for ordinary responses does not get
		// into a 101.
		s := newStack(t, stackOptions{accept: &websocket.AcceptOptions{Header: http.Header{"X-Extra": {"1"}}}})
		a := s.opens(t, baseRequest) // which checks the fields, and that only frames follow
		if a.Header.Get("X-Extra") != "1" {
			t.Errorf("the fields are %v", a.Header)
		}
	})
	requirement("WS-4.2-19", func(t *testing.T) {
		t.Parallel()
		s := newStack(t, stackOptions{accept: &websocket.AcceptOptions{Subprotocols: []string{"v1.chat", "v2.chat"}}})
		for offer, want := range map[string][]string{"v9, v2.chat, v1.chat": {"v2.chat"}, "v9": nil, "V1.CHAT": nil, "": nil} {
			request := baseRequest
			if offer != "" {
				request = change("+Sec-WebSocket-Protocol: " + offer)
			}
			if got := s.opens(t, request).Header["Sec-Websocket-Protocol"]; !slices.Equal(got, want) {
				t.Errorf("offer %q: %q, want %q", offer, got, want)
			}
		}
		strict := newStack(t, stackOptions{accept: &websocket.AcceptOptions{Subprotocols: []string{"v1.chat"}, RequireSubprotocol: true}})
		strict.refused(t, change("+Sec-WebSocket-Protocol: v9"), 400)
		strict.refused(t, baseRequest, 400)
	})
	requirement("WS-4.2-20", func(t *testing.T) {
		t.Parallel()
		s := newStack(t, stackOptions{accept: &websocket.AcceptOptions{Subprotocols: []string{"v2.chat", "v1.chat"}}})
		one := s.opens(t, change("+Sec-WebSocket-Protocol: v9, v1.chat, v2.chat"))
		two := s.opens(t, change("+Sec-WebSocket-Protocol: v9", "+Sec-WebSocket-Protocol: v1.chat,v2.chat"))
		if a, b := one.Header["Sec-Websocket-Protocol"], two.Header["Sec-Websocket-Protocol"]; !slices.Equal(a, b) || len(a) != 1 || a[0] != "v1.chat" {
			t.Errorf("one line: %q, two lines: %q", a, b)
		}
	})
	requirement("WS-4.2-21", func(t *testing.T) {
		t.Parallel()
		s := newStack(t, stackOptions{accept: &websocket.AcceptOptions{Subprotocols: []string{"chat", "v1.chat"}}})
		for _, r := range each("Sec-WebSocket-Protocol", "cha t", "chat;v=1", `"chat"`, "chat/1", "{chat}", ",", "", "ch\xc3\xa4t") {
			s.refused(t, r, 400)
		}
		for _, offer := range []string{"chat,,v1.chat", "chat, chat", ",chat,"} {
			if got := s.opens(t, change("+Sec-WebSocket-Protocol: "+offer)).Header["Sec-Websocket-Protocol"]; !slices.Equal(got, []string{"chat"}) {
				t.Errorf("%q: %q", offer, got)
			}
		}
	})
	requirement("WS-4.2-22", func(t *testing.T) {
		t.Parallel()
		s := newStack(t, stackOptions{})
		for path, want := range map[string]struct {
			status       int
			field, value string
		}{
			"/unauthorized": {401, "WWW-Authenticate", "Bearer"},
			"/nope":         {404, "", ""},
			"/busy":         {503, "Retry-After", "7"},
			"/elsewhere":    {302, "Location", "ws://other.test/"},
		} {
			a := s.refused(t, change("> GET "+path+" HTTP/1.1"), want.status)
			if got := a.Header.Get(want.field); got != want.value {
				t.Errorf("%s: %s is %q, want %q", path, want.field, got, want.value)
			}
		}
		limit := &websocket.Limiter{Connections: 1}
		s = newStack(t, stackOptions{accept: &websocket.AcceptOptions{Limiter: limit}})
		held := s.dialRaw(t)
		io.WriteString(held, baseRequest)
		if _, err := held.Read(make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		if a := s.refused(t, baseRequest, 503); a.Header.Get("Retry-After") == "" {
			t.Errorf("the 503 has no Retry-After: %v", a.Header)
		}
	})
	requirement("WS-4.2-23", testErrorResponses)
	requirement("WS-4.2-24", func(t *testing.T) {
		t.Parallel()
		// In one segment, and cut everywhere: opens sends the frames right behind.
		for _, plain := range []bool{false, true} {
			s := newStack(t, stackOptions{plain: plain})
			for _, size := range []int{1 << 20, 1, len(baseRequest) - 1, len(baseRequest), len(baseRequest) + 1, len(baseRequest) + len(sayHi)} {
				s.opensBy(t, baseRequest, size)
			}
			// More than net/http's buffer takes, so that part of it is still in the socket.
			many := strings.Repeat(sayHi, 3000)
			list, rest := s.exchange(t, baseRequest+many+sayBye, 1<<20)
			if !slices.Equal(statuses(list), []int{101}) || rest != strings.Repeat(echoHi, 3000)+echoBye {
				t.Errorf("plain %v: %d, then %d octets, want %d", plain, statuses(list), len(rest), 3000*len(echoHi)+len(echoBye))
			}
		}
	})
	requirement("WS-4.2-25", func(t *testing.T) {
		t.Parallel()
		s := newStack(t, stackOptions{})
		s.refused(t, change("Sec-WebSocket-Version: 12"), 426) // which sends a request for /admin behind
		// Without the guard, net/http has to close as well.
		plain := newStack(t, stackOptions{plain: true})
		for _, r := range []string{change("Sec-WebSocket-Version: 12"), change("-Upgrade"), change("-Connection"), change("> POST /echo HTTP/1.1")} {
			plain.plainRefusal(t, r)
		}
	})
	requirement("WS-4.2-26", testHalfOpen)
	requirement("WS-4.2-27", func(t *testing.T) {
		t.Parallel()
		s := newStack(t, stackOptions{})
		s.opensBy(t, baseRequest, 1)
	})

	requirement("WS-4.4-01", func(t *testing.T) {
		t.Parallel()
		s := newStack(t, stackOptions{})
		for _, r := range each("Sec-WebSocket-Version", "0", "7", "8", "12", "14", "25", "255") {
			a := s.refused(t, r, 426)
			if !slices.Equal(a.Header["Sec-Websocket-Version"], []string{"13"}) {
				t.Errorf("%q: %v", r, a.Header)
			}
		}
	})
	requirement("WS-4.4-02", func(t *testing.T) {
		t.Parallel()
		a := newStack(t, stackOptions{}).refused(t, change("-Sec-WebSocket-Version"), 400, 426)
		if got := a.Header.Get("Sec-WebSocket-Version"); got != "13" {
			t.Errorf("Sec-WebSocket-Version is %q", got)
		}
	})
	requirement("WS-4.4-03", allRefused([]int{400, 426}, each("Sec-WebSocket-Version",
		"013", "+13", "13.0", "0x0d", "13;q=1", "13 13", `"13"`, "256", "99999999999999999999", "\xd9\xa1\xd9\xa3", "")...))
	requirement("WS-4.4-04", allRefused([]int{400, 426}, append(each("Sec-WebSocket-Version", "13, 8", "8, 13"),
		change("+Sec-WebSocket-Version: 13"), change("+Sec-WebSocket-Version: 8"))...))
	requirement("WS-4.4-05", func(t *testing.T) {
		t.Parallel()
		s := newStack(t, stackOptions{})
		hixie := "GET /echo HTTP/1.1\r\nHost: ws.test:9001\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\n" +
			"Sec-WebSocket-Key1: 4 @1  46546xW%0l 1 5\r\nSec-WebSocket-Key2: 12998 5 Y3 1  .P00\r\nOrigin: http://ws.test:9001\r\n\r\n"
		s.refused(t, hixie+"^n:ds[4U", 400, 426)
		s.refused(t, change("Sec-WebSocket-Version: 8", "+Sec-WebSocket-Origin: http://ws.test:9001"), 400, 426)
	})
}

// plainRefusal checks a refusal that comes straight from net/http, which does
// not close in stages: so nothing is sent behind the request.
func (s *stack) plainRefusal(t *testing.T, request string) {
	t.Helper()
	list, _ := s.exchange(t, request, 1<<20, methodOf(request))
	if len(list) != 1 || list[0].StatusCode < 400 || !list[0].Close || list[0].ContentLength != int64(len(list[0].body)) {
		t.Errorf("%.100q: %v %q", request, statuses(list), bodies(list))
		return
	}
	list[0].checkUpgradeRequired(t)
}

func testErrorResponses(t *testing.T) {
	t.Parallel()
	const evil = "<script>alert(1)</script>"
	s := newStack(t, stackOptions{accept: &websocket.AcceptOptions{Subprotocols: []string{"a"}, RequireSubprotocol: true}})
	plain := newStack(t, stackOptions{plain: true, accept: &websocket.AcceptOptions{Subprotocols: []string{"a"}, RequireSubprotocol: true}})
	for request, status := range map[string]int{
		change("-Host"):                              400, // the guard's
		change("Host: " + evil):                      400,
		change("+X-A: \x01" + evil):                  400,
		change("> GET /" + evil + " HTTP/1.1"):       404, // a route's
		change("-Upgrade"):                           426, // ours
		change("Upgrade: " + evil):                   426,
		change("Connection: " + evil):                400,
		change("Sec-WebSocket-Key: " + evil):         400,
		change("Sec-WebSocket-Version: " + evil):     400,
		change("Sec-WebSocket-Version: 14"):          426,
		change("+Sec-WebSocket-Protocol: " + evil):   400,
		change("+Sec-WebSocket-Protocol: b"):         400,
		change("+Sec-WebSocket-Extensions: " + evil): 400,
		change("+Origin: http://\"" + evil):          403,
		change("> POST /echo HTTP/1.1"):              405,
	} {
		a := s.refused(t, request, status)
		if a.ContentLength != int64(len(a.body)) || a.body == "" {
			t.Errorf("%.100q: Content-Length %d, body %q", request, a.ContentLength, a.body)
		}
		if got := a.Header.Get("Content-Type"); got != "text/plain; charset=utf-8" {
			t.Errorf("%.100q: Content-Type %q", request, got)
		}
		if a.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%.100q: the body may be taken for something else than text", request)
		}
		if strings.Contains(a.body, evil) && status != 403 { // 403 quotes the origin, as text
			t.Errorf("%.100q: the body repeats the request: %q", request, a.body)
		}
		if status != 404 && !strings.Contains(request, "Host: "+evil) && !strings.Contains(request, "\x01") && strings.Contains(request, "\r\nHost") {
			plain.plainRefusal(t, request)
		}
	}
}
