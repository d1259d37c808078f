package websocket_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openline/openline/websocket"
)

// What a client makes of the answer: RFC 6455 §4.1, §4.4.

// withField is the base response with one field's lines replaced.
func withField(name string, values ...string) string {
	changes := []string{"-" + name}
	for _, v := range values {
		changes = append(changes, "+"+name+": "+v)
	}
	return response(changes...)
}

func handshakeError(t *testing.T, err error) *websocket.HandshakeError {
	t.Helper()
	e, ok := errors.AsType[*websocket.HandshakeError](err)
	if !ok {
		t.Errorf("the error is no HandshakeError: %v", err)
		return new(websocket.HandshakeError)
	}
	return e
}

func init() {
	requirement("WS-4.1-10", testConnectProxy)
	requirement("WS-4.1-11", testHandshakeDeadline)
	requirement("WS-4.1-12", func(t *testing.T) {
		t.Parallel()
		for _, status := range []int{200, 204, 301, 400, 401, 403, 404, 426, 500, 503} {
			body := strings.Repeat("x", 1<<20)
			if status == 204 {
				body = ""
			}
			answer := response(fmt.Sprintf("> HTTP/1.1 %d Whatever", status), "+X-Why: because", fmt.Sprintf("+Content-Length: %d", len(body))) + body
			s := newScript(t, func(p *scriptPeer) {
				p.say(answer)
				io.Copy(io.Discard, p.br)
			})
			e := handshakeError(t, s.fail(t, "ws://ws.test/", websocket.DialOptions{}))
			if e.Status != status || e.Header.Get("X-Why") != "because" {
				t.Errorf("%d: %d %v", status, e.Status, e.Header)
			}
			if want := body[:min(1024, len(body))]; string(e.Body) != want {
				t.Errorf("%d: %d octets of the body, want %d", status, len(e.Body), len(want))
			}
			if !strings.Contains(e.Error(), fmt.Sprint(status)) {
				t.Errorf("the error does not name the status: %v", e)
			}
			s.running.Wait()
		}
	})
	requirement("WS-4.1-13", func(t *testing.T) {
		t.Parallel()
		const early = "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
		opensWith(t, "HTTP/1.1 100 Continue\r\n\r\n"+early+response(), websocket.DialOptions{})
		opensWith(t, strings.Repeat(early, 8)+response(), websocket.DialOptions{})
		failsWith(t, strings.Repeat(early, 9)+response(), websocket.DialOptions{})
		// Endless: the client is the one to end it.
		s := newPipeScript(t, func(p *scriptPeer) {
			for {
				if _, err := io.WriteString(p, early); err != nil {
					return
				}
			}
		})
		s.fail(t, "ws://ws.test/", websocket.DialOptions{})
	})
	requirement("WS-4.1-14", testRedirects)
	requirement("WS-4.1-15", func(t *testing.T) {
		t.Parallel()
		for _, v := range []string{"websockets", "h2c", "websocket/13", "websocket, h2c", "", ",websocket", `"websocket"`} {
			failsWith(t, withField("Upgrade", v), websocket.DialOptions{})
		}
		failsWith(t, response("-Upgrade"), websocket.DialOptions{})
		failsWith(t, withField("Upgrade", "websocket", "websocket"), websocket.DialOptions{})
		for _, v := range []string{"WebSocket", "WEBSOCKET", "  websocket\t"} {
			opensWith(t, withField("Upgrade", v), websocket.DialOptions{})
		}
	})
	requirement("WS-4.1-16", func(t *testing.T) {
		t.Parallel()
		for _, v := range []string{"close", "upgraded", "x-upgrade", "", `"upgrade"`, "keep-alive upgrade"} {
			failsWith(t, withField("Connection", v), websocket.DialOptions{})
		}
		failsWith(t, response("-Connection"), websocket.DialOptions{})
		for _, v := range []string{"upgrade", "keep-alive, Upgrade", ",UPGRADE ,", "close, Upgrade"} {
			opensWith(t, withField("Connection", v), websocket.DialOptions{})
		}
		opensWith(t, withField("Connection", "Upgrade", "close"), websocket.DialOptions{})
		opensWith(t, withField("Connection", "keep-alive", "UPGRADE"), websocket.DialOptions{})
	})
	requirement("WS-4.1-17", testAcceptValue)
	requirement("WS-4.1-18", func(t *testing.T) {
		t.Parallel()
		for _, v := range [][]string{{"ACCEPT", "ACCEPT"}, {"ACCEPT", "bogus"}, {"bogus", "ACCEPT"}, {"ACCEPT", ""}} {
			failsWith(t, withField("Sec-WebSocket-Accept", v...), websocket.DialOptions{})
		}
		failsWith(t, withField("Sec-WebSocket-Accept", "ACCEPT, ACCEPT"), websocket.DialOptions{})
	})
	requirement("WS-4.1-19", func(t *testing.T) {
		t.Parallel()
		// This client offers no extension.
		for _, v := range []string{"x-unknown", "permessage-deflate", "permessage-deflate, x-unknown", "", "permessage-deflate; server_max_window_bits=10"} {
			e := handshakeError(t, failsWith(t, withField("Sec-WebSocket-Extensions", v), websocket.DialOptions{}))
			if e.Status != 101 {
				t.Errorf("%q: %v", v, e)
			}
		}
	})
	requirement("WS-4.1-20", func(t *testing.T) {
		t.Parallel()
		offer := websocket.DialOptions{Subprotocols: []string{"chat"}}
		for _, v := range []string{"other", "Chat", "chat, other", "chat;x=1", "", `"chat"`, "chat,"} {
			failsWith(t, withField("Sec-WebSocket-Protocol", v), offer)
		}
		failsWith(t, withField("Sec-WebSocket-Protocol", "chat", "chat"), offer)
		failsWith(t, withField("Sec-WebSocket-Protocol", "chat", ""), offer)
		failsWith(t, withField("Sec-WebSocket-Protocol", "chat"), websocket.DialOptions{})
		if c := opensWith(t, withField("Sec-WebSocket-Protocol", " chat\t"), offer); c != nil && c.Subprotocol() != "chat" {
			t.Errorf("the subprotocol is %q", c.Subprotocol())
		}
		two := websocket.DialOptions{Subprotocols: []string{"a", "b"}, RequireSubprotocol: true}
		if c := opensWith(t, withField("Sec-WebSocket-Protocol", "b"), two); c != nil && c.Subprotocol() != "b" {
			t.Errorf("the subprotocol is %q", c.Subprotocol())
		}
	})
	requirement("WS-4.1-21", func(t *testing.T) {
		t.Parallel()
		offer := websocket.DialOptions{Subprotocols: []string{"chat"}}
		if c := opensWith(t, response(), offer); c != nil && c.Subprotocol() != "" {
			t.Errorf("the subprotocol is %q", c.Subprotocol())
		}
		offer.RequireSubprotocol = true
		failsWith(t, response(), offer)
	})
	requirement("WS-4.1-22", func(t *testing.T) {
		t.Parallel()
		// In one write, with the 101 cut off, and with more than one buffer's worth.
		for _, early := range []string{"\x81\x02Hi\x89\x01x", "\x89\x01x\x81\x02Hi", strings.Repeat("\x8a\x03abc", 3000) + "\x81\x02Hi\x89\x01x"} {
			s := newScript(t, func(p *scriptPeer) {
				p.say(response() + early)
				if h, payload := p.frame(t); h.Opcode != 0xA || !h.Masked || payload != "x" {
					t.Errorf("the client sent %+v %q", h, payload)
				}
				p.say("\x88\x02\x03\xe8")
				if h, payload := p.frame(t); h.Opcode != 0x8 || payload != "\x03\xe8" {
					t.Errorf("the client sent %+v %q", h, payload)
				}
			})
			c := s.open(t, "ws://ws.test/", websocket.DialOptions{})
			if c == nil {
				continue
			}
			readHi(t, c)
			if _, _, err := c.Read(t.Context()); websocket.CloseCodeOf(err) != websocket.CloseNormal {
				t.Errorf("the end is %v", err)
			}
			s.running.Wait()
		}
	})
	requirement("WS-4.1-23", func(t *testing.T) {
		t.Parallel()
		s := newScript(t, func(p *scriptPeer) {
			p.Conn.(*net.TCPConn).SetNoDelay(true)
			p.dribble("HTTP/1.1 101 \r\nsec-websocket-aCCEPT: ACCEPT\r\nCONNECTION: upgrade\r\nupgrade: WebSocket\r\n\r\n\x81\x02Hi")
			io.Copy(io.Discard, p.br)
		})
		if c := s.open(t, "ws://ws.test/", websocket.DialOptions{}); c != nil {
			readHi(t, c)
			c.CloseNow()
		}
		opensWith(t, response("> HTTP/1.1 101"), websocket.DialOptions{})
		opensWith(t, response("> HTTP/1.1 101 \xff\xfe"), websocket.DialOptions{})
	})
	requirement("WS-4.1-24", func(t *testing.T) {
		t.Parallel()
		opensWith(t, response("+Content-Length: 4"), websocket.DialOptions{})
		opensWith(t, response("+Transfer-Encoding: chunked"), websocket.DialOptions{})
		opensWith(t, response("+Content-Length: 0"), websocket.DialOptions{})
	})
	requirement("WS-4.1-25", func(t *testing.T) {
		t.Parallel()
		folded := "+X-Note: a\r\n Sec-WebSocket-Accept: bogus"
		opensWith(t, response("-Sec-WebSocket-Accept", folded, "+Sec-WebSocket-Accept: ACCEPT"), websocket.DialOptions{})
		failsWith(t, response("-Sec-WebSocket-Accept", "+X-Note: a\r\n Sec-WebSocket-Accept: ACCEPT"), websocket.DialOptions{})
		failsWith(t, response("-Sec-WebSocket-Accept", "+X-Note: a\r\n\tSec-WebSocket-Accept: ACCEPT"), websocket.DialOptions{})
	})
	requirement("WS-4.1-26", func(t *testing.T) {
		t.Parallel()
		endless := func(line string) func(int) string { return func(int) string { return line } }
		for name, next := range map[string]func(i int) string{
			"one long field":          endless(strings.Repeat("a", 1024)),
			"many fields":             func(i int) string { return fmt.Sprintf("X-%d: y\r\n", i) },
			"the same field":          endless("X: y\r\n"),
			"a header without end":    endless("X-A: b\r\n c\r\n"),
			"an endless status line":  endless("a"),
			"folded lines":            endless("\r\n "),
			"endless empty header":    endless("HTTP/1.1 103 \r\n\r\n"),
			"nothing but line breaks": endless("\r\n"),
		} {
			// Over a pipe, each write ends when the client has read it.
			taken := 0
			s := newPipeScript(t, func(p *scriptPeer) {
				text := "HTTP/1.1 101 Switching Protocols\r\nX-Long: "
				if name == "many fields" || name == "the same field" {
					text = "HTTP/1.1 101 Switching Protocols\r\n"
				}
				for i := 0; taken < 4<<20; i++ {
					n, err := io.WriteString(p, text)
					taken += n
					if err != nil {
						return
					}
					text = next(i)
				}
			})
			s.fail(t, "ws://ws.test/", websocket.DialOptions{})
			s.running.Wait()
			if taken > 64<<10 {
				t.Errorf("%s: the client read %d octets", name, taken)
			}
		}
		opensWith(t, response("+X-Long: "+strings.Repeat("a", 60<<10)), websocket.DialOptions{})
	})
	requirement("WS-4.1-27", func(t *testing.T) {
		t.Parallel()
		for _, answer := range []string{
			"SSH-2.0-x\r\n", "\x15\x03\x01\x00\x02\x02\x28", response("> HTTP/1.0 101 Switching Protocols"), response("> HTTP/2 101 Switching Protocols"),
			response("> HTTP/2.0 101 Switching Protocols"), response("> HTTP/1.1 0101 Switching Protocols"), response("> HTTP/1.1 1 01"), "\r\n", "\x00\x00\x00\x00", "HTTP/1.1 \r\n\r\n",
			response("> http/1.1 101 Switching Protocols"), response("> HTTP/1.1 -101 x"), response("> ICY 101 OK"), "101\r\n\r\n",
		} {
			s := newScript(t, func(p *scriptPeer) {
				p.say(answer)
				p.Conn.(*net.TCPConn).CloseWrite()
				p.silence(t)
			})
			s.fail(t, "ws://ws.test/", websocket.DialOptions{})
			s.running.Wait()
		}
		// At once, although no line of it ends, nor the connection.
		for _, answer := range []string{"S", "\x15\x03\x01\x00\x02\x02\x28", "HTTPS", "http/1.1 101", "\r"} {
			synctest.Test(t, func(t *testing.T) {
				s := newPipeScript(t, func(p *scriptPeer) {
					p.say(answer)
					p.silence(t)
				})
				begin := time.Now()
				err := s.fail(t, "ws://ws.test/", websocket.DialOptions{})
				if spent := time.Since(begin); spent != 0 || !strings.Contains(err.Error(), "does not speak HTTP") {
					t.Errorf("%q: after %v: %v", answer, spent, err)
				}
				s.running.Wait()
			})
		}
		for name, end := range map[string]func(nc *net.TCPConn){
			"FIN": func(nc *net.TCPConn) { nc.Close() },
			"RST": func(nc *net.TCPConn) { nc.SetLinger(0); nc.Close() },
		} {
			for _, before := range []string{"", "HTTP/1.1 101 Swi", strings.TrimSuffix(response(), "\r\n")} {
				s := newScript(t, func(p *scriptPeer) {
					p.say(before)
					end(p.Conn.(*net.TCPConn))
				})
				if err := s.fail(t, "ws://ws.test/", websocket.DialOptions{}); err == io.EOF {
					t.Errorf("%s after %q", name, before)
				}
			}
		}
		// What the server says does not reach a terminal as it is.
		for _, answer := range []string{
			"HTTP/1.1 400 \x1b]0;x\x07\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 101 x\r\n\x1b]0;x\x07\r\n\r\n", "\x1b]0;x\x07\r\n\r\n",
			withField("Sec-WebSocket-Protocol", "\x1b]0;x\x07"), withField("Sec-WebSocket-Protocol", "\u009b31m"), "HTTP/1.1 101 x\r\nX" + strings.Repeat("y", 5000) + "\r\n\r\n",
		} {
			err := failsWith(t, answer, websocket.DialOptions{})
			if s := err.Error(); len(s) > 1000 || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' && r != '§' }) {
				t.Errorf("%.100q: the error is %q", answer, s)
			}
		}
	})
	requirement("WS-4.4-06", func(t *testing.T) {
		t.Parallel()
		for answer, want := range map[string][]int{
			"HTTP/1.1 426 Upgrade Required\r\nSec-WebSocket-Version: 8\r\nSec-WebSocket-Version: 7, 0\r\nContent-Length: 0\r\n\r\n": {8, 7, 0},
			"HTTP/1.1 400 Bad Request\r\nSec-WebSocket-Version: 13, 8\r\nContent-Length: 0\r\n\r\n":                                 {13, 8},
			"HTTP/1.1 400 Bad Request\r\nSec-WebSocket-Version: x, 256, -1, ,  13 \r\nContent-Length: 0\r\n\r\n":                    {13},
			"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n":                                                                 nil,
		} {
			s := answering(t, answer)
			e := handshakeError(t, s.fail(t, "ws://ws.test/", websocket.DialOptions{}))
			if !slices.Equal(e.Versions, want) {
				t.Errorf("%q: %v, want %v", answer, e.Versions, want)
			}
			if tries := len(s.asked()); tries != 1 {
				t.Errorf("%q: %d attempts", answer, tries)
			}
		}
	})
}

func testAcceptValue(t *testing.T) {
	t.Parallel()
	for _, v := range []string{"ACCEPT", "  ACCEPT \t", "\tACCEPT"} {
		opensWith(t, withField("Sec-WebSocket-Accept", v), websocket.DialOptions{})
	}
	failsWith(t, response("-Sec-WebSocket-Accept"), websocket.DialOptions{})
	for name, wrong := range wrongAccepts {
		s := newScript(t, func(p *scriptPeer) {
			p.say(withField("Sec-WebSocket-Accept", wrong(p.key)))
			p.silence(t)
		})
		if err := s.fail(t, "ws://ws.test/", websocket.DialOptions{}); err == io.EOF {
			t.Errorf("%s was accepted", name)
		}
		s.running.Wait()
	}
}
