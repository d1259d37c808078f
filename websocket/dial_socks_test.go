package websocket_test

import (
	"bufio"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/openline/openline/websocket"
)

// socksProxy is a SOCKS 5 proxy that answers as told, octet by octet.
type socksProxy struct {
	method   string // its answer to the greeting
	auth     string // its answer to name and password
	reply    string // its answer to the request
	greeting string // what the client said
	login    string
	request  string
	inner    string
}

func (x *socksProxy) serve(t *testing.T, s *script) func(net.Conn) {
	return func(nc net.Conn) {
		p := &scriptPeer{Conn: nc, br: bufio.NewReader(nc)}
		field := func(into *string, n int) byte {
			*into += take(p.br, n)
			if *into == "" {
				return 0
			}
			return (*into)[len(*into)-1]
		}
		field(&x.greeting, int(2))
		if len(x.greeting) == 2 {
			field(&x.greeting, int(x.greeting[1]))
		}
		p.dribble(x.method)
		if x.method == "\x05\x02" && strings.Contains(x.greeting[2:], "\x02") {
			field(&x.login, int(field(&x.login, 2)))
			field(&x.login, int(field(&x.login, 1)))
			p.dribble(x.auth)
		}
		if x.reply != "" {
			switch field(&x.request, 4) {
			case 1:
				field(&x.request, 4+2)
			case 3:
				field(&x.request, int(field(&x.request, 1))+2)
			case 4:
				field(&x.request, 16+2)
			}
			p.dribble(x.reply)
		}
		if strings.HasPrefix(x.reply, "\x05\x00") && len(x.reply) >= 10 {
			x.inner = s.inside(nc, p.br, nil)
			return
		}
		p.silence(t)
	}
}

const socksOK = "\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00"

