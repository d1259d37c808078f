package websocket

import (
	"bufio"
	"cmp"
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/openline/openline/websocket/internal/handshake"
)

// DialOptions are the settings of a client's end.
type DialOptions struct {
	ConnOptions
	// Header has fields to be sent with the request, such as Authorization or
	// Origin. Those of the handshake itself are refused.
	Header http.Header
	// Host is sent in the Host field instead of the URL's host.
	Host string
	// Subprotocols are offered to the server in this order of preference.
	Subprotocols []string
	// RequireSubprotocol fails the handshake if the server chooses none of them.
	RequireSubprotocol bool
	// TLSConfig is used for wss. It is not changed; without a ServerName the
	// URL's host is verified. Default: the system's roots, TLS 1.2 or later.
	TLSConfig *tls.Config
	// Proxy returns the proxy for a request, nil for none. It gets the URL with
	// the scheme http for ws and https for wss. Proxies of the schemes http and
	// https are used with CONNECT, socks5 and socks5h as RFC 1928 has it. Default
	// http.ProxyFromEnvironment.
	Proxy func(*http.Request) (*url.URL, error)
	// NetDial opens the TCP connection, to the proxy if there is one. Default a
	// [net.Dialer].
	NetDial func(ctx context.Context, network, address string) (net.Conn, error)
	// HandshakeTimeout bounds all of Dial: name resolution, TCP, proxy, TLS and
	// the HTTP response, redirects included. Default 10 seconds.
	HandshakeTimeout time.Duration
	// MaxRedirects is how many redirects are followed, at most 10. A redirect from
	// wss to ws is never followed, nor one that a proxy answers. Authorization,
	// Cookie and Host go to no other origin than the first; other fields and the
	// subprotocols do, so they should hold no secret then. Default 0: a redirect
	// is an error.
	MaxRedirects int
	// OneAtATime makes Dial wait while another Dial of this program that asked
	// for the same is connecting to the same host and port (RFC 6455 §4.1). The
	// RFC demands that of browsers and those like them; a program that may open
	// many connections at once leaves it off, as is the default.
	OneAtATime bool
	// Trace is told what goes over the connection. Default: nobody is.
	Trace *Trace
}

// Dial opens a connection to a WebSocket URL (RFC 6455 §3): ws, wss, or http and
// https, which stand for these. nil options are the defaults. ctx ends with
// Dial, not with the connection. If the server was reached and refused, the
// error is a [*HandshakeError] with its answer.
func Dial(ctx context.Context, rawURL string, o *DialOptions) (*Conn, error) {
	if o == nil {
		o = &DialOptions{}
	}
	target, err := parseURL(rawURL)
	if err != nil {
		return nil, err
	}
	if err := o.check(); err != nil {
		return nil, err
	}
	if timeout := off(o.HandshakeTimeout, 10*time.Second); timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, timeout)
		defer cancel()
	}
	d := &dialer{options: o, conn: o.ConnOptions.resolve(), header: o.Header, host: o.Host, first: target}
	for redirects := 0; ; redirects++ {
		c, err := d.dial(ctx, target)
		if err == nil {
			return c, nil
		}
		refused, ok := errors.AsType[*HandshakeError](err)
		if !ok || refused.proxy || redirects >= min(o.MaxRedirects, 10) || !isRedirect(refused.Status) {
			return nil, err
		}
		if target, err = d.redirect(target, refused); err != nil {
			return nil, err
		}
	}
}

func (o *DialOptions) check() error {
	for i, s := range o.Subprotocols {
		if !handshake.IsToken(s) {
			return fmt.Errorf("websocket: the subprotocol %q is not a token (RFC 6455 §4.1)", s)
		}
		if slices.Contains(o.Subprotocols[:i], s) {
			return fmt.Errorf("websocket: the subprotocol %q is offered twice (RFC 6455 §4.1)", s)
		}
	}
	if u, err := url.Parse("ws://" + o.Host + "/"); o.Host != "" && (err != nil || u.Host != o.Host || !validHost(u.Host, u.Hostname())) {
		return fmt.Errorf("websocket: DialOptions.Host %q is not host or host:port", o.Host)
	}
	if err := o.Compression.check(); err != nil {
		return fmt.Errorf("websocket: %w", err)
	}
	if _, err := appendFields(nil, o.Header, true); err != nil {
		return fmt.Errorf("websocket: %w", err)
	}
	return nil
}

// dialer is one call of Dial.
type dialer struct {
	options *DialOptions
	conn    *config
	header  http.Header
	host    string // the Host field, if not the URL's
	first   *target
}

