package websocket_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/openline/openline/websocket"
	"github.com/openline/openline/websocket/internal/handshake"
)

// The grammar of Sec-WebSocket-Extensions, RFC 6455 §9.1, and what browsers
// send.

// answered checks that offers, each with the lines given, get a 101 with the same
// extension, and without any from a server that does not compress.
func answered(want string, offers ...[]string) func(*testing.T) {
	return func(t *testing.T) {
		t.Parallel()
		off, on := newStack(t, stackOptions{}), deflateStack(t)
		for _, lines := range offers {
			var changes []string
			for _, l := range lines {
				changes = append(changes, "+Sec-WebSocket-Extensions: "+l)
			}
			off.opens(t, change(changes...))
			if got := on.opens(t, change(changes...)).Header["Sec-Websocket-Extensions"]; strings.Join(got, "|") != want {
				t.Errorf("%q is answered %q, want %q", lines, got, want)
			}
		}
	}
}

// deflateStack is a server that compresses, with the default settings.
func deflateStack(t *testing.T) *stack {
	t.Helper()
	return newStack(t, stackOptions{accept: &websocket.AcceptOptions{ConnOptions: websocket.ConnOptions{Compression: &websocket.Compression{}}}})
}

// sameExtensions checks that offers are read as the first of them.
func sameExtensions(t *testing.T, offers ...[]string) {
	t.Helper()
	var want string
	for i, lines := range offers {
		list, err := handshake.ParseExtensions(lines)
		got := fmt.Sprint(list)
		if i == 0 {
			want = got
		}
		if err != nil || got != want {
			t.Errorf("%q is read as %s, %v; want %s", lines, got, err, want)
		}
	}
}

