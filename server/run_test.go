package server

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openline/openline"
	"github.com/openline/openline/websocket"
)

func decode(t *testing.T, data []byte, v any) {
	t.Helper()
	if err := json.Unmarshal(data, v); err != nil {
		t.Fatalf("%q: %v", data, err)
	}
}

func TestDrain(t *testing.T) {
	entered, leave := make(chan struct{}), make(chan struct{})
	r := start(t, &Config{Hub: &openline.Options{OnClose: func(*openline.Session, openline.CloseReason) {
		close(entered)
		<-leave // the drain goes on until this hook is done
	}}})
	release := sync.OnceFunc(func() { close(leave) })
	t.Cleanup(release)
	alice := r.dial("/ws/alice", nil)
	alice.expect("sys:open")
	alice.send(`{"type":"ping"}`)
	alice.expect("sys:ok")
	if status, _ := r.call("GET", "/readyz", ""); status != 200 {
		t.Errorf("before: /readyz %d", status)
	}
	stopped := make(chan error, 1)
	go func() { stopped <- r.stop() }()
	if e := alice.expect("sys:drain"); !strings.Contains(string(e.Data), `"retry":`) {
		t.Errorf("%s", e.Data)
	}
	if e := alice.closed(); e.Code != websocket.CloseGoingAway || !e.Remote {
		t.Errorf("%v", e)
	}
	<-entered
	if status, p := r.call("GET", "/readyz", ""); status != 503 {
		t.Errorf("while draining: /readyz %d %v", status, p)
	}
	if status, _ := r.call("GET", "/healthz", ""); status != 200 {
		t.Errorf("while draining: /healthz %d", status)
	}
	if e := r.refused("/ws/bob", nil); e.Status != 503 || e.Header.Get("Retry-After") == "" {
		t.Errorf("while draining: %d %v", e.Status, e.Header)
	}
	release()
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	if c, err := net.Dial("tcp", r.Addr().String()); err == nil {
		c.Close()
		t.Error("the listener is still there")
	}
}

// A client that does not answer the Close cannot hold the server up.
func TestDrainTimeout(t *testing.T) {
	r := start(t, &Config{Drain: 50 * time.Millisecond})
	c, err := net.Dial("tcp", r.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, "GET /ws/alice HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	for n := 0; n == 0; {
		_, p := r.call("GET", "/api/sessions", "")
		n = int(p["count"].(float64))
	}
	if err := r.stop(); err == nil || !strings.Contains(err.Error(), "drain time of 50ms was not enough") {
		t.Errorf("Run: %v", err)
	}
	r.stop = func() error { return nil }
}

func TestPortInUse(t *testing.T) {
	r := start(t, nil)
	_, err := New(&Config{Listen: r.Addr().String()})
	if err == nil || !strings.Contains(err.Error(), "another program already does") || !strings.Contains(err.Error(), "--listen") {
		t.Errorf("error %v", err)
	}
}

func TestRefusesToListen(t *testing.T) {
	_, err := New(&Config{Listen: "0.0.0.0:0"})
	if err == nil || !strings.Contains(err.Error(), "token.hmac_secret") || !strings.Contains(err.Error(), "api_keys") {
		t.Errorf("error %v", err)
	}
}

func TestBeyondLoopback(t *testing.T) {
	r := start(t, &Config{Listen: "0.0.0.0:0", Token: TokenConfig{HMACSecret: testSecret}, APIKeys: []string{"short"}})
	warnings := strings.Join(r.Warnings(), "\n")
	for _, says := range []string{"any host name is answered for", "not encrypted", "API key 1 has 5 characters"} {
		if !strings.Contains(warnings, says) {
			t.Errorf("no warning says %q:\n%s", says, warnings)
		}
	}
	if !strings.HasPrefix(r.URL(), "http://localhost:") && !strings.HasPrefix(r.URL(), "http://127.0.0.1:") {
		t.Errorf("URL %s", r.URL())
	}
	_, port, _ := net.SplitHostPort(r.Addr().String())
	c, err := net.Dial("tcp", "127.0.0.1:"+port)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, "GET /healthz HTTP/1.1\r\nHost: any.name.example\r\nConnection: close\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if answer, _ := io.ReadAll(c); !strings.HasPrefix(string(answer), "HTTP/1.1 200 ") {
		t.Errorf("%s", answer)
	}
}

