package websocket_test

import (
	"crypto/sha1"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/openline/openline/websocket"
)

const acceptGUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

// wrongAccepts are values that a server which got the computation wrong would
// answer.
var wrongAccepts = map[string]func(key string) string{
	"nothing":            func(string) string { return "" },
	"another key's":      func(string) string { return baseAccept },
	"the key":            func(key string) string { return key },
	"lower case":         func(key string) string { return strings.ToLower(sha1Text(key + acceptGUID)) },
	"without padding":    func(key string) string { return strings.TrimRight(sha1Text(key+acceptGUID), "=") },
	"without the GUID":   sha1Text,
	"GUID in lower case": func(key string) string { return sha1Text(key + strings.ToLower(acceptGUID)) },
	"of the decoded key": func(key string) string {
		b, _ := base64.StdEncoding.DecodeString(key)
		return sha1Text(string(b) + acceptGUID)
	},
	"in hexadecimal": func(key string) string {
		sum := sha1.Sum([]byte(key + acceptGUID))
		return hex.EncodeToString(sum[:])
	},
	"quoted":           func(key string) string { return `"` + sha1Text(key+acceptGUID) + `"` },
	"with a tail":      func(key string) string { return sha1Text(key+acceptGUID) + "x" },
	"spaces within":    func(key string) string { s := sha1Text(key + acceptGUID); return s[:10] + " " + s[10:] },
	"URL-safe base64":  func(key string) string { return urlSafe(sha1Text(key + acceptGUID)) },
	"as a folded line": func(key string) string { s := sha1Text(key + acceptGUID); return s[:10] + "\r\n " + s[10:] },
}

