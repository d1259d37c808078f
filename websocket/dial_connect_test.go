package websocket_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openline/openline/websocket"
)

// A proxy in these tests is a script that plays both parts: its own, and, inside
// the tunnel, that of the server behind it.

// bufferedConn reads through a buffer that may have something already.
type bufferedConn struct {
	net.Conn
	br *bufio.Reader
}

func (c bufferedConn) Read(p []byte) (int, error) { return c.br.Read(p) }

// inside plays the server at the other end of a tunnel, with TLS if config is
// not nil: it opens, says Hi and waits for the end. It returns the request.
func (s *script) inside(nc net.Conn, br *bufio.Reader, config *tls.Config) string {
	nc = bufferedConn{nc, br}
	if config != nil {
		nc = tls.Server(nc, config)
	}
	p := s.heard(nc, bufio.NewReader(nc))
	if p == nil {
		s.t.Error("no opening request came through the tunnel")
		return ""
	}
	p.say(response() + "\x81\x02Hi")
	io.Copy(io.Discard, p.br)
	return p.head
}

func proxyAt(text string) func(*http.Request) (*url.URL, error) {
	u, err := url.Parse(text)
	return func(*http.Request) (*url.URL, error) { return u, err }
}

// goesThrough dials through a proxy and checks that the connection works, and
// that there was one TCP connection, to the proxy's address.
func goesThrough(t *testing.T, s *script, url, proxy, address string, o websocket.DialOptions) {
	t.Helper()
	o.Proxy = proxyAt(proxy)
	c := s.open(t, url, o)
	if c == nil {
		return
	}
	readHi(t, c)
	c.CloseNow()
	s.running.Wait()
	if asked := s.asked(); len(asked) != 1 || asked[0] != address {
		t.Errorf("connected to %q, want %q", asked, address)
	}
}

func testConnectProxy(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		url, target, answer string
	}{
		{"ws://ws.test/echo", "ws.test:80", "HTTP/1.1 200 OK\r\n\r\n"},
		{"wss://ws.test/echo", "ws.test:443", "HTTP/1.1 200 OK\r\n\r\n"},
		{"ws://ws.test:9001/echo", "ws.test:9001", "HTTP/1.0 200 Connection established\r\n\r\n"}, // many proxies say 1.0
		{"ws://[::1]/echo", "[::1]:80", "HTTP/1.1 204 No Content\r\nVia: x\r\n\r\n"},
		{"wss://ws.test/echo", "ws.test:443", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 10\r\nTransfer-Encoding: chunked\r\n\r\n"}, // RFC 9110 §9.3.6: ignored
	} {
		t.Run(c.url+" "+c.answer[:12], func(t *testing.T) {
			var outer, inner string
			s := newScript(t, nil)
			s.serve = func(p *scriptPeer) {
				outer = p.head
				p.dribble(c.answer)
				var config *tls.Config
				if strings.HasPrefix(c.url, "wss") {
					config = serverTLS("ws.test")
				}
				inner = s.inside(p.Conn, p.br, config)
			}
			goesThrough(t, s, c.url, "http://proxy.test:3128", "proxy.test:3128", websocket.DialOptions{TLSConfig: clientTLS()})
			if want := "CONNECT " + c.target + " HTTP/1.1\r\nHost: " + c.target + "\r\n\r\n"; outer != want {
				t.Errorf("the proxy was asked %q", outer)
			}
			if !strings.HasPrefix(inner, "GET /echo HTTP/1.1\r\nHost: ") {
				t.Errorf("inside went %q", inner)
			}
		})
	}
	for _, status := range []string{"407 Proxy Authentication Required", "502 Bad Gateway", "302 Found", "101 Switching Protocols", "403 \x1b]0;x"} {
		t.Run(status, func(t *testing.T) {
			s := answering(t, "HTTP/1.1 "+status+"\r\nProxy-Authenticate: Basic\r\nLocation: wss://evil.test/\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"+strings.Repeat("x", 5000))
			err := s.fail(t, "wss://ws.test/", websocket.DialOptions{
				Proxy: proxyAt("http://user:sesame@proxy.test:3128"), MaxRedirects: 5, TLSConfig: clientTLS(),
			})
			s.running.Wait() // the socket is closed, and nothing was sent but CONNECT
			e := handshakeError(t, err)
			if fmt.Sprint(e.Status) != status[:3] || e.Header.Get("Proxy-Authenticate") != "Basic" || len(e.Body) > 1024 {
				t.Errorf("%v %v, %d octets", e, e.Header, len(e.Body))
			}
			if len(s.asked()) != 1 { // a proxy does not say where a wss URL leads
				t.Errorf("connected to %q", s.asked())
			}
			if !strings.Contains(err.Error(), "proxy") || strings.Contains(err.Error(), "sesame") || strings.Contains(err.Error(), "\x1b") {
				t.Errorf("the error is %q", err)
			}
		})
	}
	t.Run("credentials", func(t *testing.T) {
		for user, want := range map[string]string{"user:p%40ss:w%C3%A4rd@": "dXNlcjpwQHNzOnfDpHJk", "user@": "dXNlcjo=", "user:@": "dXNlcjo=", "a%0d%0ab:c@": "YQ0KYjpj"} {
			var outer, inner string
			s := newScript(t, nil)
			s.serve = func(p *scriptPeer) {
				outer = p.head
				p.say("HTTP/1.1 200 OK\r\n\r\n")
				inner = s.inside(p.Conn, p.br, nil)
			}
			goesThrough(t, s, "ws://ws.test/", "http://"+user+"proxy.test", "proxy.test:80", websocket.DialOptions{})
			if !strings.Contains(outer, "\r\nProxy-Authorization: Basic "+want+"\r\n") {
				t.Errorf("the proxy was asked %q", outer)
			}
			if strings.Contains(inner, "uthorization") {
				t.Errorf("inside went %q", inner)
			}
		}
	})
}

