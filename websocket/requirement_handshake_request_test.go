package websocket_test

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openline/openline/websocket"
)

// What a client sends, and to whom: RFC 6455 §4.1.

// keysOf dials n times and returns the keys.
func keysOf(t *testing.T, n int) []string {
	t.Helper()
	var keys []string
	s := newPipeScript(t, func(p *scriptPeer) {
		keys = append(keys, p.key)
		refuseAndClose(p)
	})
	for range n {
		s.fail(t, "ws://ws.test/", websocket.DialOptions{})
		s.running.Wait()
	}
	return keys
}

var keyPattern = regexp.MustCompile(`^[A-Za-z0-9+/]{21}[AQgw]==$`)

// refusedOptions checks that options are an error before any network I/O.
func refusedOptions(t *testing.T, o websocket.DialOptions) {
	t.Helper()
	s := newScript(t, refuseAndClose)
	s.fail(t, "ws://ws.test:9001/echo", o)
	if asked := s.asked(); len(asked) > 0 {
		t.Errorf("%+v: the client connected", o)
	}
}

func init() {
	requirement("WS-4.1-01", func(t *testing.T) {
		t.Parallel()
		head, address := sent(t, "ws://ws.test:9001/echo")
		lines := strings.Split(head, "\r\n")
		if address != "ws.test:9001" || lines[0] != "GET /echo HTTP/1.1" || lines[1] != "Host: ws.test:9001" {
			t.Errorf("to %s: %q", address, head)
		}
		if strings.Count(head, "\n") != strings.Count(head, "\r\n") || strings.Count(head, "\r") != strings.Count(head, "\r\n") ||
			strings.Count(head, "\r\n\r\n") != 1 || !strings.HasSuffix(head, "\r\n\r\n") {
			t.Errorf("the line ends are not CR LF: %q", head)
		}
		got := map[string][]string{}
		for _, l := range lines[1 : len(lines)-2] {
			name, value, _ := strings.Cut(l, ": ")
			name = strings.ToLower(name)
			got[name] = append(got[name], value)
		}
		for name, want := range map[string]string{
			"host": "ws.test:9001", "upgrade": "websocket", "connection": "Upgrade", "sec-websocket-version": "13",
		} {
			if !slices.Equal(got[name], []string{want}) {
				t.Errorf("%s: %q, want %q once", name, got[name], want)
			}
			delete(got, name)
		}
		if keys := got["sec-websocket-key"]; len(keys) != 1 || !keyPattern.MatchString(keys[0]) {
			t.Errorf("Sec-WebSocket-Key: %q", keys)
		}
		delete(got, "sec-websocket-key")
		if len(got) > 0 {
			t.Errorf("further fields: %v", got) // no Content-Length, no Transfer-Encoding, no extensions
		}
	})
	requirement("WS-4.1-02", func(t *testing.T) {
		t.Parallel()
		for _, key := range keysOf(t, 50) {
			if b, err := base64.StdEncoding.Strict().DecodeString(key); err != nil || len(b) != 16 || !keyPattern.MatchString(key) {
				t.Errorf("key %q: %d octets, %v", key, len(b), err)
			}
		}
	})
	requirement("WS-4.1-03", func(t *testing.T) {
		t.Parallel()
		seen := map[string]bool{}
		var octets [16]map[byte]bool
		for _, key := range keysOf(t, 1000) {
			if seen[key] {
				t.Fatalf("the key %q came twice", key)
			}
			seen[key] = true
			b, _ := base64.StdEncoding.DecodeString(key)
			for i, c := range b {
				if octets[i] == nil {
					octets[i] = map[byte]bool{}
				}
				octets[i][c] = true
			}
		}
		for i, values := range octets {
			if len(values) < 100 {
				t.Errorf("octet %d takes %d values only", i, len(values))
			}
		}
		// Redirects get keys of their own.
		var keys []string
		s := newPipeScript(t, func(p *scriptPeer) {
			keys = append(keys, p.key)
			p.say("HTTP/1.1 302 Found\r\nLocation: /again\r\nContent-Length: 0\r\n\r\n")
		})
		s.fail(t, "ws://ws.test/", websocket.DialOptions{MaxRedirects: 5})
		s.running.Wait()
		if slices.Sort(keys); len(keys) != 6 || len(slices.Compact(keys)) != 6 {
			t.Errorf("the keys of a redirected dial are %q", keys)
		}
	})
	requirement("WS-4.1-04", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := newPipeScript(t, func(p *scriptPeer) {
				quiet := func() {
					p.SetReadDeadline(time.Now().Add(500 * time.Millisecond)) // in the bubble's time
					if n, err := p.Read(make([]byte, 1)); n > 0 {
						t.Errorf("the client sent %d octets before the 101 was whole: %v", n, err)
					}
				}
				quiet()
				answer := strings.ReplaceAll(response(), "ACCEPT", acceptOf(p.key))
				for i := range len(answer) {
					if i > 0 && i%20 == 0 {
						quiet()
					}
					io.WriteString(p, answer[i:i+1])
				}
				p.SetReadDeadline(time.Time{})
				if h, payload := p.frame(t); !h.Masked || payload != "queued" {
					t.Errorf("then came %+v %q", h, payload)
				}
			})
			c := s.open(t, "ws://ws.test/", websocket.DialOptions{HandshakeTimeout: time.Hour, ConnOptions: websocket.ConnOptions{PingInterval: -1}})
			queued, err := websocket.Prepare(websocket.Text, []byte("queued"))
			if err != nil {
				t.Fatal(err)
			}
			if err := c.TrySend(queued); err != nil {
				t.Error(err)
			}
			s.running.Wait()
			c.CloseNow()
		})
	})
	requirement("WS-4.1-05", func(t *testing.T) {
		t.Parallel()
		var offered []string
		s := newPipeScript(t, func(p *scriptPeer) {
			for _, line := range p.req.Header["Sec-Websocket-Protocol"] {
				for element := range strings.SplitSeq(line, ",") {
					offered = append(offered, strings.TrimSpace(element))
				}
			}
			refuseAndClose(p)
		})
		s.fail(t, "ws://ws.test/", websocket.DialOptions{Subprotocols: []string{"v2.chat", "v1.chat"}})
		s.running.Wait()
		if !slices.Equal(offered, []string{"v2.chat", "v1.chat"}) {
			t.Errorf("offered %q", offered)
		}
		for _, bad := range [][]string{{""}, {"a b"}, {"a,b"}, {"é"}, {"x\r\nY: z"}, {"a", "a"}, {"a", ""}, {`"a"`}, {"a\x00"}} {
			refusedOptions(t, websocket.DialOptions{Subprotocols: bad})
		}
	})
	requirement("WS-4.1-06", func(t *testing.T) {
		t.Parallel()
		for _, h := range []http.Header{
			{"X-A": {"b\r\nEvil: 1"}},
			{"X-A": {"b\nEvil: 1"}},
			{"X-A": {"b\rEvil: 1"}},
			{"X-A": {"b\x00"}},
			{"X-A": {"b", "c\x1b[2J"}},
			{"X-A: b\r\nEvil": {"1"}},
			{"X A": {"b"}},
			{"": {"b"}},
			{"X-A:": {"b"}},
			{"Sec-Websocket-Key": {baseKey}},
			{"sec-websocket-key": {baseKey}},
			{"SEC-WEBSOCKET-ACCEPT": {baseAccept}},
			{"Sec-Websocket-Version": {"8"}},
			{"Sec-Websocket-Extensions": {"permessage-deflate"}},
			{"Sec-Websocket-Protocol": {"chat"}},
			{"Upgrade": {"h2c"}},
			{"Connection": {"close"}},
			{"connection": {"close"}},
			{"Host": {"evil.test"}},
			{"Content-Length": {"5"}},
			{"Transfer-Encoding": {"chunked"}},
			{"Te": {"trailers"}},
			{"Trailer": {"X"}},
		} {
			refusedOptions(t, websocket.DialOptions{Header: h})
		}
		for _, host := range []string{"a\r\nEvil: 1", "a b", "a/b", "user@a", "a?b", "a:x", "a:80:80", "[::1", "\x00"} {
			refusedOptions(t, websocket.DialOptions{Host: host})
		}
		var got http.Header
		var host string
		s := newPipeScript(t, func(p *scriptPeer) {
			got, host = p.req.Header, p.req.Host
			refuseAndClose(p)
		})
		s.fail(t, "ws://ws.test/", websocket.DialOptions{Host: "other.test:99", Header: http.Header{"X-A": {"b", "c\td"}, "x-lower": {"\xff"}, "Authorization": {"Bearer x"}}})
		s.running.Wait()
		if !slices.Equal(got["X-A"], []string{"b", "c\td"}) || got.Get("X-Lower") != "\u00ff" && got.Get("X-Lower") != "\xff" || got.Get("Authorization") != "Bearer x" || host != "other.test:99" {
			t.Errorf("the request has %q, host %q", got, host)
		}
		for _, name := range []string{"Upgrade", "Connection", "Sec-Websocket-Key", "Sec-Websocket-Version"} {
			if len(got[name]) != 1 {
				t.Errorf("%s: %q", name, got[name])
			}
		}
	})
	requirement("WS-4.1-07", testOneAtATime)
	requirement("WS-4.1-08", testVerifiesTLS)
	requirement("WS-4.1-09", func(t *testing.T) {
		t.Parallel()
		for _, own := range [][]string{nil, {"h2"}, {"h2", "http/1.1"}} {
			var offered []string
			s := newScript(t, func(p *scriptPeer) { p.say(response()); p.silence(t) })
			s.tls = serverTLS("ws.test")
			s.tls.NextProtos = []string{"h2", "http/1.1"}
			s.tls.GetConfigForClient = func(h *tls.ClientHelloInfo) (*tls.Config, error) {
				offered = h.SupportedProtos
				return nil, nil
			}
			config := clientTLS()
			config.NextProtos = own
			c := s.open(t, "wss://ws.test/", websocket.DialOptions{TLSConfig: config})
			if c == nil {
				continue
			}
			c.CloseNow()
			s.running.Wait()
			if len(offered) > 1 || len(offered) == 1 && offered[0] != "http/1.1" {
				t.Errorf("ALPN offers %q", offered)
			}
			if !slices.Equal(config.NextProtos, own) {
				t.Errorf("the caller's configuration was changed to %q", config.NextProtos)
			}
		}
	})
}

