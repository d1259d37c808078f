package conformance

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// playOne plays one case, given as text, with a client.
func playOne(t *testing.T, text string, o *Options, client func(ctx context.Context, url string) error) Result {
	t.Helper()
	l := library{groups: map[string]*Group{}}
	if err := l.parse("test.txt", "group T-1 RFC 0 §0\nitem T-1-01 client MUST\nrule None.\ncase a case\n"+text); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	r := newRun(o, ClientActor)
	r.features = []string{"all"}
	r.client = &clientRun{start: client}
	if err := r.writeCA(); err != nil {
		t.Fatal(err)
	}
	return r.one(t.Context(), l.groups["T-1"].Items[0].Cases[0])
}

// browser is a client of the standard library that makes one opening request, as
// change has it, and says what it was answered. The header of an answer that
// opens the connection is all that it reads.
func browser(change func(*http.Request), roots *x509.CertPool) func(context.Context, string) error {
	return func(ctx context.Context, address string) error {
		u, err := url.Parse(strings.NewReplacer("ws://", "http://", "wss://", "https://").Replace(address))
		if err != nil {
			return err
		}
		req := &http.Request{Method: http.MethodGet, URL: u, Header: http.Header{
			"Upgrade": {"websocket"}, "Connection": {"Upgrade"}, "Sec-Websocket-Key": {baseKey}, "Sec-Websocket-Version": {"13"},
		}}
		if change != nil {
			change(req)
		}
		t := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, DisableKeepAlives: true}
		defer t.CloseIdleConnections()
		resp, err := t.RoundTrip(req.WithContext(ctx))
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusSwitchingProtocols {
			return fmt.Errorf("refused with %s", resp.Status)
		}
		return nil
	}
}

// pongs opens the connection whatever the answer is, and answers a Ping.
func pongs(ctx context.Context, address string) error {
	u, err := url.Parse(address)
	if err != nil {
		return err
	}
	nc, err := new(net.Dialer).DialContext(ctx, "tcp", u.Host)
	if err != nil {
		return err
	}
	defer nc.Close()
	defer context.AfterFunc(ctx, func() { nc.Close() })()
	fmt.Fprintf(nc, "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: %s\r\nSec-WebSocket-Version: 13\r\n\r\n",
		u.RequestURI(), u.Host, baseKey)
	br := bufio.NewReader(nc)
	for {
		line, err := br.ReadString('\n')
		if err != nil {
			return err
		}
		if line == "\r\n" {
			break
		}
	}
	ping := make([]byte, 7)
	if _, err := io.ReadFull(br, ping); err != nil {
		return err
	}
	f := frameSpec{opcode: opPong, fin: true, payload: ping[2:], times: 1}
	if _, err := nc.Write(f.append(nil, true)); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, br)
	return err
}

func never(context.Context, string) error { return nil }

