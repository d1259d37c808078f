package websocket

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"

	"github.com/openline/openline/websocket/internal/handshake"
)

// connect opens the way to t: TCP, through a proxy if there is one, and TLS.
func (d *dialer) connect(ctx context.Context, t *target) (net.Conn, error) {
	proxy, err := d.proxy(t)
	if err != nil {
		return nil, err
	}
	nc, err := d.tunnel(ctx, proxy, t)
	if err != nil {
		return nil, err
	}
	if !t.secure {
		return nc, nil
	}
	cfg := d.tlsConfig()
	if cfg.ServerName == "" {
		cfg.ServerName = t.name
	}
	return secure(ctx, nc, cfg)
}

func (d *dialer) tlsConfig() *tls.Config {
	if d.options.TLSConfig == nil {
		return &tls.Config{}
	}
	return d.options.TLSConfig.Clone()
}

// secure runs the TLS handshake. HTTP/2 is not offered: the opening request
// goes over HTTP/1.1.
func secure(ctx context.Context, nc net.Conn, cfg *tls.Config) (net.Conn, error) {
	cfg.NextProtos = []string{"http/1.1"}
	tc := tls.Client(nc, cfg)
	if err := tc.HandshakeContext(ctx); err != nil {
		_ = nc.Close()
		return nil, fmt.Errorf("TLS: %w", err)
	}
	return tc, nil
}

func (d *dialer) proxy(t *target) (*url.URL, error) {
	find := d.options.Proxy
	if find == nil {
		find = http.ProxyFromEnvironment
	}
	u := &url.URL{Scheme: "http", Host: t.host, Path: "/"}
	if t.secure {
		u.Scheme = "https"
	}
	proxy, err := find(&http.Request{Method: http.MethodGet, URL: u, Host: t.host, Header: http.Header{}})
	if err != nil {
		return nil, fmt.Errorf("finding the proxy: %w", err)
	}
	return proxy, nil
}

// tunnel returns a TCP connection to t's address, or one through proxy that
// behaves like it.
func (d *dialer) tunnel(ctx context.Context, proxy *url.URL, t *target) (net.Conn, error) {
	dial := d.options.NetDial
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	if proxy == nil {
		return dial(ctx, "tcp", t.address)
	}
	port, ok := map[string]string{"http": "80", "https": "443", "socks5": "1080", "socks5h": "1080"}[proxy.Scheme]
	if !ok {
		return nil, fmt.Errorf("the proxy's scheme %q is none of http, https, socks5, socks5h", proxy.Scheme)
	}
	if p := proxy.Port(); p != "" {
		port = p
	}
	nc, err := dial(ctx, "tcp", net.JoinHostPort(proxy.Hostname(), port))
	if err != nil {
		return nil, fmt.Errorf("proxy: %w", err)
	}
	if proxy.Scheme == "https" {
		cfg := d.tlsConfig()
		cfg.ServerName = proxy.Hostname() // what the caller may have set is the server's
		if nc, err = secure(ctx, nc, cfg); err != nil {
			return nil, fmt.Errorf("proxy: %w", err)
		}
	}
	stop := context.AfterFunc(ctx, func() { _ = nc.SetDeadline(past) })
	defer stop()
	if proxy.Scheme == "http" || proxy.Scheme == "https" {
		err = httpConnect(ctx, nc, proxy, t.address)
	} else {
		err = socksConnect(ctx, nc, proxy, t.address)
	}
	if err != nil {
		_ = nc.Close()
		return nil, fmt.Errorf("proxy %s: %w", proxy.Host, err)
	}
	return nc, nil
}

// httpConnect asks an HTTP proxy for a tunnel (RFC 9110 §9.3.6).
func httpConnect(ctx context.Context, nc net.Conn, proxy *url.URL, address string) error {
	b := fmt.Appendf(nil, "CONNECT %s HTTP/1.1\r\nHost: %s\r\n", address, address)
	if u := proxy.User; u != nil {
		password, _ := u.Password()
		b = fmt.Appendf(b, "Proxy-Authorization: Basic %s\r\n",
			base64.StdEncoding.EncodeToString([]byte(u.Username()+":"+password)))
	}
	if _, err := nc.Write(append(b, "\r\n"...)); err != nil {
		return err
	}
	// One octet at a time: nothing behind the header may be read, and a proxy
	// must not send anything there before the client does.
	limit := &io.LimitedReader{R: nc, N: handshake.MaxResponse}
	br := bufio.NewReaderSize(oneByte{limit}, 16)
	resp, err := handshake.ReadResponse(br, limit, &http.Request{Method: http.MethodConnect})
	if err != nil {
		return &responseError{err}
	}
	if resp.StatusCode/100 != 2 {
		e := refusedBy(ctx, "proxy", nc, resp)
		e.proxy = true
		return e
	}
	return nil
}

// oneByte reads single octets.
type oneByte struct{ r io.Reader }

func (o oneByte) Read(p []byte) (int, error) { return o.r.Read(p[:min(1, len(p))]) }

// connectingSet is the addresses to which a Dial with OneAtATime is on the way.
type connectingSet struct {
	mu   sync.Mutex // guards the following
	busy map[string]chan struct{}
}

var connecting connectingSet

// acquire waits until nobody is connecting to address.
func (s *connectingSet) acquire(ctx context.Context, address string) (release func(), err error) {
	for {
		s.mu.Lock()
		wait, taken := s.busy[address]
		if !taken {
			if s.busy == nil {
				s.busy = make(map[string]chan struct{})
			}
			mine := make(chan struct{})
			s.busy[address] = mine
			s.mu.Unlock()
			return func() {
				s.mu.Lock()
				delete(s.busy, address)
				s.mu.Unlock()
				close(mine)
			}, nil
		}
		s.mu.Unlock()
		select {
		case <-wait:
		case <-ctx.Done():
			return nil, errors.Join(errors.New("another connection to this address is being opened"), ctx.Err())
		}
	}
}