func testOneAtATime(t *testing.T) {
	const n = 10
	dialAll := func(t *testing.T, s *script, o websocket.DialOptions) {
		o.ConnOptions.PingInterval = -1
		var all sync.WaitGroup
		for range n {
			all.Go(func() {
				if c := s.open(t, "ws://ws.test/", o); c != nil {
					c.CloseNow()
				}
			})
		}
		all.Wait()
		s.running.Wait()
	}
	t.Run("one at a time", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var now, most atomic.Int32
			s := newPipeScript(t, func(p *scriptPeer) {
				most.Store(max(most.Load(), now.Add(1)))
				<-time.After(100 * time.Millisecond)
				now.Add(-1)
				p.say(response())
			})
			dialAll(t, s, websocket.DialOptions{OneAtATime: true})
			if most.Load() != 1 {
				t.Errorf("%d requests at the same time", most.Load())
			}
		})
	})
	t.Run("all at once is the default", func(t *testing.T) {
		var arrived sync.WaitGroup
		arrived.Add(n)
		s := newPipeScript(t, func(p *scriptPeer) {
			arrived.Done()
			arrived.Wait() // for all of them
			p.say(response())
		})
		dialAll(t, s, websocket.DialOptions{})
	})
	t.Run("others do not wait, and waiting ends with the context", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := newPipeScript(t, func(p *scriptPeer) {
				if p.req.Host == "slow.test" {
					<-time.After(5 * time.Second)
				}
				p.say(response())
			})
			o := websocket.DialOptions{OneAtATime: true, ConnOptions: websocket.ConnOptions{PingInterval: -1}}
			var first sync.WaitGroup
			first.Go(func() {
				if c := s.open(t, "ws://slow.test/", o); c != nil {
					c.CloseNow()
				}
			})
			synctest.Wait()
			begin := time.Now()
			if c := s.open(t, "ws://slow.test:81/", o); c != nil {
				c.CloseNow()
			}
			if c := s.open(t, "ws://fast.test/", o); c != nil {
				c.CloseNow()
			}
			if spent := time.Since(begin); spent != 0 {
				t.Errorf("other addresses took %v", spent)
			}
			first.Wait()
			first.Go(func() {
				if c := s.open(t, "ws://slow.test/", o); c != nil {
					c.CloseNow()
				}
			})
			synctest.Wait()
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			if _, err := websocket.Dial(ctx, "ws://slow.test/", s.options(o)); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("waited for another dial: %v", err)
			}
			first.Wait()
		})
	})
}