func TestDialHTTPSProxy(t *testing.T) {
	t.Parallel()
	for _, secure := range []bool{false, true} {
		s := newScript(t, nil)
		s.tls = serverTLS("proxy.test")
		var sni []string
		note := func(h *tls.ClientHelloInfo) (*tls.Config, error) {
			sni = append(sni, h.ServerName)
			return nil, nil
		}
		s.tls.GetConfigForClient = note
		s.serve = func(p *scriptPeer) {
			p.say("HTTP/1.1 200 OK\r\n\r\n")
			var config *tls.Config
			if secure {
				config = serverTLS("behind.test")
				config.GetConfigForClient = note
			}
			s.inside(p.Conn, p.br, config)
		}
		client := clientTLS()
		client.ServerName = "behind.test" // the server's, not the proxy's
		url := "ws://ws.test/"
		if secure {
			url = "wss://ws.test/"
		}
		goesThrough(t, s, url, "https://proxy.test", "proxy.test:443", websocket.DialOptions{TLSConfig: client})
		if want := []string{"proxy.test", "behind.test"}[:len(sni)]; len(sni) == 0 || strings.Join(sni, " ") != strings.Join(want, " ") {
			t.Errorf("SNI: %q", sni)
		}
	}
	// A proxy that cannot show a certificate of its own gets nothing.
	s := newScript(t, func(p *scriptPeer) { t.Errorf("a stranger heard %q", p.head) })
	s.tls = serverTLS("other.test")
	err := s.fail(t, "ws://ws.test/", websocket.DialOptions{Proxy: proxyAt("https://user:sesame@proxy.test"), TLSConfig: clientTLS()})
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); !ok || strings.Contains(err.Error(), "sesame") {
		t.Errorf("the error is %v", err)
	}
}

func TestDialProxyChoice(t *testing.T) {
	t.Parallel()
	// The function is asked about http and https, without path and query.
	for raw, want := range map[string]string{"ws://ws.test:81/a?token=sesame": "http://ws.test:81/", "wss://ws.test/a": "https://ws.test/"} {
		var asked string
		s := newScript(t, refuseAndClose)
		s.tls = nil
		s.fail(t, raw, websocket.DialOptions{Proxy: func(r *http.Request) (*url.URL, error) {
			asked = r.URL.String()
			return nil, errors.New("no idea")
		}})
		if asked != want || len(s.asked()) > 0 {
			t.Errorf("%s: asked about %q, connected to %q", raw, asked, s.asked())
		}
	}
	s := newScript(t, refuseAndClose)
	if err := s.fail(t, "ws://ws.test/", websocket.DialOptions{Proxy: proxyAt("ftp://user:sesame@proxy.test")}); len(s.asked()) > 0 || strings.Contains(err.Error(), "sesame") {
		t.Errorf("connected to %q: %v", s.asked(), err)
	}
}

