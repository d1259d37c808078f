package conformance

import (
	"crypto/tls"
	"fmt"
	"net"
)

func init() {
	expects["tls-refused"] = expectTLSRefused
	others["tls-version"] = makeTLSVersion
	others["truncate"] = makeTruncate
}

var tlsVersions = map[string]uint16{"1.0": tls.VersionTLS10, "1.1": tls.VersionTLS11, "1.2": tls.VersionTLS12, "1.3": tls.VersionTLS13}

// clientTLS is how the suite speaks TLS to a server under test.
func (p *play) clientTLS() *tls.Config {
	c := &tls.Config{ServerName: p.url.Hostname(), RootCAs: p.run.o.RootCAs, NextProtos: []string{"http/1.1"}}
	if p.tlsVersion != 0 {
		c.MinVersion, c.MaxVersion = p.tlsVersion, p.tlsVersion
	}
	return c
}

// makeTLSVersion has the suite speak one version of TLS and no other.
func makeTLSVersion(c *Case, rest string) (stepFunc, error) {
	c.Client = false
	v, ok := tlsVersions[rest]
	if !ok {
		return nil, fmt.Errorf("%q is no version of TLS", rest)
	}
	return func(p *play) error {
		p.tlsVersion = v
		return nil
	}, nil
}

// expectTLSRefused connects, and wants the server to refuse while TLS begins.
func expectTLSRefused(c *Case, _ string) (stepFunc, error) {
	c.Client = false
	return func(p *play) error {
		var d net.Dialer
		nc, err := d.DialContext(p.ctx, "tcp", p.url.Host)
		if err != nil {
			return fmt.Errorf("the server cannot be reached: %w", err)
		}
		defer nc.Close()
		tc := tls.Client(nc, p.clientTLS())
		err = tc.HandshakeContext(p.ctx)
		switch {
		case err == nil:
			return fmt.Errorf("TLS %s was spoken", tls.VersionName(tc.ConnectionState().Version))
		case p.ctx.Err() != nil:
			return fmt.Errorf("the server did not refuse: %w", err)
		}
		p.rec.add(Event{Kind: Note, What: "TLS: " + err.Error()})
		return nil
	}, nil
}

// makeTruncate ends TCP below TLS, which goes without a word of its own.
func makeTruncate(*Case, string) (stepFunc, error) {
	return func(p *play) error {
		if err := p.open(); err != nil {
			return err
		}
		tc, ok := p.w.nc.(interface{ NetConn() net.Conn })
		if !ok {
			return skipped{"the connection is not one of TLS"}
		}
		p.w.rec.add(Event{Conn: p.w.n, Sent: true, Kind: EndOfWrite, What: "end of TCP, without a close_notify"})
		p.w.do(func() {
			if c, ok := tc.NetConn().(interface{ CloseWrite() error }); ok {
				_ = c.CloseWrite()
			}
		})
		return nil
	}, nil
}