func TestDialSOCKS(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, proxy, url         string
		socksProxy               // what it answers
		greeting, login, request string
	}{
		{"a name for the proxy to resolve", "socks5h://proxy.test", "ws://ws.test/", socksProxy{method: "\x05\x00", reply: socksOK}, "\x05\x01\x00", "", "\x05\x01\x00\x03\x07ws.test\x00\x50"},
		{"a port", "socks5h://proxy.test", "ws://ws.test:65535/", socksProxy{method: "\x05\x00", reply: socksOK}, "\x05\x01\x00", "", "\x05\x01\x00\x03\x07ws.test\xff\xff"},
		{"a name that this end resolves", "socks5://proxy.test", "ws://localhost/", socksProxy{method: "\x05\x00", reply: socksOK}, "\x05\x01\x00", "", "LOCAL\x00\x50"},
		{"an IPv4 address", "socks5h://proxy.test", "ws://192.0.2.1/", socksProxy{method: "\x05\x00", reply: socksOK}, "\x05\x01\x00", "", "\x05\x01\x00\x01\xc0\x00\x02\x01\x00\x50"},
		{"an IPv6 address", "socks5://proxy.test", "ws://[2001:db8::1]/", socksProxy{method: "\x05\x00", reply: socksOK}, "\x05\x01\x00", "", "\x05\x01\x00\x04\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x50"},
		{"bound to an IPv6 address", "socks5h://proxy.test", "ws://ws.test/", socksProxy{method: "\x05\x00", reply: "\x05\x00\x00\x04" + strings.Repeat("a", 16) + "\x00\x01"}, "\x05\x01\x00", "", "\x05\x01\x00\x03\x07ws.test\x00\x50"},
		{"bound to a name", "socks5h://proxy.test", "ws://ws.test/", socksProxy{method: "\x05\x00", reply: "\x05\x00\x00\x03\x05abcde\x00\x01"}, "\x05\x01\x00", "", "\x05\x01\x00\x03\x07ws.test\x00\x50"},
		{"bound to an empty name", "socks5h://proxy.test", "ws://ws.test/", socksProxy{method: "\x05\x00", reply: "\x05\x00\x00\x03\x00\x00\x01..."[:7] + ""}, "\x05\x01\x00", "", "\x05\x01\x00\x03\x07ws.test\x00\x50"},
		{"a password that is asked for", "socks5h://us%65r:p%40ss@proxy.test", "ws://ws.test/", socksProxy{method: "\x05\x02", auth: "\x01\x00", reply: socksOK}, "\x05\x02\x00\x02", "\x01\x04user\x04p@ss", "\x05\x01\x00\x03\x07ws.test\x00\x50"},
		{"a password that is not asked for", "socks5h://user:pass@proxy.test", "ws://ws.test/", socksProxy{method: "\x05\x00", reply: socksOK}, "\x05\x02\x00\x02", "", "\x05\x01\x00\x03\x07ws.test\x00\x50"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newScript(t, nil)
			x := &c.socksProxy
			s.raw = x.serve(t, s)
			if c.name == "bound to an empty name" {
				s.raw = func(nc net.Conn) { // the reply is too short for serve to know it
					br := bufio.NewReader(nc)
					x.greeting = take(br, 3)
					io.WriteString(nc, x.method)
					x.request = take(br, 14)
					io.WriteString(nc, x.reply)
					x.inner = s.inside(nc, br, nil)
				}
			}
			goesThrough(t, s, c.url, c.proxy, "proxy.test:1080", websocket.DialOptions{})
			if x.greeting != c.greeting || x.login != c.login {
				t.Errorf("greeting %q, login %q", x.greeting, x.login)
			}
			if port, local := strings.CutPrefix(c.request, "LOCAL"); local { // 127.0.0.1 or ::1
				if len(x.request) != 10 && len(x.request) != 22 || x.request[3] == 3 || !strings.HasSuffix(x.request, port) {
					t.Errorf("request %q", x.request)
				}
			} else if x.request != c.request {
				t.Errorf("request %q, want %q", x.request, c.request)
			}
			if !strings.HasPrefix(x.inner, "GET / HTTP/1.1\r\n") {
				t.Errorf("inside went %q", x.inner)
			}
		})
	}
	for _, c := range []struct {
		name, proxy, url string
		socksProxy
		says string
	}{
		{"refused by its rules", "socks5h://proxy.test", "ws://ws.test/", socksProxy{method: "\x05\x00", reply: "\x05\x02\x00\x01\x00\x00\x00\x00\x00\x00"}, "not allowed"},
		{"connection refused", "socks5h://proxy.test", "ws://ws.test/", socksProxy{method: "\x05\x00", reply: "\x05\x05\x00\x01\x00\x00\x00\x00\x00\x00"}, "connection refused"},
		{"an unknown code", "socks5h://proxy.test", "ws://ws.test/", socksProxy{method: "\x05\x00", reply: "\x05\xff\x00\x01\x00\x00\x00\x00\x00\x00"}, "255"},
		{"no method fits", "socks5h://proxy.test", "ws://ws.test/", socksProxy{method: "\x05\xff"}, "authentication"},
		{"asks for a password there is not", "socks5h://proxy.test", "ws://ws.test/", socksProxy{method: "\x05\x02"}, "authentication"},
		{"asks for a method that was not offered", "socks5h://user:sesame@proxy.test", "ws://ws.test/", socksProxy{method: "\x05\x01"}, "authentication"},
		{"refuses the password", "socks5h://user:sesame@proxy.test", "ws://ws.test/", socksProxy{method: "\x05\x02", auth: "\x01\x01"}, "refuses the user name"},
		{"SOCKS 4", "socks5h://proxy.test", "ws://ws.test/", socksProxy{method: "\x04\x00"}, "SOCKS 5"},
		{"HTTP", "socks5h://proxy.test", "ws://ws.test/", socksProxy{method: "HTTP/1.1 400 Bad Request\r\n\r\n"}, "SOCKS 5"},
		{"another version in the reply", "socks5h://proxy.test", "ws://ws.test/", socksProxy{method: "\x05\x00", reply: "\x04\x00\x00\x01\x00\x00\x00\x00\x00\x00"}, "SOCKS 5"},
		{"an unknown address type", "socks5h://proxy.test", "ws://ws.test/", socksProxy{method: "\x05\x00", reply: "\x05\x00\x00\x02\x00"}, "address type"},
		{"an overlong name", "socks5h://proxy.test", "ws://" + strings.Repeat("a", 256) + "/", socksProxy{method: "\x05\x00"}, "255"},
		{"an overlong user", "socks5h://" + strings.Repeat("u", 256) + ":sesame@proxy.test", "ws://ws.test/", socksProxy{method: "\x05\x02"}, "255"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newScript(t, nil)
			x := &c.socksProxy
			s.raw = func(nc net.Conn) {
				if strings.HasPrefix(c.name, "an overlong user") { // no login comes
					take(nc, 4)
					io.WriteString(nc, x.method)
					(&scriptPeer{Conn: nc, br: bufio.NewReader(nc)}).silence(t)
					return
				}
				x.serve(t, s)(nc)
			}
			err := s.fail(t, c.url, websocket.DialOptions{Proxy: proxyAt(c.proxy)})
			s.running.Wait() // the socket is closed, and no request was sent
			if !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "sesame") {
				t.Errorf("the error is %q", err)
			}
		})
	}
	for name, end := range map[string]string{"at once": "", "in the method": "\x05", "in the reply": "\x05\x00\x05\x00\x00\x01\x00"} {
		s := newScript(t, nil)
		s.raw = func(nc net.Conn) {
			io.WriteString(nc, end)
			nc.(*net.TCPConn).CloseWrite()
			io.Copy(io.Discard, nc)
		}
		if err := s.fail(t, "ws://ws.test/", websocket.DialOptions{Proxy: proxyAt("socks5h://proxy.test")}); err == io.EOF {
			t.Errorf("closed %s", name)
		}
		s.running.Wait()
	}
}