// The environment's proxy is read once in a program, so this needs one of its own.
func TestDialProxyEnvironment(t *testing.T) {
	if target := os.Getenv("WEBSOCKET_TEST_DIAL"); target != "" {
		_, err := websocket.Dial(t.Context(), target, nil)
		fmt.Println("error:", err)
		return
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dial := func(target string, env ...string) string {
		cmd := exec.Command(self, "-test.run=^TestDialProxyEnvironment$", "-test.v")
		cmd.Env = append(os.Environ(), append(env, "NO_PROXY=", "no_proxy=", "WEBSOCKET_TEST_DIAL="+target)...)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return string(out)
	}
	s := newScript(t, func(p *scriptPeer) {
		if !strings.HasPrefix(p.head, "CONNECT ws.test:80 ") {
			t.Errorf("the proxy was asked %q", p.head)
		}
		p.say("HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n")
	})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s.running.Go(func() {
		nc, err := l.Accept()
		if err == nil {
			defer nc.Close()
			s.accept(nc)
		}
	})
	proxy := l.Addr().String()
	if out := dial("ws://ws.test/", "HTTP_PROXY=http://"+proxy, "http_proxy=http://"+proxy, "HTTPS_PROXY="); !strings.Contains(out, "the proxy answered 407") {
		t.Errorf("HTTP_PROXY was not used for ws:\n%s", out)
	}
	s.running.Wait()
}

// proxyStage is where a proxy falls silent.
type proxyStage struct {
	name, scheme string
	serve        func(nc net.Conn)
}

// read takes n octets.
func take(r io.Reader, n int) string {
	b := make([]byte, n)
	n, _ = io.ReadFull(r, b)
	return string(b[:n])
}

// The time of the handshake is over at whatever stage a proxy falls silent.
func TestDialProxyDeadline(t *testing.T) {
	proxyTLS := serverTLS("proxy.test")
	head := func(r io.Reader) { // up to the empty line, octet by octet
		text := ""
		for !strings.HasSuffix(text, "\r\n\r\n") {
			c := take(r, 1)
			if c == "" {
				return
			}
			text += c
		}
	}
	const dialWSS, dialWS = "wss://ws.test/", "ws://ws.test/"
	stages := []proxyStage{
		{"no answer to CONNECT", "http", func(nc net.Conn) { head(nc) }},
		{"an answer that stops", "http", func(nc net.Conn) { head(nc); io.WriteString(nc, "HTTP/1.1 200 OK\r\nX") }},
		{"no server behind", "http", func(nc net.Conn) { head(nc); io.WriteString(nc, "HTTP/1.1 200 OK\r\n\r\n") }},
		{"no TLS", "https", func(net.Conn) {}},
		{"TLS and no answer", "https", func(nc net.Conn) { head(tls.Server(nc, proxyTLS)) }},
		{"no answer to the greeting", "socks5h", func(nc net.Conn) { take(nc, 3) }},
		{"half an answer", "socks5h", func(nc net.Conn) { take(nc, 3); io.WriteString(nc, "\x05") }},
		{"no answer to the request", "socks5h", func(nc net.Conn) { take(nc, 3); io.WriteString(nc, "\x05\x00"); take(nc, 4+1+7+2) }},
		{"half a reply", "socks5h", func(nc net.Conn) {
			take(nc, 3)
			io.WriteString(nc, "\x05\x00")
			take(nc, 4+1+7+2)
			io.WriteString(nc, "\x05\x00\x00\x03\x10abc")
		}},
		{"a reply and no server", "socks5h", func(nc net.Conn) {
			take(nc, 3)
			io.WriteString(nc, "\x05\x00")
			take(nc, 4+1+7+2)
			io.WriteString(nc, "\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00")
		}},
	}
	for _, stage := range stages {
		for _, target := range []string{dialWS, dialWSS} {
			t.Run(stage.scheme+" "+stage.name+" "+target[:3], func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := newPipeScript(t, nil)
					s.raw = func(nc net.Conn) {
						stage.serve(nc)
						io.Copy(io.Discard, nc) // to the end, which is the client's closing
					}
					begin := time.Now()
					err := s.fail(t, target, websocket.DialOptions{Proxy: proxyAt(stage.scheme + "://proxy.test"), TLSConfig: clientTLS()})
					if spent := time.Since(begin); spent != 10*time.Second || !errors.Is(err, context.DeadlineExceeded) {
						t.Errorf("after %v: %v", spent, err)
					}
					s.running.Wait()
				})
			})
		}
	}
}
