package websocket_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openline/openline/websocket"
)

// Security considerations: RFC 6455 §10.

func init() {
	requirement("WS-10.2-01", func(t *testing.T) {
		t.Parallel()
		for _, plain := range []bool{false, true} {
			s := newStack(t, stackOptions{plain: plain})
			s.forbidden(t, change("+Origin: http://evil.test"))
			s = newStack(t, stackOptions{plain: plain, accept: &websocket.AcceptOptions{Origins: []string{"http://evil.test"}}})
			s.opens(t, change("+Origin: http://evil.test"))
			s.forbidden(t, change("+Origin: http://worse.test"))
		}
	})
	requirement("WS-10.2-02", func(t *testing.T) {
		t.Parallel()
		for _, plain := range []bool{false, true} {
			s := newStack(t, stackOptions{plain: plain})
			for _, origin := range []string{
				"null", "http://ws.test:9001.evil.test", "http://evilws.test:9001", "http://ws.test:9002", "https://ws.test:9001", "http://ws.test:9001@evil.test", "http://ws.test:9001/",
				"//ws.test:9001", "", "http://ws.test:9001\r\nOrigin: http://ws.test:9001", "http://ws.test:9001\r\nOrigin: http://evil.test", "http://ws.test:9001, http://evil.test",
			} {
				s.forbidden(t, change("-Origin", "+Origin: "+origin))
			}
			s.opens(t, change("+Origin: http://ws.test:9001"))
			s.opens(t, change("+Origin: http://WS.TEST:9001"))
			s.opens(t, change("Host: ws.test", "+Origin: http://ws.test"))
			s.opens(t, change("Host: ws.test:80", "+Origin: http://ws.test"))
			s.forbidden(t, change("+Origin: http://ws.test"))
		}
	})
	requirement("WS-10.2-03", func(t *testing.T) {
		t.Parallel()
		for _, plain := range []bool{false, true} {
			newStack(t, stackOptions{plain: plain}).opens(t, baseRequest)
			newStack(t, stackOptions{plain: plain, accept: &websocket.AcceptOptions{Origins: []string{"https://a.test"}}}).opens(t, baseRequest)
		}
	})
	requirement("WS-10.2-04", func(t *testing.T) {
		t.Parallel()
		for _, plain := range []bool{false, true} {
			s := newStack(t, stackOptions{plain: plain})
			absolute := "> GET http://ws.test:9001/echo HTTP/1.1"
			s.forbidden(t, change(absolute, "Host: evil.test", "+Origin: http://evil.test"))
			s.opens(t, change(absolute, "Host: evil.test", "+Origin: http://ws.test:9001"))
			for _, field := range []string{"X-Forwarded-Host: evil.test", "X-Forwarded-Proto: https", "Forwarded: host=evil.test", "X-Original-Host: evil.test", "X-Host: evil.test"} {
				s.forbidden(t, change("+"+field, "+Origin: http://evil.test"))
			}
			s.forbidden(t, change("+X-Forwarded-Proto: https", "+Origin: https://ws.test:9001"))
		}
	})
	requirement("WS-10.4-01", testMessageLimit)
	requirement("WS-10.4-02", testStuckConnections)
	requirement("WS-10.4-03", testLimits)
	requirement("WS-10.5-01", testExpiry)
	requirement("WS-10.6-01", testTLSVersions)
	requirement("WS-10.7-01", testBitFlips)
	requirement("WS-10.7-02", testLogs)
}

// forbidden checks that a request is refused with 403, with the guard or
// without.
func (s *stack) forbidden(t *testing.T, request string) {
	t.Helper()
	list, rest := s.exchange(t, request, 1<<20)
	if len(list) != 1 || list[0].StatusCode != 403 || rest != "" || !list[0].Close {
		t.Errorf("%q: %d, want 403: %s", request, statuses(list), bodies(list))
	}
}

// testMessageLimit: 1 MiB is the default, for both ends.
func testMessageLimit(t *testing.T) {
	t.Parallel()
	const limit = 1 << 20
	for _, client := range ends {
		t.Run(endName(client), func(t *testing.T) {
			b := newBench(t, echoing, websocket.ConnOptions{})
			data := make([]byte, limit+1)
			e := b.open(client)
			e.SendFrame(true, 2, data[:limit])
			e.ExpectMessage(websocket.Binary, data[:limit])
			e.SendFrame(false, 2, data[:limit-10])
			e.SendFrame(true, 0, data[:10])
			e.ExpectMessage(websocket.Binary, data[:limit])
			e.SendFrame(false, 2, data[:limit-10])
			e.SendFrame(true, 0, data[:11])
			e.ExpectClose(websocket.CloseMessageTooBig)
			e = b.open(client)
			// The header alone is enough: nothing is waited for, nothing reserved.
			if client {
				e.Send("82 7f 00 00 00 00 00 10 00 01")
			} else {
				e.Send("82 ff 00 00 00 00 00 10 00 01 12 34 56 78")
			}
			e.ExpectClose(websocket.CloseMessageTooBig)
			e.expectErr(t, websocket.CloseMessageTooBig, false)
		})
	}
}