func init() {
	requirement("WS-9-01", func(t *testing.T) {
		offers := [][]string{{"x-a, permessage-deflate"}, {"x-a", "permessage-deflate"}, {"x-a", "", "permessage-deflate"}}
		sameExtensions(t, offers...)
		answered("permessage-deflate; client_no_context_takeover", offers...)(t)
	})
	requirement("WS-9-02", func(t *testing.T) {
		offers := [][]string{
			{`permessage-deflate; client_max_window_bits=10`},
			{`permessage-deflate; client_max_window_bits="10"`},
			{`permessage-deflate; client_max_window_bits="1\0"`},
			{`permessage-deflate; client_max_window_bits="\1\0"`},
		}
		sameExtensions(t, offers...)
		answered("permessage-deflate; client_max_window_bits=10", offers...)(t)
		// As an answer, each names an extension that this client has not offered, or
		// is one to the offer.
		for _, lines := range offers {
			failsWith(t, withField("Sec-WebSocket-Extensions", lines...), websocket.DialOptions{})
			opensWith(t, withField("Sec-WebSocket-Extensions", lines...), websocket.DialOptions{ConnOptions: websocket.ConnOptions{Compression: offerHint}})
		}
	})
	requirement("WS-9-03", func(t *testing.T) {
		t.Parallel()
		s := deflateStack(t)
		for _, v := range []string{
			"permessage-deflate;", "; x=1", "permessage-deflate; =1", "permessage-deflate; x=", "x y", `permessage-deflate; x="1`, `x-a; p="1 0"`, `x-a; p=""`,
			`x-a; p="b,c"`, "@x", "x/1", "x-a; p=1; ;q=2", `"x"`, `x-a; "p"=1`, `x-a; p="1"2`, `x-a; p=1"2"`, `x-a; p="\"`, "x-a; p=ä", "x-a; p q",
		} {
			s.refused(t, change("+Sec-WebSocket-Extensions: "+v), 400)
			if list, err := handshake.ParseExtensions([]string{v}); err == nil {
				t.Errorf("%q is read as %v", v, list)
			}
		}
	})
	requirement("WS-9-04", func(t *testing.T) {
		sameExtensions(t, []string{"permessage-deflate"}, []string{", permessage-deflate,,"}, []string{"\tpermessage-deflate ,\t,"}, []string{"", "permessage-deflate"})
		offers := [][]string{
			{"permessage-deflate;client_max_window_bits=10"},
			{"permessage-deflate ;client_max_window_bits = 10"},
			{"permessage-deflate\t;\tclient_max_window_bits\t=\t10\t"},
			{"permessage-deflate ; client_max_window_bits =\t\"10\" ,"},
		}
		sameExtensions(t, offers...)
		s := newStack(t, stackOptions{})
		for _, v := range []string{"", ",", " , ,\t"} {
			s.refused(t, change("-Sec-WebSocket-Extensions", "+Sec-WebSocket-Extensions: "+v), 400)
		}
		answered("permessage-deflate; client_max_window_bits=10", offers...)(t)
		s = deflateStack(t)
		s.opens(t, change("+Sec-WebSocket-Extensions: , permessage-deflate,,"))
	})
	requirement("WS-9-05", func(t *testing.T) {
		answered("permessage-deflate; client_no_context_takeover", []string{"x-webkit-deflate-frame, mux; max-channels=4, permessage-deflate"})(t)
		s := deflateStack(t)
		if got := s.opens(t, change("+Sec-WebSocket-Extensions: a;b;c=d;c=d, a, a")).Header["Sec-Websocket-Extensions"]; len(got) > 0 {
			t.Errorf("unknown extensions are answered %q", got)
		}
	})
	requirement("WS-9-06", func(t *testing.T) {
		t.Parallel()
		for _, v := range []string{"permessage-deflate;", "permessage-deflate, permessage-deflate", `permessage-deflate; x=" "`} {
			failsWith(t, withField("Sec-WebSocket-Extensions", v), websocket.DialOptions{})
			failsWith(t, withField("Sec-WebSocket-Extensions", v), websocket.DialOptions{ConnOptions: websocket.ConnOptions{Compression: offerHint}})
		}
		// The same when it had been offered.
		h := map[string][]string{"Upgrade": {"websocket"}, "Connection": {"Upgrade"}, "Sec-Websocket-Accept": {baseAccept}}
		for _, v := range []string{"permessage-deflate;", "permessage-deflate, permessage-deflate", "permessage-deflate; x=1, permessage-deflate", `permessage-deflate; x=" "`, "", "x"} {
			h["Sec-Websocket-Extensions"] = []string{v}
			if _, list, err := handshake.CheckResponse(h, baseKey, nil, []string{"permessage-deflate"}); err == nil {
				t.Errorf("%q is read as %v", v, list)
			}
		}
	})
	requirement("WS-9-07", func(t *testing.T) {
		t.Parallel()
		// Our choice: two lines are one list.
		h := map[string][]string{"Upgrade": {"websocket"}, "Connection": {"Upgrade"}, "Sec-Websocket-Accept": {baseAccept}}
		offered := []string{"permessage-deflate", "x-other"}
		for _, second := range []string{"", "x-other"} {
			h["Sec-Websocket-Extensions"] = []string{"permessage-deflate", second}
			_, list, err := handshake.CheckResponse(h, baseKey, nil, offered)
			var names []string
			for _, e := range list {
				names = append(names, e.Name)
			}
			if want := offered[:1+min(1, len(second))]; err != nil || !slices.Equal(names, want) {
				t.Errorf("second line %q: %q, %v", second, names, err)
			}
		}
		failsWith(t, withField("Sec-WebSocket-Extensions", "permessage-deflate", ""), websocket.DialOptions{})
		opensWith(t, withField("Sec-WebSocket-Extensions", "permessage-deflate", ""), websocket.DialOptions{ConnOptions: websocket.ConnOptions{Compression: offerHint}})
	})
	requirement("WS-9-08", func(t *testing.T) { // alone: it counts allocations
		s := newStack(t, stackOptions{})
		plain := newStack(t, stackOptions{plain: true})
		for _, long := range []string{
			strings.Repeat("permessage-deflate; server_max_window_bits=99, ", 10_000) + "x",
			"x" + strings.Repeat("; p=1", 10_000), // 50 KB: within the guard's limit
			"x; p=\"" + strings.Repeat(`\1`, 10_000) + `"`,
		} {
			in := change("+Sec-WebSocket-Extensions: " + long)
			for _, server := range []*stack{s, plain, deflateStack(t)} {
				list, _ := server.exchange(t, in+hiAndBye, 1<<20)
				if codes := statuses(list); len(codes) != 1 || !slices.Contains([]int{101, 400, 431}, codes[0]) {
					t.Errorf("%d octets: %d", len(long), codes)
				}
			}
		}
		// Work grows with the length, not with its square: what is allocated does.
		parse := func(n int) float64 {
			offer := strings.Repeat("x; p=1, ", n) + "x"
			return testing.AllocsPerRun(5, func() {
				if _, err := handshake.ParseExtensions([]string{offer}); err != nil {
					t.Error(err)
				}
			})
		}
		if one, ten := parse(1000), parse(10_000); ten > 15*one {
			t.Errorf("1,000 offers need %v allocations, 10,000 need %v", one, ten)
		}
	})

	requirement("BR-01", func(t *testing.T) {
		t.Parallel()
		s := newStack(t, stackOptions{})
		firefox := "GET /echo HTTP/1.1\r\nHost: ws.test:9001\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:146.0) Gecko/20100101 Firefox/146.0\r\n" +
			"Accept: */*\r\nAccept-Language: en-US,en;q=0.5\r\nAccept-Encoding: gzip, deflate, br, zstd\r\nSec-WebSocket-Version: 13\r\nOrigin: http://ws.test:9001\r\n" +
			"Sec-WebSocket-Extensions: permessage-deflate\r\nSec-WebSocket-Key: " + baseKey + "\r\nDNT: 1\r\nSec-GPC: 1\r\nConnection: keep-alive, Upgrade\r\nCookie: a=b; c=d\r\n" +
			"Sec-Fetch-Dest: empty\r\nSec-Fetch-Mode: websocket\r\nSec-Fetch-Site: same-origin\r\nPragma: no-cache\r\nCache-Control: no-cache\r\nUpgrade: websocket\r\n\r\n"
		chromium := "GET /echo HTTP/1.1\r\nHost: ws.test:9001\r\nConnection: Upgrade\r\nPragma: no-cache\r\nCache-Control: no-cache\r\n" +
			"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/143.0.0.0 Safari/537.36\r\nUpgrade: websocket\r\nOrigin: http://ws.test:9001\r\n" +
			"Sec-WebSocket-Version: 13\r\nAccept-Encoding: gzip, deflate\r\nAccept-Language: en-GB,en-US;q=0.9,en;q=0.8\r\nSec-WebSocket-Key: " + baseKey + "\r\n" +
			"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n"
		on := deflateStack(t)
		for _, r := range []string{firefox, chromium} {
			s.opens(t, r)
			s.opensBy(t, r, 1)
			want := "permessage-deflate; client_no_context_takeover"
			if r == chromium {
				want = "permessage-deflate; client_max_window_bits=12"
			}
			if got := on.opens(t, r).Header.Get("Sec-WebSocket-Extensions"); got != want {
				t.Errorf("answered %q, want %q", got, want)
			}
		}
	})
	requirement("BR-02", func(t *testing.T) {
		t.Parallel()
		// Our choice: 101 without the field, and a warning in the log; 400 if the
		// options ask for it.
		offer := change("+Sec-WebSocket-Protocol: v9", "+Origin: http://ws.test:9001")
		s := newStack(t, stackOptions{accept: &websocket.AcceptOptions{Subprotocols: []string{"v1.chat"}}})
		if a := s.opens(t, offer); len(a.Header["Sec-Websocket-Protocol"]) > 0 {
			t.Errorf("answered %q", a.Header["Sec-Websocket-Protocol"])
		}
		if log := s.log.String(); !strings.Contains(log, "level=WARN") || !strings.Contains(log, "v1.chat") {
			t.Errorf("the log says %q", log)
		}
		quiet := newStack(t, stackOptions{accept: &websocket.AcceptOptions{Subprotocols: []string{"v1.chat"}}})
		quiet.opens(t, change("+Sec-WebSocket-Protocol: v9"))
		quiet.opens(t, change("+Origin: http://ws.test:9001"))
		if log := quiet.log.String(); strings.Contains(log, "level=WARN") {
			t.Errorf("a warning without a browser, or without an offer: %q", log)
		}
		strict := newStack(t, stackOptions{accept: &websocket.AcceptOptions{Subprotocols: []string{"v1.chat"}, RequireSubprotocol: true}})
		if a := strict.refused(t, offer, 400); !strings.Contains(a.body, "v1.chat") {
			t.Errorf("the refusal says %q", a.body)
		}
	})
}
