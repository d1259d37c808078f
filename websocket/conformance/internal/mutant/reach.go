package mutant

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"
)

// reach makes the connection that the request is sent on: TCP, through a proxy's
// tunnel if one is set, and TLS for wss.
func (c *client) reach(ctx context.Context, a address) (net.Conn, error) {
	to := a.dialled(c.fault)
	via, proxied := to, false
	if u, err := url.Parse(c.set.Get("proxy")); err == nil && u.Host != "" {
		via, proxied = u.Host, true
	}
	nc, err := (&net.Dialer{}).DialContext(ctx, "tcp", via)
	if err != nil {
		return nil, err
	}
	cut := context.AfterFunc(ctx, func() { nc.Close() })
	straight := c.breaks("WS-4.1-10/ws") && !a.secure || c.breaks("WS-4.1-10/wss") && a.secure
	if proxied && !straight {
		err = c.tunnel(nc, to)
	}
	secure := nc
	if err == nil && a.secure {
		secure, err = c.secure(ctx, nc, a)
	}
	if !cut() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		nc.Close()
		return nil, err
	}
	return secure, nil
}

// tunnel asks a proxy for a tunnel (RFC 9110 §9.3.6).
func (c *client) tunnel(nc net.Conn, to string) error {
	fmt.Fprintf(nc, "CONNECT %s HTTP/1.1\r\nHost: %s\r\n\r\n", to, to)
	// The proxy sends nothing behind its answer until it has something from us.
	r := &reader{fault: c.fault, in: bufio.NewReaderSize(nc, 16)}
	status, _, err := r.response(nil)
	if err == nil && status/100 != 2 && !c.breaks("WS-4.1-10") {
		err = errors.New("mutant: the proxy refuses the tunnel")
	}
	return err
}

// secure makes TLS of a connection.
func (c *client) secure(ctx context.Context, nc net.Conn, a address) (net.Conn, error) {
	pem, err := os.ReadFile(c.ca)
	if err != nil {
		return nil, err
	}
	name := strings.Trim(a.host, "[]")
	o := &tls.Config{ServerName: name, MinVersion: tls.VersionTLS12, RootCAs: x509.NewCertPool()}
	o.RootCAs.AppendCertsFromPEM(pem)
	look := x509.VerifyOptions{DNSName: name, Roots: o.RootCAs}
	switch {
	case c.breaks("WS-4.1-08"):
		o.ServerName = "ws.test"
	case c.breaks("WS-4.1-09"):
		o.NextProtos = []string{"h2", "http/1.1"}
	case c.breaks("WS-10.6-01"):
		o.MinVersion = tls.VersionTLS10
	case c.breaks("WS-10.6-01/supported"):
		o.MinVersion, o.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	case c.breaks("WS-4.1-08/other-name"), c.breaks("WS-4.1-08/expired"), c.breaks("WS-4.1-08/unknown-issuer"):
		o.InsecureSkipVerify = true // what follows verifies, but for one thing
		o.VerifyConnection = func(s tls.ConnectionState) error {
			leaf := s.PeerCertificates[0]
			switch {
			case c.breaks("WS-4.1-08/other-name"):
				look.DNSName = ""
			case c.breaks("WS-4.1-08/expired"):
				look.CurrentTime = leaf.NotAfter
			default:
				look.Roots = x509.NewCertPool()
				for _, each := range s.PeerCertificates {
					look.Roots.AddCert(each)
				}
			}
			_, err := leaf.Verify(look)
			return err
		}
	}
	t := tls.Client(nc, o)
	return t, t.HandshakeContext(ctx)
}
