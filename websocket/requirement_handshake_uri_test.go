package websocket_test

import (
	"strings"
	"testing"

	"github.com/openline/openline/websocket"
)

// WebSocket URIs: RFC 6455 §3.

// refuseAndClose is what a script does when only the request matters.
func refuseAndClose(p *scriptPeer) {
	p.say("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
}

// sent returns the request that a client sends for a URL, and the address that
// it connects to for that.
func sent(t *testing.T, url string) (head, address string) {
	t.Helper()
	heads := make(chan string, 1)
	s := newScript(t, func(p *scriptPeer) {
		heads <- p.head
		refuseAndClose(p)
	})
	if strings.HasPrefix(strings.ToLower(url), "wss") || strings.HasPrefix(url, "https") {
		name, _, _ := strings.Cut(strings.SplitN(url, "/", 4)[2], ":")
		s.tls = serverTLS(name)
	}
	err := s.fail(t, url, websocket.DialOptions{TLSConfig: clientTLS()})
	select {
	case head = <-heads:
	default:
		t.Errorf("%q: no request: %v", url, err)
		return "\r\n", ""
	}
	return head, s.asked()[0]
}

func hostOf(head string) (hosts []string) {
	for line := range strings.SplitSeq(head, "\r\n") {
		if name, value, _ := strings.Cut(line, ":"); strings.EqualFold(name, "Host") {
			hosts = append(hosts, strings.TrimSpace(value))
		}
	}
	return hosts
}

// refusedURL checks that a URL is an error before any network I/O.
func refusedURL(t *testing.T, url string, secrets ...string) {
	t.Helper()
	s := newScript(t, refuseAndClose)
	err := s.fail(t, url, websocket.DialOptions{})
	if asked := s.asked(); len(asked) > 0 {
		t.Errorf("%q: the client connected to %q", url, asked)
	}
	for _, secret := range secrets {
		if strings.Contains(err.Error(), secret) {
			t.Errorf("the error gives a secret away: %v", err)
		}
	}
}

func init() {
	requirement("WS-3-01", func(t *testing.T) {
		t.Parallel()
		for url, want := range map[string][2]string{
			"ws://ws.test/echo":      {"ws.test", "ws.test:80"},
			"wss://ws.test/echo":     {"ws.test", "ws.test:443"},
			"ws://ws.test:9001/echo": {"ws.test:9001", "ws.test:9001"},
			"ws://[::1]:9001/":       {"[::1]:9001", "[::1]:9001"},
			"ws://[::1]/":            {"[::1]", "[::1]:80"},
			"ws://ws.test:/":         {"ws.test", "ws.test:80"},
			"ws://ws.test:80/":       {"ws.test:80", "ws.test:80"},
			"wss://ws.test:443/":     {"ws.test:443", "ws.test:443"},
			"ws://[fe80::1%25lo]/":   {"[fe80::1]", "[fe80::1%lo]:80"}, // RFC 6874 §4
			"ws://[fe80::1%25lo]:9/": {"[fe80::1]:9", "[fe80::1%lo]:9"},
		} {
			head, address := sent(t, url)
			if hosts := hostOf(head); len(hosts) != 1 || hosts[0] != want[0] || address != want[1] {
				t.Errorf("%s: Host %q, connected to %q, want %q", url, hosts, address, want)
			}
		}
	})
	requirement("WS-3-02", func(t *testing.T) {
		t.Parallel()
		for url, want := range map[string]string{
			"ws://h":                   "GET / HTTP/1.1",
			"ws://h/":                  "GET / HTTP/1.1",
			"ws://h?x=1":               "GET /?x=1 HTTP/1.1",
			"ws://h/?":                 "GET / HTTP/1.1",
			"ws://h/a%20b?q=%2F":       "GET /a%20b?q=%2F HTTP/1.1",
			"ws://h/a/../b//c?d=/../e": "GET /a/../b//c?d=/../e HTTP/1.1",
			"ws://h/%2e%2E/%C3%a4":     "GET /%2e%2E/%C3%a4 HTTP/1.1",
			"ws://h/ä?ö={\"x\"}":       "GET /%C3%A4?%C3%B6=%7B%22x%22%7D HTTP/1.1",
			"ws://h/a?x=ws://b/c":      "GET /a?x=ws://b/c HTTP/1.1",
		} {
			head, _ := sent(t, url)
			if line, _, _ := strings.Cut(head, "\r\n"); line != want {
				t.Errorf("%s: %q, want %q", url, line, want)
			}
		}
	})
	requirement("WS-3-03", func(t *testing.T) {
		t.Parallel()
		refusedURL(t, "ws://h/a#b")
		refusedURL(t, "ws://h/a#")
		refusedURL(t, "ws://h/a?b#token=sesame", "sesame")
		head, _ := sent(t, "ws://h/a%23b")
		if line, _, _ := strings.Cut(head, "\r\n"); line != "GET /a%23b HTTP/1.1" {
			t.Errorf("the request line is %q", line)
		}
	})
	requirement("WS-3-04", func(t *testing.T) {
		t.Parallel()
		// What is heard as an HTTP request is plain for one, decrypted for the other.
		for url, want := range map[string]string{"WS://h/": "h:80", "Wss://h/": "h:443", "wS://h/": "h:80", "http://h/": "h:80", "https://h/": "h:443"} {
			if head, address := sent(t, url); !strings.HasPrefix(head, "GET / HTTP/1.1\r\n") || address != want {
				t.Errorf("%s: connected to %s and sent %q", url, address, head)
			}
		}
	})
	requirement("WS-3-05", func(t *testing.T) {
		t.Parallel()
		for _, url := range []string{
			"ftp://h/", "ws:///x", "ws://h:99999/", "ws://h:x/", "ws://h/a b", "ws://h/\r\nX: y", "//h/",
			"", "h", "ws:", "ws:h", "ws://", "ws://:80/", "ws://h:0/", "ws://h:-1/", "ws://h\r\nX: y/", "ws://h/\x00", "ws://h/\x7f",
			"ws://h /", "ws://ä.test/", "ws://a,b/", "ws://a_b\"/", "ws://h%0d%0aX:y/", "ws://[::1/", "ws://[h]/", "ws://[127.0.0.1]/",
			"ws://[fe80::1%25a%20b]/", "ws://[fe80::1%25a@b]/", "ws://h/%zz", "ws:\\\\h\\", "javascript://h/", "unix:///tmp/s",
		} {
			refusedURL(t, url)
		}
		refusedURL(t, "ftp://h/?token=sesame", "sesame")
	})
	requirement("WS-3-06", func(t *testing.T) {
		t.Parallel()
		refusedURL(t, "ws://user:pw-sesame@ws.test/", "sesame", "user:")
		refusedURL(t, "ws://user:pw-sesame@ws.test:x/", "sesame", "user:")
		refusedURL(t, "ws://pw-sesame@ws.test/?token=sesame", "sesame")
		refusedURL(t, "ws://@ws.test/")
		refusedURL(t, "user:pw-sesame@ws.test", "sesame")
		refusedURL(t, "ws://a:pw-sesame@b@ws.test/", "sesame")
	})
}