// The families above are those of the requirement, whose values are for one key.
func TestWrongAccepts(t *testing.T) {
	for name, want := range map[string]string{
		"lower case": "bz3qjytgdoe8gusplosedilkdrk=", "without padding": "Bz3qJYTGdOe8gUSpLosEdiLKDrk", "of the decoded key": "Ms8LTtp8BbKeX7qA4TBWy9j4mOs=",
		"without the GUID": "oBbYbxIbKXRZhoJ2zEzYy458+YU=", "in hexadecimal": "073dea2584c674e7bc8144a92e8b047622ca0eb9",
	} {
		if got := wrongAccepts[name](baseKey); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if got := sha1Text(baseKey + acceptGUID); got != baseAccept {
		t.Errorf("the right one: %q", got)
	}
}

func sha1Text(s string) string {
	sum := sha1.Sum([]byte(s))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// urlSafe makes s differ from the standard alphabet whether or not it has one of
// the two characters.
func urlSafe(s string) string {
	return "_" + strings.NewReplacer("+", "-", "/", "_").Replace(s[1:])
}

func testRedirects(t *testing.T) {
	t.Parallel()
	to := func(location string) string {
		return "HTTP/1.1 302 Found\r\nLocation: " + location + "\r\nContent-Length: 0\r\n\r\n"
	}
	t.Run("not by default", func(t *testing.T) {
		for _, status := range []string{"301", "302", "303", "307", "308"} {
			s := answering(t, strings.Replace(to("ws://other.test/"), "302", status, 1))
			e := handshakeError(t, s.fail(t, "ws://ws.test/", websocket.DialOptions{}))
			if fmt.Sprint(e.Status) != status || e.Header.Get("Location") != "ws://other.test/" || len(s.asked()) != 1 {
				t.Errorf("%v, connected to %q", e, s.asked())
			}
		}
	})
	t.Run("at most ten", func(t *testing.T) {
		for ask, want := range map[int]int{-1: 1, 1: 2, 3: 4, 10: 11, 1000: 11} {
			s := newPipeScript(t, func(p *scriptPeer) { p.say(to("/loop")) })
			e := handshakeError(t, s.fail(t, "ws://ws.test/", websocket.DialOptions{MaxRedirects: ask}))
			if got := len(s.asked()); got != want || e.Status != 302 {
				t.Errorf("MaxRedirects %d: %d connections, want %d: %v", ask, got, want, e)
			}
		}
	})
	t.Run("not from wss to ws", func(t *testing.T) {
		for _, location := range []string{"ws://ws.test/", "http://ws.test/", "ftp://ws.test/", "wss://user:pw@ws.test/", "", "wss://ws.test/#x", "http://%"} {
			s := answering(t, to(location))
			s.tls = serverTLS("ws.test")
			e := handshakeError(t, s.fail(t, "wss://ws.test/", websocket.DialOptions{MaxRedirects: 3, TLSConfig: clientTLS()}))
			if got := s.asked(); len(got) != 1 || e.Status != 302 {
				t.Errorf("%q: connected to %q: %v", location, got, e)
			}
		}
	})
	secrets := http.Header{"Authorization": {"Bearer sesame"}, "Cookie": {"id=sesame"}, "Proxy-Authorization": {"sesame"}, "X-Other": {"1"}}
	for location, want := range map[string]struct {
		address, target string
		secrets         bool
	}{
		"/b?c=d":                     {"ws.test:80", "/b?c=d", true},
		"b":                          {"ws.test:80", "/a/b", true},
		"//ws.test/b":                {"ws.test:80", "/b", true},
		"http://ws.test/b":           {"ws.test:80", "/b", true},
		"ws://ws.test:80/b":          {"ws.test:80", "/b", true},
		"ws://ws.test:81/b":          {"ws.test:81", "/b", false},
		"ws://other.test/b":          {"other.test:80", "/b", false},
		"ws://ws.test.other.test/%2": {"ws.test:80", "/a/x", false}, // malformed: not followed
	} {
		t.Run(location, func(t *testing.T) {
			var second *http.Request
			s := newPipeScript(t, func(p *scriptPeer) {
				if p.req.RequestURI == "/a/x" {
					p.say(to(location))
					return
				}
				second = p.req
				refuseAndClose(p)
			})
			s.fail(t, "ws://ws.test/a/x", websocket.DialOptions{MaxRedirects: 1, Header: secrets, Host: "virtual.test"})
			s.running.Wait()
			asked := s.asked()
			if asked[len(asked)-1] != want.address {
				t.Errorf("connected to %q", asked)
			}
			if second == nil {
				if want.target != "/a/x" {
					t.Error("not followed")
				}
				return
			}
			if second.RequestURI != want.target {
				t.Errorf("asked for %q", second.RequestURI)
			}
			for name := range secrets {
				if got := second.Header.Get(name) != ""; got != want.secrets && name != "X-Other" {
					t.Errorf("%s was sent: %v", name, got)
				}
			}
			host := strings.TrimSuffix(want.address, ":80")
			if want.secrets {
				host = "virtual.test"
			}
			if second.Host != host {
				t.Errorf("Host: %s, want %s", second.Host, host)
			}
		})
	}
	if got := secrets.Get("Authorization"); got == "" {
		t.Error("the caller's header was changed")
	}
	t.Run("there and back", func(t *testing.T) {
		// What was left out for another origin does not come back with the first.
		var hosts []string
		s := newPipeScript(t, func(p *scriptPeer) {
			hosts = append(hosts, p.req.Host)
			if len(hosts) > 1 && p.req.Header.Get("Cookie") != "" {
				t.Errorf("request %d has the cookie", len(hosts))
			}
			p.say(to([]string{"ws://other.test/", "ws://ws.test/", "/"}[len(hosts)-1]))
		})
		s.fail(t, "ws://ws.test/", websocket.DialOptions{MaxRedirects: 2, Header: secrets})
		s.running.Wait()
		if !slices.Equal(hosts, []string{"ws.test", "other.test", "ws.test"}) {
			t.Errorf("asked %q", hosts)
		}
	})
}
