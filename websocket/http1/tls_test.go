package http1

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"math/big"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func testTLS(tb testing.TB) (server, client *tls.Config) {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"ws.test"},
		NotAfter: time.Now().Add(24 * time.Hour), BasicConstraintsValid: true, IsCA: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		tb.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		tb.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(cert)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}},
		&tls.Config{RootCAs: roots, ServerName: "ws.test"}
}

func TestTLS(t *testing.T) {
	server, client := testTLS(t)
	l, err := tls.Listen("tcp", "127.0.0.1:0", server)
	if err != nil {
		t.Fatal(err)
	}
	s := &testServer{addr: l.Addr().String()}
	s.h = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.TLS == nil || !r.TLS.HandshakeComplete || r.TLS.ServerName != "ws.test" {
			t.Errorf("Request.TLS is %+v", r.TLS)
		}
		s.ServeHTTP(w, r)
	})
	s.start(t, l, nil)
	exchange := func(in string) string {
		nc := tls.Client(s.dial(t), client)
		io.WriteString(nc, in)
		nc.CloseWrite()
		out, err := io.ReadAll(nc)
		if err != nil {
			t.Errorf("%q: %v", in, err)
		}
		return string(out)
	}
	const health = "GET /health HTTP/1.1\r\nHost: ws.test\r\n\r\n"
	list, _ := answers(t, []byte(exchange(health+health)))
	if len(list) != 2 || list[0].body != "ok\n" {
		t.Errorf("answers %v", statuses(list))
	}
	if list, raw := answers(t, []byte(exchange(baseRequest+"frames"))); len(list) != 1 || raw != "frames" {
		t.Errorf("answers %v, then %q", statuses(list), raw)
	}
	out := exchange("GET / HTTP/1.1\r\nHost: a b\r\n\r\n" + string(junk))
	if list, _ := answers(t, []byte(out)); len(list) != 1 || list[0].StatusCode != 400 {
		t.Errorf("%q", out)
	}

	// Plain HTTP on a TLS port is told so.
	if out := string(s.exchange(t, []byte(health), 1<<20)); !strings.HasPrefix(out, "HTTP/1.1 400 ") || !strings.Contains(out, "https://") {
		t.Errorf("%q", out)
	}
	// Anything else is cut off.
	if out := s.exchange(t, []byte("SSH-2.0-x\r\n"), 1<<20); strings.Contains(string(out), "HTTP") {
		t.Errorf("%q", out)
	}
}

// The time limit of the first header section includes the handshake.
func TestTLSTimeout(t *testing.T) {
	server, _ := testTLS(t)
	synctest.Test(t, func(t *testing.T) {
		l := newPipeListener()
		s := &testServer{}
		s.start(t, tls.NewListener(l, server), nil)
		nc := l.dial()
		start := time.Now()
		io.WriteString(nc, "\x16\x03\x01")
		io.Copy(io.Discard, nc)
		if d := time.Since(start); d != defaultHeadTimeout {
			t.Errorf("cut off after %v", d)
		}
		s.srv.Close()
	})
}

var _ net.Conn = (*tlsConn)(nil)
