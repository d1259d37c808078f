package server

import (
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"testing"
	"time"

	"github.com/openline/openline/websocket"
)

// secure is a server over TLS and a client of it that prefers HTTP/2.
type secure struct {
	*running
	tls *tls.Config
	*http.Client
	transport *http.Transport
}

func startSecure(t *testing.T, c *Config) *secure {
	t.Helper()
	cert, key, pool := certificate(t)
	c.TLS = TLSConfig{Cert: cert, Key: key}
	s := &secure{running: start(t, c), tls: &tls.Config{RootCAs: pool}}
	s.transport = &http.Transport{TLSClientConfig: s.tls.Clone(), ForceAttemptHTTP2: true}
	s.Client = &http.Client{Transport: s.transport}
	t.Cleanup(s.transport.CloseIdleConnections)
	return s
}

// ask makes a request and returns the answer, its body, and whether the
// connection was one that had been there.
func (s *secure) ask(method, path, host, body string, fields ...string) (res *http.Response, text string, reused bool) {
	s.t.Helper()
	ctx := httptrace.WithClientTrace(s.t.Context(), &httptrace.ClientTrace{GotConn: func(i httptrace.GotConnInfo) { reused = i.Reused }})
	r, err := http.NewRequestWithContext(ctx, method, s.URL()+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	r.Host = host
	r.Header.Set("Authorization", "Bearer "+testKey)
	for i := 0; i+1 < len(fields); i += 2 {
		r.Header.Set(fields[i], fields[i+1])
	}
	if res, err = s.Do(r); err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	if res.ProtoMajor != 2 {
		s.t.Errorf("%s %s over %s", method, path, res.Proto)
	}
	return res, string(b), reused
}

// The page and the API are there over HTTP/2, while a WebSocket comes to the
// same port over HTTP/1.1.
func TestHTTP2(t *testing.T) {
	s := startSecure(t, &Config{})
	alice := s.dial("/ws/alice", &websocket.DialOptions{TLSConfig: s.tls})
	alice.expect("sys:open")
	if res, text, _ := s.ask("GET", "/", "", ""); res.StatusCode != 200 || !strings.Contains(text, "<title>") {
		t.Errorf("%d %.100s", res.StatusCode, text)
	}
	if res, text, reused := s.ask("POST", "/api/users/alice/messages", "", `"hi"`); res.StatusCode != 200 || !strings.Contains(text, `"delivered":1`) || !reused {
		t.Errorf("%d %s on a connection that is known: %v", res.StatusCode, text, reused)
	}
	if e := alice.expect("message"); string(e.Data) != `"hi"` {
		t.Errorf("%+v", e)
	}
}

// What is refused over HTTP/2 says why, and leaves the connection to other
// requests.
func TestHTTP2Refusals(t *testing.T) {
	s := startSecure(t, &Config{Token: TokenConfig{HMACSecret: testSecret}})
	s.ask("GET", "/healthz", "", "")
	token := "Bearer " + sign(t, testSecret, "alice")
	for _, test := range []struct {
		method, path, host, body string
		fields                   []string
		status                   int
		say                      string
	}{
		{"GET", "/", "evil.example", "", nil, 421, "OPENLINE_HOSTS"},
		{"GET", "/ws/alice", "", "", []string{"Authorization", token}, 400, "HTTP/1.1"},
		{"GET", "/ws/alice", "", "", []string{"Authorization", token, "Sec-WebSocket-Version", "13", "Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="}, 400, "HTTP/1.1"},
		{"POST", "/ws/alice", "", "", []string{"Authorization", token}, 405, ""},
		{"POST", "/api/users/alice/messages", "", strings.Repeat("x", 1<<20), nil, 413, ""},
		{"GET", "/api/users/alice", "", "", []string{"Authorization", "Bearer no"}, 401, ""},
	} {
		res, text, reused := s.ask(test.method, test.path, test.host, test.body, test.fields...)
		if res.StatusCode != test.status || !strings.Contains(text, test.say) || !reused {
			t.Errorf("%s %s: %d %s, on a connection that is known: %v", test.method, test.path, res.StatusCode, text, reused)
		}
		for _, name := range []string{"Connection", "Keep-Alive", "Upgrade", "Transfer-Encoding"} {
			if v, ok := res.Header[name]; ok {
				t.Errorf("%s %s: %s: %s", test.method, test.path, name, v)
			}
		}
	}

	// The bound of a header section is told, so that a client need not try.
	r, err := http.NewRequestWithContext(t.Context(), "GET", s.URL(), nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X", strings.Repeat("x", headerBytes+16<<10))
	if _, err := s.Do(r); err == nil || !strings.Contains(err.Error(), "limit") {
		t.Errorf("a long header: %v", err)
	}
}

// plainConns is how many connections are counted beside the sessions.
func (s *secure) plainConns() int {
	s.admission.mu.Lock()
	defer s.admission.mu.Unlock()
	return s.admission.plain
}

// Connections of HTTP/2 are counted from the accept to their end, and those that
// have been idle for long make room.
func TestHTTP2Admission(t *testing.T) {
	s := startSecure(t, &Config{})
	until := func(n int) {
		t.Helper()
		for deadline := time.Now().Add(guard); s.plainConns() != n; {
			if time.Now().After(deadline) {
				t.Fatalf("%d connections are counted, want %d", s.plainConns(), n)
			}
		}
	}
	c, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	until(1) // before its handshake
	c.Close()
	until(0)
	s.ask("GET", "/healthz", "", "")
	until(1)
	s.transport.CloseIdleConnections()
	until(0)

	s.ask("GET", "/healthz", "", "")
	for deadline := time.Now().Add(guard); ; { // net/http tells that it is idle after the answer
		s.admission.mu.Lock()
		idle := len(s.admission.idle)
		for nc := range s.admission.idle {
			s.admission.idle[nc] = time.Now().Add(-crowdedIdle)
		}
		s.admission.swept = time.Time{}
		s.admission.sweep(time.Now())
		s.admission.mu.Unlock()
		if idle > 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("it is not idle")
		}
	}
	until(0)
}