// testExpiry: a program that knows when a session ends closes its connection
// then, and what the peer sends later is not processed.
func testExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const expiry = time.Minute
		var processed []string
		l := newPipeListener()
		srv := &http.Server{}
		ended := make(chan struct{})
		h := websocket.Handle(func(ctx context.Context, c *websocket.Conn) {
			defer close(ended)
			session, cancel := context.WithTimeout(ctx, expiry)
			defer cancel()
			for {
				_, msg, err := c.Read(session)
				if err != nil {
					break
				}
				processed = append(processed, string(msg))
			}
			if session.Err() != nil {
				_ = c.Close(websocket.ClosePolicyViolation, "the session has expired")
			}
		}, &websocket.AcceptOptions{ConnOptions: websocket.ConnOptions{PingInterval: -1}})
		srv.Handler = h
		var serving sync.WaitGroup
		serving.Go(func() { _ = srv.Serve(l) })
		nc := l.dial()
		br := bufio.NewReader(nc)
		if _, err := io.WriteString(nc, baseRequest); err != nil {
			t.Fatal(err)
		}
		if resp, err := http.ReadResponse(br, nil); err != nil || resp.StatusCode != 101 {
			t.Fatal(resp, err)
		}
		begin := time.Now()
		if _, err := io.WriteString(nc, sayHi); err != nil {
			t.Fatal(err)
		}
		want := "\x88\x19\x03\xf0the session has expired"
		if got := take(br, len(want)); got != want || time.Since(begin) != expiry {
			t.Errorf("after %v came %s", time.Since(begin), frames(got))
		}
		go io.WriteString(nc, sayHi+sayHi+sayBye)
		<-ended
		if strings.Join(processed, " ") != "Hi" {
			t.Errorf("processed %q", processed)
		}
		nc.Close()
		srv.Close()
		serving.Wait()
		if err := h.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func testTLSVersions(t *testing.T) {
	t.Parallel()
	old := func(c *tls.Config) *tls.Config {
		c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
		return c
	}
	t.Run("server", func(t *testing.T) {
		for _, plain := range []bool{false, true} {
			s := newStack(t, stackOptions{plain: plain, tls: serverTLS("ws.test")})
			if nc, err := tls.Dial("tcp", s.addr, old(clientTLS())); err == nil {
				nc.Close()
				t.Error("TLS 1.1 was accepted")
			}
			for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
				config := clientTLS()
				config.MinVersion, config.MaxVersion, config.ServerName = version, version, "ws.test"
				nc, err := tls.Dial("tcp", s.addr, config)
				if err != nil {
					t.Error(err)
					continue
				}
				nc.SetDeadline(time.Now().Add(patience))
				io.WriteString(nc, change("+Origin: https://ws.test:9001")+hiAndBye)
				out, err := io.ReadAll(nc)
				list, rest, _ := parseAnswers(out)
				if err != nil || len(list) != 1 || list[0].StatusCode != 101 || rest != echoHi+echoBye {
					t.Errorf("guard %v, %s: %d, then %s, %v", !plain, tls.VersionName(version), statuses(list), frames(rest), err)
				}
				nc.Close()
			}
			// Nothing is spoken without TLS on that port, but for the advice.
			nc := s.dialRaw(t)
			io.WriteString(nc, baseRequest)
			out, _ := io.ReadAll(nc) // net/http's answer may end in a reset
			if strings.Contains(string(out), " 101 ") || !strings.HasPrefix(string(out), "HTTP/1.") {
				t.Errorf("guard %v: in plain text came %q", !plain, out)
			}
		}
	})
	t.Run("client", func(t *testing.T) {
		s := newScript(t, func(p *scriptPeer) { t.Errorf("the server heard %q", p.head) })
		s.tls = old(serverTLS("ws.test"))
		s.fail(t, "wss://ws.test/", websocket.DialOptions{TLSConfig: clientTLS()})
		s.running.Wait()
		if tries := len(s.asked()); tries != 1 {
			t.Errorf("%d attempts", tries)
		}
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			s := newScript(t, func(p *scriptPeer) {
				p.say(response() + "\x81\x02Hi")
				io.Copy(io.Discard, p.br)
			})
			s.tls = serverTLS("ws.test")
			s.tls.MinVersion, s.tls.MaxVersion = version, version
			if c := s.open(t, "wss://ws.test/", websocket.DialOptions{TLSConfig: clientTLS()}); c != nil {
				readHi(t, c)
				c.CloseNow()
			}
		}
		// A server that does not speak TLS gets no request in plain text.
		plain := newScript(t, nil)
		plain.raw = func(nc net.Conn) {
			first := take(nc, 1)
			if first != "\x16" {
				t.Errorf("the server heard %q", first)
			}
			io.WriteString(nc, "HTTP/1.1 400 Bad Request\r\n\r\n")
		}
		plain.fail(t, "wss://ws.test/", websocket.DialOptions{TLSConfig: clientTLS()})
	})
}