// TestClientSteps has steps about clients pass with one that is right and fail
// with one that is not.
func TestClientSteps(t *testing.T) {
	set := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	plain := browser(nil, nil)
	const opening = "GET /echo HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: " + baseKey + "\r\nSec-WebSocket-Version: 13\r\n\r\n"
	patient := func(ctx context.Context, u string) error { return says(ctx, u, opening, math.MaxInt64) }
	hurried := func(ctx context.Context, u string) error { return says(ctx, u, opening, 1) }
	for _, c := range []struct {
		text        string
		right       func(context.Context, string) error
		wrong       func(context.Context, string) error
		explanation string
	}{
		{"< request", plain, browser(set("Sec-WebSocket-Version", "8"), nil), `Sec-WebSocket-Version: "8"`},
		{"< request\n< line GET {path} HTTP/1.1", plain, func(ctx context.Context, u string) error { return plain(ctx, u+"x") }, "GET /echox HTTP/1.1"},
		{"< request or no connection\n< line GET /echo HTTP/1.1", plain, browser(set("Upgrade", "h2c"), nil), "Upgrade"},
		{"< request or no connection\n< line GET /x HTTP/1.1", never, plain, "GET /echo HTTP/1.1"},
		{"< no connection", never, plain, "the client connected"},
		{"< no connection ~request", plain, browser(set("Upgrade", "h2c"), nil), "Upgrade"},
		{"< request\n< first field Host", plain, func(ctx context.Context, u string) error {
			return says(ctx, u, "GET /echo HTTP/1.1\r\nUpgrade: websocket\r\nHost: h\r\nConnection: Upgrade\r\nSec-WebSocket-Key: "+baseKey+"\r\nSec-WebSocket-Version: 13\r\n\r\n", math.MaxInt64)
		}, "in front of it"},
		{"< request\n< list Sec-WebSocket-Protocol: a, b", browser(set("Sec-WebSocket-Protocol", "a,b"), nil), browser(set("Sec-WebSocket-Protocol", "b, a"), nil), `got ["b" "a"]`},
		{"< request\n> response\n< opened", pongs, plain, "end of the stream"},
		{"< request\n> response\n< opened or dial-error\n< line x", plain, pongs, "GET /echo"},
		{"< request\n> response\n< opened ~dial-error", plain, browser(set("Upgrade", "h2c"), nil), "Upgrade"},
		{"< request\n> response\n| line HTTP/1.1 400 No\n| add Content-Length: 0\n< dial-error", plain, pongs, "took the connection for open"},
		{"< request\n> response\n| line HTTP/1.1 400 No\n| add Content-Length: 0\n< gives up\n< ended", plain, func(ctx context.Context, u string) error {
			_ = plain(ctx, u)
			return plain(ctx, u)
		}, "connects again"},
		{"< request\n> response always\n| line HTTP/1.1 400 No\n| add Content-Length: 0\n< ended\n< connections 1..2", plain, func(ctx context.Context, u string) error {
			return thrice(ctx, u, plain)
		}, "3 connections"},
		{"< request\n> raw \"HTTP/1.1 \"\n< within 1s gives up", hurried, patient, "goes on waiting"},
		{"< request\n> raw \"HTTP/1.1 200 Yes\\r\\n\"\nendless \"X: y\\r\\n\"\n< gives up", hurried, patient, "goes on waiting"},
		{"< connect ws.test:80", func(ctx context.Context, u string) error {
			return says(ctx, u, "CONNECT ws.test:80 HTTP/1.1\r\nHost: ws.test:80\r\n\r\n", math.MaxInt64)
		}, func(ctx context.Context, u string) error {
			return says(ctx, u, "CONNECT ws.test:80 HTTP/1.1\r\nHost: ws.test\r\n\r\n", math.MaxInt64)
		}, `Host: ["ws.test"]`},
		{"< request\n> response\n| line HTTP/1.1 302 Found\n| add Content-Length: 0\n< redial\n< fresh keys", func(ctx context.Context, u string) error {
			_ = plain(ctx, u)
			return browser(set("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="), nil)(ctx, u)
		}, func(ctx context.Context, u string) error {
			_ = plain(ctx, u)
			return plain(ctx, u)
		}, "comes twice"},
		{"needs refusal\n< request\n> response\n| line HTTP/1.1 401 No\n| add Content-Length: 0\n< refusal 401\n< refusal body 1..3", func(ctx context.Context, u string) error {
			_ = plain(ctx, u)
			return get(ctx, u, "/seen?status=401&body=3")
		}, func(ctx context.Context, u string) error {
			_ = plain(ctx, u)
			return get(ctx, u, "/seen?status=401&body=4")
		}, `"4" octets`},
	} {
		if r := playOne(t, c.text, nil, c.right); r.Verdict != Passed {
			t.Errorf("right: %v %s in\n%s", r.Verdict, r.Reason, c.text)
		}
		if r := playOne(t, c.text, &Options{Patience: 0.3}, c.wrong); r.Verdict != Failed || !strings.Contains(r.Reason, c.explanation) {
			t.Errorf("wrong: %v %s, want %q in\n%s", r.Verdict, r.Reason, c.explanation, c.text)
		}
	}
}

func thrice(ctx context.Context, u string, f func(context.Context, string) error) error {
	for range 3 {
		_ = f(ctx, u)
	}
	return nil
}

// says sends a text and reads so many octets, or until the connection or ctx
// ends.
func says(ctx context.Context, address, text string, most int64) error {
	u, err := url.Parse(address)
	if err != nil {
		return err
	}
	nc, err := new(net.Dialer).DialContext(ctx, "tcp", u.Host)
	if err != nil {
		return err
	}
	defer nc.Close()
	defer context.AfterFunc(ctx, func() { nc.Close() })()
	if _, err := io.WriteString(nc, text); err != nil {
		return err
	}
	_, err = io.CopyN(io.Discard, nc, most)
	return err
}