func TestCloseUnused(t *testing.T) {
	s, err := New(&Config{Listen: "127.0.0.1:0", Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	l, err := net.Listen("tcp", s.Addr().String())
	if err != nil {
		t.Fatalf("the address was not given back: %v", err)
	}
	l.Close()
}

func TestPage(t *testing.T) {
	r := start(t, nil)
	res, err := http.Get(r.URL() + "/")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != 200 || !strings.HasPrefix(res.Header.Get("Content-Type"), "text/html") || res.Header.Get("Content-Security-Policy") == "" {
		t.Errorf("%d %v", res.StatusCode, res.Header)
	}
	// What is not there yet is not there.
	for _, path := range []string{"/metrics", "/favicon.png", "/api", "/api/channels/a"} {
		if status, p := r.call("GET", path, ""); status != 404 || p["status"] != float64(status) {
			t.Errorf("%s: %d %v", path, status, p)
		}
	}
}

// certificate writes a certificate for 127.0.0.1 and its key.
func certificate(t *testing.T) (cert, key string, pool *x509.CertPool) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	private8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, kind string, b []byte) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: b}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool = x509.NewCertPool()
	pool.AddCert(parsed)
	return write("cert.pem", "CERTIFICATE", der), write("key.pem", "PRIVATE KEY", private8), pool
}

func TestTLS(t *testing.T) {
	cert, key, pool := certificate(t)
	r := start(t, &Config{TLS: TLSConfig{Cert: cert, Key: key}})
	if !strings.HasPrefix(r.URL(), "https://127.0.0.1:") {
		t.Errorf("URL %s", r.URL())
	}
	o := &websocket.DialOptions{TLSConfig: &tls.Config{RootCAs: pool}, Header: http.Header{"Origin": {r.URL()}}}
	r.dial("/ws/alice", o).expect("sys:open") // the origin is its own, by https
	o.Header.Set("Origin", "http"+strings.TrimPrefix(r.URL(), "https"))
	if e := r.refused("/ws/alice", o); e.Status != 403 {
		t.Errorf("the origin by http: %d", e.Status)
	}
	old := &tls.Config{RootCAs: pool, MaxVersion: tls.VersionTLS11}
	if _, err := websocket.Dial(t.Context(), "ws"+strings.TrimPrefix(r.URL(), "http")+"/ws/alice", &websocket.DialOptions{TLSConfig: old}); err == nil {
		t.Error("TLS 1.1 is accepted")
	}
	if _, err := New(&Config{Listen: "127.0.0.1:0", TLS: TLSConfig{Cert: cert, Key: "none.pem"}}); err == nil || !strings.Contains(err.Error(), "none.pem") {
		t.Errorf("no key: %v", err)
	}
}

func TestDescriptors(t *testing.T) {
	if files, limited := descriptorLimit(); runtime.GOOS == "linux" && (!limited || files == 0) {
		t.Errorf("%d, %t", files, limited)
	}
	for _, test := range []struct {
		connections int
		files       uint64
		limited     bool
		want        int
		says        string
	}{
		{0, 100_000, true, 99_936, ""},
		{0, 1024, true, 960, "may open 1024 files only"},
		{0, 10, true, 1, "may open 10 files only"},
		{0, 0, false, 0, ""},
		{0, 1 << 62, true, 1<<30 - 64, ""},
		{-1, 100_000, true, 0, ""},
		{500, 100_000, true, 500, ""},
		{50_000, 20_000, true, 50_000, "limits.connections is 50000, but this process may open 20000 files only"},
	} {
		r, err := (&Config{Limits: LimitsConfig{Connections: test.connections}}).resolve()
		if err != nil {
			t.Fatal(err)
		}
		if got := r.connections(test.files, test.limited); got != test.want {
			t.Errorf("%+v: %d", test, got)
		}
		warnings := strings.Join(r.warnings(test.files, test.limited), "\n")
		if (warnings == "") != (test.says == "") || !strings.Contains(warnings, test.says) {
			t.Errorf("%+v: %q", test, warnings)
		}
	}
}

// A body that stops coming is cut off; this one is not waited for, as the
// server goes away before.
func TestOpenHTTPConnectionsEnd(t *testing.T) {
	r := start(t, nil)
	c, err := net.Dial("tcp", r.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 1)
	if _, err := io.ReadFull(c, b); err != nil {
		t.Fatal(err)
	}
	if err := r.stop(); err != nil {
		t.Error(err)
	}
}
