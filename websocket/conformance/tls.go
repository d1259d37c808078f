package conformance

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"slices"
	"strings"
	"sync"
	"time"
)

// The names that a valid certificate of the suite is for. ws.test is the host
// behind a proxy.
var goodNames = []string{"localhost", "127.0.0.1", "::1", "ws.test"}

// authority issues certificates.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(name string) (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: now.Add(-48 * time.Hour), NotAfter: now.Add(48 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	return &authority{cert: cert, key: key}, err
}

// pem is the certificate as tools take it.
func (a *authority) pem() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw})
}

// issue makes a certificate for the names, which may be addresses, that holds
// from an hour ago, or from longer ago if it has ended, until end.
func (a *authority) issue(end time.Time, names ...string) (*tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	begin := time.Now().Add(-time.Hour)
	if end.Before(begin) {
		begin = end.Add(-time.Hour)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 100))
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: names[0]}, NotBefore: begin, NotAfter: end,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}

// certificates are those of a run.
type certificates struct {
	once    sync.Once
	err     error
	trusted *authority // the client under test is told to trust it
	of      map[string]*tls.Certificate
}

// make makes them, once; the valid one is for names.
func (c *certificates) make(names ...string) error {
	c.once.Do(func() {
		var stranger *authority
		if c.trusted, c.err = newAuthority("Conformance suite"); c.err != nil {
			return
		}
		if stranger, c.err = newAuthority("Stranger"); c.err != nil {
			return
		}
		now := time.Now()
		c.of = make(map[string]*tls.Certificate)
		for which, how := range map[string]struct {
			by    *authority
			end   time.Time
			names []string
		}{
			"valid":          {c.trusted, now.Add(24 * time.Hour), names},
			"other-name":     {c.trusted, now.Add(24 * time.Hour), []string{"other.test"}},
			"expired":        {c.trusted, now.Add(-24 * time.Hour), names},
			"unknown-issuer": {stranger, now.Add(24 * time.Hour), names},
		} {
			if c.of[which], c.err = how.by.issue(how.end, how.names...); c.err != nil {
				return
			}
		}
	})
	return c.err
}

// tlsSpec is how a case has the suite speak TLS.
type tlsSpec struct {
	which       string
	least, most uint16 // versions; 0: any
	alpn        []string
}

// parseTLS reads WHICH [min VERSION] [max VERSION] [alpn A,B].
func parseTLS(s string) (*tlsSpec, error) {
	f := strings.Fields(s)
	if len(f) == 0 || !slices.Contains([]string{"valid", "other-name", "expired", "unknown-issuer", "silent"}, f[0]) {
		return nil, fmt.Errorf("a certificate is valid, other-name, expired or unknown-issuer, or the server silent: %q", s)
	}
	spec := &tlsSpec{which: f[0]}
	for f = f[1:]; len(f) >= 2; f = f[2:] {
		switch f[0] {
		case "min", "max":
			v := &spec.most
			if f[0] == "min" {
				v = &spec.least
			}
			if *v = tlsVersions[f[1]]; *v == 0 {
				return nil, fmt.Errorf("%q is no version of TLS from 1.0 to 1.3", f[1])
			}
		case "alpn":
			spec.alpn = strings.Split(f[1], ",")
		default:
			return nil, fmt.Errorf("tls has no word %q", f[0])
		}
	}
	if len(f) > 0 {
		return nil, fmt.Errorf("tls: what about %q?", f[0])
	}
	return spec, nil
}

// hello is what a client's ClientHello had.
type hello struct {
	mu   sync.Mutex
	came bool
	name string
	alpn []string
}

func (h *hello) get() (came bool, name string, alpn []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.came, h.name, h.alpn
}

// config makes the configuration of the suite's side; h is filled when the
// ClientHello comes.
func (s *tlsSpec) config(c *certificates, h *hello) (*tls.Config, error) {
	if err := c.make(goodNames...); err != nil {
		return nil, fmt.Errorf("making certificates: %w", err)
	}
	return &tls.Config{
		Certificates: []tls.Certificate{*c.of[s.which]},
		MinVersion:   max(s.least, tls.VersionTLS10), MaxVersion: s.most, NextProtos: s.alpn,
		GetConfigForClient: func(i *tls.ClientHelloInfo) (*tls.Config, error) {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.came, h.name, h.alpn = true, i.ServerName, slices.Clone(i.SupportedProtos)
			return nil, nil
		},
	}, nil
}
