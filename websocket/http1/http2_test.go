package http1

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"testing"
)

// startHTTP2 starts a server that offers HTTP/2 and HTTP/1.1, and returns a client's half of the TLS configuration.
func startHTTP2(t *testing.T, o *Options, h http.Handler) (*testServer, *tls.Config) {
	t.Helper()
	server, client := testTLS(t)
	server.NextProtos = []string{"h2", "http/1.1"}
	l, err := tls.Listen("tcp", "127.0.0.1:0", server)
	if err != nil {
		t.Fatal(err)
	}
	s := &testServer{addr: l.Addr().String(), h: h}
	s.start(t, l, o)
	return s, client
}

// client2 speaks HTTP/2, whatever host it is to ask for.
func client2(t *testing.T, s *testServer, c *tls.Config) *http.Client {
	t.Helper()
	tr := &http.Transport{
		TLSClientConfig:   c,
		ForceAttemptHTTP2: true,
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, s.addr)
		},
	}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr}
}

// fetch returns the answer, whose body is read, and whether the connection was one that had been there.
func fetch(t *testing.T, c *http.Client, r *http.Request) (res *http.Response, body string, reused bool) {
	t.Helper()
	r = r.WithContext(httptrace.WithClientTrace(r.Context(), &httptrace.ClientTrace{GotConn: func(i httptrace.GotConnInfo) { reused = i.Reused }}))
	res, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(b), reused
}

func get(t *testing.T, target string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, target, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// One listener has both: what each connection speaks is agreed on in its handshake.
func TestHTTP2(t *testing.T) {
	var s *testServer
	s, c := startHTTP2(t, &Options{Hosts: []string{"ws.test"}, HostsHint: "Ask the test."}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.TLS == nil || !r.TLS.HandshakeComplete {
			t.Errorf("Request.TLS is %+v", r.TLS)
		}
		if r.URL.Path == "/version" {
			io.WriteString(w, r.Proto)
			return
		}
		s.ServeHTTP(w, r)
	}))
	two := client2(t, s, c)
	if _, body, _ := fetch(t, two, get(t, "https://ws.test/version")); body != "HTTP/2.0" {
		t.Errorf("over %s", body)
	}

	// A refusal leaves the connection to the requests beside it.
	r := get(t, "https://ws.test/version")
	r.Host = "evil.test"
	res, body, reused := fetch(t, two, r)
	if res.StatusCode != 421 || !strings.Contains(body, `"evil.test"`) || !strings.Contains(body, "Ask the test.") || !reused {
		t.Errorf("%d %s on a connection that is known: %v", res.StatusCode, body, reused)
	}
	if len(res.Header["Connection"]) > 0 || res.Header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("fields %v", res.Header)
	}
	if res, _, reused := fetch(t, two, get(t, "https://ws.test/version")); res.StatusCode != 200 || !reused {
		t.Errorf("%d on a connection that is known: %v", res.StatusCode, reused)
	}
	if !strings.Contains(s.log.String(), `status=421 reason="unknown host"`) {
		t.Errorf("log:\n%s", &s.log)
	}

	one := c.Clone()
	one.NextProtos = []string{"http/1.1"}
	nc := tls.Client(s.dial(t), one)
	io.WriteString(nc, baseRequest+"frames")
	nc.CloseWrite()
	out, err := io.ReadAll(nc)
	if list, raw := answers(t, out); err != nil || len(list) != 1 || raw != "frames" {
		t.Errorf("answers %v, then %q, %v", statuses(list), raw, err)
	}
}