func get(ctx context.Context, address, path string) error {
	u, err := url.Parse(address)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+u.Host+path, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

// TestClientTLS has a client of the standard library meet the certificates.
func TestClientTLS(t *testing.T) {
	ca := filepath.Join(t.TempDir(), "ca.pem")
	o := &Options{CAFile: ca, Within: time.Second}
	trusting := func(ctx context.Context, u string) error {
		roots, err := readRoots(ca)
		if err != nil {
			return err
		}
		return browser(nil, roots)(ctx, u)
	}
	careless := func(ctx context.Context, u string) error {
		a, err := url.Parse(u)
		if err != nil {
			return err
		}
		nc, err := tls.Dial("tcp", a.Host, &tls.Config{InsecureSkipVerify: true, ServerName: "wrong.test", NextProtos: []string{"h2"}})
		if err != nil {
			return err
		}
		defer nc.Close()
		fmt.Fprintf(nc, "GET /echo HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: %s\r\nSec-WebSocket-Version: 13\r\n\r\n", baseKey)
		_, err = io.Copy(io.Discard, nc)
		return err
	}
	over := func(ctx context.Context, u string) error { // does not speak TLS at all
		return says(ctx, u, "GET / HTTP/1.1\r\n\r\n", math.MaxInt64)
	}
	for _, c := range []struct {
		text    string
		client  func(context.Context, string) error
		verdict Verdict
		reason  string
	}{
		{"tls valid\ndial wss://localhost:{port}/echo\n< request\n< sni localhost\n< alpn none", trusting, Passed, ""},
		{"tls valid\ndial wss://localhost:{port}/echo\n< request\n< sni localhost", careless, Failed, "wrong.test"},
		{"tls valid\ndial wss://localhost:{port}/echo\n< request\n< alpn none | http/1.1", careless, Failed, "offers h2"},
		{"tls other-name\ndial wss://localhost:{port}/echo\n< tls-error", trusting, Passed, ""},
		{"tls expired\ndial wss://localhost:{port}/echo\n< tls-error", trusting, Passed, ""},
		{"tls unknown-issuer\ndial wss://localhost:{port}/echo\n< tls-error", trusting, Passed, ""},
		{"tls valid max 1.1\ndial wss://localhost:{port}/echo\n< tls-error", trusting, Passed, ""},
		{"tls valid max 1.0\ndial wss://localhost:{port}/echo\n< tls-error", trusting, Passed, ""},
		{"tls valid\ndial wss://localhost:{port}/echo\n< tls-error", trusting, Failed, "went on"},
		{"tls expired\ndial wss://localhost:{port}/echo\n< tls-error", careless, Failed, "went on"},
		{"tls expired\ndial wss://localhost:{port}/echo\n< tls-error", over, Failed, "does not speak TLS"},
		{"tls silent\ndial wss://localhost:{port}/echo\n< within 300ms tls-error", trusting, Failed, "neither gave up"},
		{"tls silent\ndial wss://localhost:{port}/echo\n< within 300ms tls-error", over, Failed, ""},
	} {
		if r := playOne(t, c.text, o, c.client); r.Verdict != c.verdict || !strings.Contains(r.Reason, c.reason) {
			t.Errorf("%v %s, want %v %s in\n%s", r.Verdict, r.Reason, c.verdict, c.reason, c.text)
		}
	}
}

// TestClientTunnel has TLS spoken inside what a proxy opened.
func TestClientTunnel(t *testing.T) {
	ca := filepath.Join(t.TempDir(), "ca.pem")
	text := "dial ws://{addr}/\n< connect ws.test:443\n> raw \"HTTP/1.1 200 Yes\\r\\n\\r\\n\"\ntls valid\n< request\n< sni ws.test\n< field Host: ws.test"
	r := playOne(t, text, &Options{CAFile: ca}, func(ctx context.Context, u string) error {
		proxy, err := url.Parse(strings.Replace(u, "ws://", "http://", 1))
		if err != nil {
			return err
		}
		roots, err := readRoots(ca)
		if err != nil {
			return err
		}
		tr := &http.Transport{Proxy: http.ProxyURL(proxy), TLSClientConfig: &tls.Config{RootCAs: roots}}
		defer tr.CloseIdleConnections()
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://ws.test/", nil)
		if err != nil {
			return err
		}
		req.Header = http.Header{"Upgrade": {"websocket"}, "Connection": {"Upgrade"}, "Sec-Websocket-Key": {baseKey}, "Sec-Websocket-Version": {"13"}}
		_, err = tr.RoundTrip(req)
		return err
	})
	if r.Verdict != Passed {
		t.Errorf("%v %s", r.Verdict, r.Reason)
	}
}

// TestFixedPort has cases that need the same port wait for each other.
func TestFixedPort(t *testing.T) {
	probe, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	where := probe.Addr().String()
	_ = probe.Close()
	var now, most atomic.Int32
	for range 4 {
		t.Run("", func(t *testing.T) {
			t.Parallel()
			r := playOne(t, "listen "+where+"\ndial ws://"+where+"/\n< request", nil, func(ctx context.Context, u string) error {
				most.Store(max(most.Load(), now.Add(1)))
				defer now.Add(-1)
				return browser(nil, nil)(ctx, u)
			})
			if r.Verdict != Passed || most.Load() > 1 {
				t.Errorf("%v %s, %d at the same time", r.Verdict, r.Reason, most.Load())
			}
		})
	}
}

// TestNowhereToListen skips what this machine has not.
func TestNowhereToListen(t *testing.T) {
	r := playOne(t, "listen 203.0.113.1\ndial ws://{addr}/\n< request", nil, never)
	if r.Verdict != Skipped || !strings.Contains(r.Reason, "nothing can listen at 203.0.113.1:0: ") {
		t.Errorf("%v %s", r.Verdict, r.Reason)
	}
}