// dial tries one address.
func (d *dialer) dial(ctx context.Context, t *target) (*Conn, error) {
	if d.options.OneAtATime {
		release, err := connecting.acquire(ctx, t.address)
		if err != nil {
			return nil, dialError(ctx, t, err)
		}
		defer release()
	}
	nc, err := d.connect(ctx, t)
	if err != nil {
		return nil, dialError(ctx, t, err)
	}
	// From here on the end of ctx interrupts the I/O.
	stop := context.AfterFunc(ctx, func() { _ = nc.SetDeadline(past) })
	c, err := d.handshake(ctx, t, nc)
	if !stop() && err == nil { // the deadline has been moved: too late
		_ = c.CloseNow()
		err = ctx.Err()
	}
	if err != nil {
		_ = nc.Close()
		return nil, dialError(ctx, t, err)
	}
	return c, nil
}

// dialError says what was tried, and blames the context where it is to blame.
func dialError(ctx context.Context, t *target, err error) error {
	if e, ok := errors.AsType[*HandshakeError](err); ok {
		return e
	}
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return fmt.Errorf("websocket: dial %s: %w", t.address, err)
}

// refusedBody is how much of a refusing response's body is kept, refusedWait how
// long it is waited for: it is a courtesy.
const (
	refusedBody = 1024
	refusedWait = time.Second
)

// refusedBy makes an error of a response that is a refusal.
func refusedBy(ctx context.Context, who string, nc net.Conn, resp *http.Response) *HandshakeError {
	limit := time.Now().Add(refusedWait)
	if end, ok := ctx.Deadline(); ok && end.Before(limit) {
		limit = end
	}
	_ = nc.SetReadDeadline(limit)
	if ctx.Err() != nil { // its own deadline, set when it ended, has just been overwritten
		_ = nc.SetReadDeadline(past)
	}
	body, _ := io.ReadAll(io.LimitReader(resp.Body, refusedBody))
	return &HandshakeError{
		Status: resp.StatusCode, Header: resp.Header, Body: body,
		Versions: handshake.Versions(resp.Header["Sec-Websocket-Version"]),
		Reason:   "the " + who + " answered " + handshake.Printable(resp.Status),
	}
}

// responseError is a response that could not be read. Its text may quote the
// server, so it is made fit for a terminal.
type responseError struct{ err error }

func (e *responseError) Error() string {
	return "reading the response: " + handshake.Printable(e.err.Error())
}
func (e *responseError) Unwrap() error { return e.err }

// handshake sends the opening request and judges the response. Nothing else is
// sent before that (RFC 6455 §4.1).
func (d *dialer) handshake(ctx context.Context, t *target, nc net.Conn) (*Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	key := newKey()
	request, err := d.request(t, key)
	if err != nil {
		return nil, err
	}
	if _, err := nc.Write(request); err != nil {
		return nil, err
	}
	limit := &io.LimitedReader{R: nc, N: handshake.MaxResponse}
	head := &recorder{r: limit, on: d.options.Trace.wantsResponse()}
	br := bufio.NewReaderSize(head, 4<<10)
	d.options.Trace.request(request)
	resp, err := handshake.ReadResponse(br, limit, &http.Request{Method: http.MethodGet})
	if err != nil {
		return nil, &responseError{err}
	}
	early, _ := br.Peek(br.Buffered())
	d.options.Trace.response(head.seen, early)
	if resp.StatusCode != http.StatusSwitchingProtocols {
		return nil, refusedBy(ctx, "server", nc, resp)
	}
	sub, extensions, err := handshake.CheckResponse(resp.Header, key, d.options.Subprotocols, d.conn.compression.names())
	var agreed *handshake.DeflateTerms
	if err == nil {
		agreed, err = d.conn.compression.judge(extensions)
	}
	if err == nil && sub == "" && d.options.RequireSubprotocol && len(d.options.Subprotocols) > 0 {
		err = errors.New("the server chose none of the subprotocols that were offered")
	}
	if err != nil {
		return nil, &HandshakeError{Status: resp.StatusCode, Header: resp.Header, Reason: "the server's response is not acceptable", Err: err}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return newConn(d.options.Trace.tap(nc, early), true, d.conn, sub, agreed, slices.Clone(early)), nil
}

// newKey returns a fresh Sec-WebSocket-Key: 16 random octets (RFC 6455 §4.1).
func newKey() string {
	var b [16]byte
	rand.Read(b[:])
	return base64.StdEncoding.EncodeToString(b[:])
}

// request builds the opening request, the Host field first as RFC 9110 §7.2
// likes it.
func (d *dialer) request(t *target, key string) ([]byte, error) {
	host := cmp.Or(d.host, t.host)
	b := fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Key: %s\r\nSec-WebSocket-Version: 13\r\n", t.request, host, key)
	if len(d.options.Subprotocols) > 0 {
		b = fmt.Appendf(b, "Sec-WebSocket-Protocol: %s\r\n", strings.Join(d.options.Subprotocols, ", "))
	}
	if offer := d.conn.compression.offer(); offer != "" {
		b = fmt.Appendf(b, "Sec-WebSocket-Extensions: %s\r\n", offer)
	}
	b, err := appendFields(b, d.header, true)
	return append(b, "\r\n"...), err
}
