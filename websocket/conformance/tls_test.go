package conformance

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"slices"
	"strings"
	"testing"
)

// TestCertificates holds what the suite says about its certificates against what
// a strict client makes of them.
func TestCertificates(t *testing.T) {
	var certs certificates
	for _, c := range []struct{ spec, name, want string }{
		{"valid", "localhost", ""},
		{"valid", "127.0.0.1", ""},
		{"valid", "::1", ""},
		{"valid", "ws.test", ""},
		{"valid max 1.2 alpn h2,http/1.1", "localhost", ""},
		{"valid", "evil.test", "certificate is valid for"},
		{"other-name", "localhost", "certificate is valid for other.test"},
		{"expired", "localhost", "expired"},
		{"unknown-issuer", "localhost", "unknown authority"},
		{"valid max 1.1", "localhost", "protocol version"},
		{"valid max 1.0", "localhost", "protocol version"},
	} {
		spec, err := parseTLS(c.spec)
		if err != nil {
			t.Fatal(err)
		}
		var h hello
		config, err := spec.config(&certs, &h)
		if err != nil {
			t.Fatal(err)
		}
		roots := x509.NewCertPool()
		if !roots.AppendCertsFromPEM(certs.trusted.pem()) {
			t.Fatal("the authority's certificate is not PEM")
		}
		here, there := tcpPair(t)
		done := make(chan struct{})
		go func() {
			defer close(done)
			_ = tls.Server(there, config).Handshake()
			_ = there.Close()
		}()
		err = tls.Client(here, &tls.Config{RootCAs: roots, ServerName: c.name, NextProtos: []string{"http/1.1"}}).Handshake()
		_ = here.Close()
		<-done
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s, %s: %v, want %q", c.spec, c.name, err, c.want)
		}
		want := c.name
		if net.ParseIP(want) != nil {
			want = ""
		}
		if came, name, alpn := h.get(); !came || name != want || !slices.Equal(alpn, []string{"http/1.1"}) {
			t.Errorf("%s, %s: the ClientHello had %v %q %q", c.spec, c.name, came, name, alpn)
		}
	}
}

// TestOldTLS checks that the suite does speak the versions it claims to.
func TestOldTLS(t *testing.T) {
	var certs certificates
	for text, version := range map[string]uint16{"valid max 1.0": tls.VersionTLS10, "valid max 1.1": tls.VersionTLS11, "valid max 1.2": tls.VersionTLS12, "valid": tls.VersionTLS13} {
		spec, err := parseTLS(text)
		if err != nil {
			t.Fatal(err)
		}
		config, err := spec.config(&certs, new(hello))
		if err != nil {
			t.Fatal(err)
		}
		here, there := tcpPair(t)
		go func() { _ = tls.Server(there, config).Handshake() }()
		client := tls.Client(here, &tls.Config{MinVersion: tls.VersionTLS10, InsecureSkipVerify: true})
		if err := client.Handshake(); err != nil || client.ConnectionState().Version != version {
			t.Errorf("%s: version %x, %v", text, client.ConnectionState().Version, err)
		}
		_ = here.Close()
		_ = there.Close()
	}
}

// tcpPair is both ends of a connection.
func tcpPair(t *testing.T) (here, there net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if here, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if there, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	return here, there
}

func TestParseTLS(t *testing.T) {
	for _, bad := range []string{"", "good", "valid max", "valid max 1.4", "valid min 3", "valid alpn", "valid with x"} {
		if spec, err := parseTLS(bad); err == nil {
			t.Errorf("%q: %+v", bad, spec)
		}
	}
}