func testVerifiesTLS(t *testing.T) {
	t.Parallel()
	stranger := newAuthority()
	for _, c := range []struct {
		name string
		cert tls.Certificate
		url  string
		ok   bool
	}{
		{"another name", testIssuer().issue("other.test", farFuture), "wss://ws.test/", false},
		{"expired", testIssuer().issue("ws.test", beforeNow), "wss://ws.test/", false},
		{"unknown issuer", stranger.issue("ws.test", farFuture), "wss://ws.test/", false},
		{"a name where an address is asked for", testIssuer().issue("ws.test", farFuture), "wss://127.0.0.1/", false},
		{"valid", testIssuer().issue("ws.test", farFuture), "wss://ws.test:9001/", true},
		{"valid address", testIssuer().issue("127.0.0.1", farFuture), "wss://127.0.0.1/", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			var sni string
			var heard atomic.Int32
			s := newScript(t, func(p *scriptPeer) {
				heard.Add(1)
				p.say(response())
				p.silence(t)
			})
			s.tls = &tls.Config{GetCertificate: func(h *tls.ClientHelloInfo) (*tls.Certificate, error) {
				sni = h.ServerName
				return &c.cert, nil
			}}
			o := websocket.DialOptions{TLSConfig: clientTLS()}
			if !c.ok {
				err := s.fail(t, c.url, o)
				s.running.Wait() // the socket has been closed
				if _, is := errors.AsType[*tls.CertificateVerificationError](err); !is {
					t.Errorf("the error is %v", err)
				}
				if heard.Load() > 0 {
					t.Error("a request was sent")
				}
				return
			}
			conn := s.open(t, c.url, o)
			if conn == nil {
				return
			}
			conn.CloseNow()
			s.running.Wait()
			want := "ws.test"
			if net.ParseIP(strings.Split(strings.TrimPrefix(c.url, "wss://"), "/")[0]) != nil {
				want = "" // RFC 6066 §3: no address
			}
			if sni != want {
				t.Errorf("SNI is %q, want %q", sni, want)
			}
		})
	}
}
