package websocket_test

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/openline/openline/websocket"
)

// originAllowed asks Accept about an opening request's origin. Where the origin
// is right it goes on, and fails because a recorder is no connection.
func originAllowed(t *testing.T, o *websocket.AcceptOptions, host string, secure bool, origins ...string) bool {
	t.Helper()
	r := httptest.NewRequest("GET", "/", nil)
	r.Host = host
	if r.TLS = nil; secure {
		r.TLS = new(tls.ConnectionState)
	}
	r.Header = http.Header{"Upgrade": {"websocket"}, "Connection": {"Upgrade"}, "Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {baseKey}}
	if origins != nil {
		r.Header["Origin"] = origins
	}
	w := httptest.NewRecorder()
	_, err := websocket.Accept(w, r, o)
	if err == nil || w.Code != 403 && w.Code != 500 {
		t.Fatalf("%d, %v", w.Code, err)
	}
	return w.Code == 500 && strings.Contains(w.Body.String(), "taken over")
}

func TestOriginPolicy(t *testing.T) {
	for _, c := range []struct {
		options, host string // options: Origins, separated by spaces; host with https:// if over TLS
		origin        string
		ok            bool
	}{
		// Same origin.
		{"", "ws.test:9001", "http://ws.test:9001", true},
		{"", "ws.test:9001", "HTTP://WS.test:9001", true},
		{"", "WS.TEST:9001", "http://ws.test:9001", true},
		{"", "ws.test", "http://ws.test", true},
		{"", "ws.test", "http://ws.test:80", true},
		{"", "ws.test:80", "http://ws.test", true},
		{"", "ws.test:", "http://ws.test", true},
		{"", "https://ws.test", "https://ws.test", true},
		{"", "https://ws.test:443", "https://ws.test", true},
		{"", "[::1]:9001", "http://[::1]:9001", true},
		{"", "[0:0::1]:9001", "http://[::1]:9001", true},
		{"", "127.0.0.1", "http://127.0.0.1", true},
		{"", "https://ws.test", "http://ws.test", false},
		{"", "ws.test", "https://ws.test", false},
		{"", "https://ws.test", "https://ws.test:80", false},
		{"", "ws.test:9001", "http://ws.test", false},
		{"", "ws.test", "http://ws.test.", false},
		{"", "ws.test", "http://ws.test.evil.test", false},
		{"", "ws.test", "http://evil-ws.test", false},
		{"", "ws.test", "http://sub.ws.test", false},
		{"", "ws.test", "null", false},
		{"", "ws.test", "", false},
		{"", "ws.test", "ws.test", false},
		{"", "ws.test", "//ws.test", false},
		{"", "ws.test", "http:ws.test", false},
		{"", "ws.test", "http:///ws.test", false},
		{"", "ws.test", "http://ws.test/", false},
		{"", "ws.test", "http://ws.test?", false},
		{"", "ws.test", "http://ws.test#", false},
		{"", "ws.test", "http://ws.test:", false},
		{"", "ws.test", "http://ws.test:+80", false},
		{"", "ws.test", "http://ws.test:65616", false}, // 80 in 16 bits
		{"", "ws.test", "http://ws.test:0", false},
		{"", "ws.test", "http://user@ws.test", false},
		{"", "ws.test", "http://ws.test@evil.test", false},
		{"", "ws.test", "http://ws.test\\@evil.test", false},
		{"", "ws.test", "http://ws.test, http://ws.test", false},
		{"", "ws.test", "http://ws.test http://ws.test", false},
		{"", "ws.test", " http://ws.test", false},
		{"", "ws.test", "http://ws%2etest", false},
		{"", "ws.test", "http://[ws.test]", false},
		{"", "::1", "http://::1", false},
		{"", "[::1]", "http://[::1", false},
		{"", "[fe80::1]", "http://[fe80::1%25lo]", false},
		{"", "", "http://", false},
		{"", "", "http://:80", false},
		// Lists.
		{"https://app.example", "ws.test", "https://app.example", true},
		{"https://app.example", "ws.test", "https://app.example:443", true},
		{"https://APP.example:443", "ws.test", "https://app.example", true},
		{"https://app.example", "ws.test", "http://app.example", false},
		{"https://app.example", "ws.test", "https://app.example:444", false},
		{"https://app.example", "ws.test", "https://x.app.example", false},
		{"https://app.example", "ws.test", "http://ws.test", true}, // the server's own, still
		{"https://a.example http://b.example:8080", "ws.test", "http://b.example:8080", true},
		{"https://*.example.com", "ws.test", "https://a.example.com", true},
		{"https://*.example.com", "ws.test", "https://a.b.example.com", true},
		{"https://*.example.com", "ws.test", "https://A.EXAMPLE.com:443", true},
		{"https://*.example.com", "ws.test", "https://example.com", false},
		{"https://*.example.com", "ws.test", "https://.example.com", false},
		{"https://*.example.com", "ws.test", "https://evilexample.com", false},
		{"https://*.example.com", "ws.test", "https://a.example.com.evil.test", false},
		{"https://*.example.com", "ws.test", "https://evil.test/.example.com", false},
		{"https://*.example.com", "ws.test", "https://evil.test?.example.com", false},
		{"https://*.example.com", "ws.test", "https://evil.test\x00.example.com", false},
		{"https://*.example.com", "ws.test", "https://evil.test:1.example.com", false},
		{"https://*.example.com", "ws.test", "http://a.example.com", false},
		{"https://*.example.com", "ws.test", "https://a.example.com:8443", false},
		{"https://*.example.com:8443", "ws.test", "https://a.example.com:8443", true},
		{"http://[2001:db8::1]:80", "ws.test", "http://[2001:DB8:0::1]", true},
		{"chrome-extension://abcdef", "ws.test", "chrome-extension://abcdef", true},
		{"chrome-extension://abcdef", "ws.test", "chrome-extension://abcdeg", false},
		{"null", "ws.test", "null", true},
		{"*", "ws.test", "https://any.example", true},
		{"*", "ws.test", "null", true},
		{"*", "ws.test", "not an origin", false},
	} {
		host, secure := strings.CutPrefix(c.host, "https://")
		o := &websocket.AcceptOptions{Origins: strings.Fields(c.options)}
		if got := originAllowed(t, o, host, secure, c.origin); got != c.ok {
			t.Errorf("%q, host %q: origin %q is let in: %v", c.options, c.host, c.origin, got)
		}
	}
	if !originAllowed(t, nil, "ws.test", false) {
		t.Error("without Origin: refused")
	}
	if originAllowed(t, nil, "ws.test", false, "http://ws.test", "http://ws.test") {
		t.Error("two Origin lines: let in")
	}
}

// An entry that can match nothing is a mistake that shows at once.
func TestOriginsMalformed(t *testing.T) {
	for _, bad := range []string{
		"app.example", "https://", "https://a/", "https://a/b", "https://a:x", "https://a:0", "https://*", "https://a.*.b", "*.example.com", "https://*.", "",
		"https://user@a", "https://bücher.example", "https://a b", "http://[::1", "https://*a.example",
	} {
		s := newStack(t, stackOptions{accept: &websocket.AcceptOptions{Origins: []string{"https://good.example", bad}}})
		a := s.refused(t, baseRequest, 500)
		if !strings.Contains(a.body, "AcceptOptions.Origins") || !strings.Contains(s.log.String(), "level=ERROR") {
			t.Errorf("%q: %s; the log says %s", bad, a.body, s.log.String())
		}
	}
}

// Body and log of a refusal say which origin came and which setting would let it
// in.
func TestOriginRefusal(t *testing.T) {
	for hint, want := range map[string]string{"": "AcceptOptions.Origins", "Set app.origins.": "Set app.origins."} {
		for _, plain := range []bool{false, true} {
			s := newStack(t, stackOptions{plain: plain, accept: &websocket.AcceptOptions{OriginHint: hint}})
			list, _ := s.exchange(t, change("+Origin: https://app.example:8443"), 1<<20)
			if len(list) != 1 || list[0].StatusCode != 403 || !strings.Contains(list[0].body, `"https://app.example:8443"`) || !strings.Contains(list[0].body, want) {
				t.Errorf("%d %s", statuses(list), bodies(list))
			}
			log := s.log.String()
			for _, want := range []string{"origin=https://app.example:8443", "status=403", want, "peer=127.0.0.1:", "path=/echo"} {
				if !strings.Contains(log, want) {
					t.Errorf("the log lacks %q: %s", want, log)
				}
			}
		}
	}
	// However long it is, and whatever is in it.
	s := newStack(t, stackOptions{})
	a := s.refused(t, change("+Origin: http://"+strings.Repeat("a", 50<<10)+"\xff\u202e"), 403)
	if len(a.body) > 1000 || len(s.log.String()) > 2000 {
		t.Errorf("%d octets of body, %d of log", len(a.body), len(s.log.String()))
	}
	s = newStack(t, stackOptions{})
	a = s.refused(t, change("+Origin: http://\u202e\u009b31m\x80"), 403)
	if strings.ContainsFunc(a.body+s.log.String(), func(r rune) bool { return r != '\n' && (r < ' ' || r > '~') }) {
		t.Errorf("%q\n%q", a.body, s.log.String())
	}
}