// testLogs: what is logged names peer, origin and code, and holds no query, no
// payload, no raw control octet.
func testLogs(t *testing.T) {
	t.Parallel()
	const secret = "sesame-4711"
	for _, plain := range []bool{false, true} {
		s := newStack(t, stackOptions{plain: plain, accept: &websocket.AcceptOptions{Subprotocols: []string{"chat"}}})
		target := "> GET /echo?token=" + secret + " HTTP/1.1"
		secrets := []string{target, "+Authorization: Bearer " + secret, "+Cookie: id=" + secret, "+User-Agent: \\x1b]0;x", "+Referer: http://a/?token=" + secret}
		request := func(changes ...string) string { return change(append(secrets, changes...)...) }
		for _, in := range []string{
			request("+Origin: http://evil.test"),
			request("Sec-WebSocket-Version: 1"),
			request("-Upgrade"),
			request("-Connection"),
			request("Sec-WebSocket-Key: " + secret),
			request("+Sec-WebSocket-Protocol: bearer." + secret + ";"),
			request("+Sec-WebSocket-Extensions: " + secret + ";"),
			request("> GET /echo%1b%5d0%3bx%07?token=" + secret + " HTTP/1.1"),
			request("> POST /echo?token=" + secret + " HTTP/1.1"),
			request("+Origin: http://ws.test:9001", "+Sec-WebSocket-Protocol: bearer."+secret) + hiAndBye, // with a warning
			request() + sayHi + "\x81\x05hello",                                                           // unmasked: 1002
			request() + "\x81\x82\x12\x34\x56\x78\xed\xcb",                                                // not UTF-8: 1007
			request() + "\xc1\x8b\x00\x00\x00\x00" + secret,                                               // RSV1, with the secret as payload
			request() + "\x88\x8d\x00\x00\x00\x00\x0f\xa0" + secret,                                       // a close reason
			request("+User-Agent: \x1b]0;x") + secret,                                                     // refused by the guard, and by net/http
			request("Host: " + secret + "/"),                                                              // likewise by the guard
			request("> GET /echo?token=" + secret + "\x1b]0;x HTTP/1.1"),                                  // likewise
		} {
			nc := s.dialRaw(t)
			io.WriteString(nc, in)
			nc.CloseWrite()
			io.Copy(io.Discard, nc)
			nc.Close()
		}
		s.shutdown(t) // so that all has been logged
		log := s.log.String()
		if strings.Contains(log, secret) {
			t.Errorf("guard %v: the log has the secret:\n%s", !plain, log)
		}
		if strings.ContainsFunc(log, func(r rune) bool { return r != '\n' && (r < ' ' || r > '~' && r != '§') }) {
			t.Errorf("guard %v: the log has octets that are not printable: %q", !plain, log)
		}
		for _, want := range []string{
			"peer=127.0.0.1:", "origin=http://evil.test", "status=403", "status=426", "status=400", "status=405", "code=1002", "code=1007", "path=/echo",
		} {
			if !strings.Contains(log, want) {
				t.Errorf("guard %v: the log lacks %q:\n%s", !plain, want, log)
			}
		}
	}
	// Nor do the client's errors give the query away.
	url := "ws://ws.test/?token=" + secret
	o := websocket.DialOptions{Header: http.Header{"Authorization": {"Bearer " + secret}}, Subprotocols: []string{"bearer." + secret}}
	for _, answer := range []string{"", "x", "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", response("-Upgrade"), withField("Sec-WebSocket-Protocol", "other"), "HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n"} {
		s := newScript(t, func(p *scriptPeer) { p.say(answer) })
		o.MaxRedirects = 1
		if err := s.fail(t, url, o); strings.Contains(fmt.Sprint(err), secret) {
			t.Errorf("%q: the error is %v", answer, err)
		}
	}
}