// The rules for requests over HTTP/2. What net/http refuses itself is not here.
func TestHTTP2Rules(t *testing.T) {
	cfg, err := (&Options{Hosts: []string{"a.test", "127.0.0.1", "::1"}, Logger: discard}).resolve()
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		method, authority, path string
		header                  http.Header
		length                  int64
		want                    *refusal // but for unknown hosts
		status                  int
	}{
		{authority: "a.test", path: "/"},
		{authority: "A.test.:8443", path: "/?x=|{y}&%41"},
		{authority: "[::1]:8443", path: "/"},
		{authority: "a.test", path: "/", header: http.Header{"Host": {"A.test"}}},
		{authority: "a.test", path: "/", header: http.Header{"Content-Length": {"05"}}, length: 5},
		{authority: "a.test", path: "/", header: http.Header{"Content-Length": {"0"}}},
		{method: "OPTIONS", authority: "a.test", path: "*"},
		{method: "CONNECT", authority: "a.test:443", path: "a.test:443"},

		{authority: "b.test", path: "/", status: 421},
		{authority: "127.0.0.2", path: "/", status: 421},
		{authority: "", path: "/", want: errNoAuthority},
		{authority: "a b", path: "/", want: errAuthority2},
		{authority: "a.test:x", path: "/", want: errAuthority2},
		{authority: "u@a.test", path: "/", want: errAuthority2},
		{authority: "a.test/x", path: "/", want: errAuthority2},
		{authority: "a.test", path: "/", header: http.Header{"Host": {"b.test"}}, want: errTwoAuthorities},
		{authority: "a.test", path: "/", header: http.Header{"Host": {"a.test", "b.test"}}, want: errTwoAuthorities},
		{authority: "a.test", path: "http://a.test/", want: errPathForm},
		{authority: "a.test", path: "*", want: errAsterisk},
		{authority: "a.test", path: "/a b", want: errPathOctet},
		{authority: "a.test", path: "/é", want: errPathOctet},
		{authority: "a.test", path: "/#x", want: errFragment},
		{authority: "a.test", path: "/?%4", want: errEscape},
		{authority: "a.test", path: "/", header: http.Header{"Content-Length": {"5", "5"}}, length: 5, want: errLength2},
		{authority: "a.test", path: "/", header: http.Header{"Content-Length": {"5"}}, want: errLength2},
		{authority: "a.test", path: "/", header: http.Header{"Content-Length": {"+5"}}, length: 5, want: errLength2},
		{authority: "a.test", path: "/", header: http.Header{"Content-Length": {"x"}}, want: errLength2},
	} {
		if test.method == "" {
			test.method = "GET"
		}
		why := cfg.judge(&http.Request{
			Method: test.method, Host: test.authority, RequestURI: test.path, URL: new(url.URL), Header: test.header, ContentLength: test.length, ProtoMajor: 2,
		})
		switch {
		case test.status != 0:
			if why == nil || why.status != test.status {
				t.Errorf("%s %s %s %v: %v", test.method, test.authority, test.path, test.header, why)
			}
		case why != test.want:
			t.Errorf("%s %s %s %v: %v, want %v", test.method, test.authority, test.path, test.header, why, test.want)
		}
	}
}

// The server's settings do not have SETTINGS_ENABLE_CONNECT_PROTOCOL (RFC 8441 §3), so that browsers open their WebSockets
// over HTTP/1.1, and they bound the header section as the guard does.
func TestHTTP2Settings(t *testing.T) {
	s, c := startHTTP2(t, nil, nil)
	c.NextProtos = []string{"h2"}
	nc := tls.Client(s.dial(t), c)
	defer nc.Close()
	io.WriteString(nc, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00")
	var head [9]byte
	if _, err := io.ReadFull(nc, head[:]); err != nil || head[3] != 4 {
		t.Fatalf("the first frame is %x, %v", head, err)
	}
	settings := make([]byte, int(head[0])<<16|int(head[1])<<8|int(head[2]))
	if _, err := io.ReadFull(nc, settings); err != nil {
		t.Fatal(err)
	}
	got := map[uint16]uint32{}
	for ; len(settings) >= 6; settings = settings[6:] {
		got[binary.BigEndian.Uint16(settings)] = binary.BigEndian.Uint32(settings[2:])
	}
	const maxStreams, enableConnect = 3, 8
	if _, ok := got[enableConnect]; ok || got[maxStreams] == 0 {
		t.Errorf("settings %v", got)
	}
}
