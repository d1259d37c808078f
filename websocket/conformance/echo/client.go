package echo

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/openline/openline/websocket"
)

// ClientOptions are the settings of a client. Nil is valid, and so is the zero
// value.
type ClientOptions struct {
	// Driver is the way in which package websocket is used, one of [Drivers].
	// Default: the first of them.
	Driver string
	// ReadLimit is the largest message that is taken, in bytes, where the URL does
	// not say. Default 64 MiB; negative: no limit.
	ReadLimit int64
	// Offer is the compression that is offered where the URL does not say, such as
	// "permessage-deflate; client_max_window_bits". Default: none.
	Offer string
	// CAFile has the certificates, in PEM, of those who may issue the server's.
	// Default: the system's.
	CAFile string
	// Logger gets what the packages log. Default: nobody does.
	Logger *slog.Logger
}

// Client connects to a URL, sends each message back, and does what the URL's
// query asks for. It returns when the TCP connection is closed, with nil however
// it ended, or when the end of ctx has cut it off, with the error of ctx. If the
// connection does not open, the error is that of [websocket.Dial].
func Client(ctx context.Context, rawURL string, o *ClientOptions) error {
	if o == nil {
		o = &ClientOptions{}
	}
	d, err := findDriver(o.Driver)
	if err != nil {
		return err
	}
	query, host := "", ""
	if _, rest, ok := strings.Cut(rawURL, "://"); ok {
		rest, _, _ = strings.Cut(rest, "#")
		rest, query, _ = strings.Cut(rest, "?")
		host, _, _ = strings.Cut(rest, "/")
	}
	asked, err := parse(query)
	if err != nil {
		return errors.Join(fmt.Errorf("echo: %w", err), d.stop(ctx))
	}
	dial, err := o.dial(asked)
	if err != nil {
		return errors.Join(err, d.stop(ctx))
	}
	one := &client{url: rawURL, host: host, asked: asked, driver: d, dial: dial}
	switch {
	case asked.parallel > 0:
		err = one.parallel(ctx)
	case asked.reconnect > 0:
		err = one.reconnect(ctx)
	default:
		_, err = one.run(ctx)
	}
	return errors.Join(err, d.stop(ctx))
}

// client is what one call of Client works with.
type client struct {
	url, host string
	asked     *settings
	driver    driver
	dial      *websocket.DialOptions
}

// run uses one connection. The error is that of Client, the other the way in
// which the connection ended, nil if it did not open.
func (c *client) run(ctx context.Context) (ended, err error) {
	var socket net.Conn
	dial := *c.dial
	dial.NetDial = func(ctx context.Context, network, address string) (net.Conn, error) {
		nc, err := new(net.Dialer).DialContext(ctx, network, address)
		socket = nc
		return nc, err
	}
	conn, err := websocket.Dial(ctx, c.url, &dial)
	if err != nil {
		if refused, ok := errors.AsType[*websocket.HandshakeError](err); ok && c.asked.seen && ctx.Err() == nil {
			err = errors.Join(err, tell(ctx, c.host, describeRefusal(refused)))
		}
		return nil, err
	}
	saw := &outcome{over: make(chan struct{})}
	stop := func() bool { return false }
	messages, ended := use(context.WithoutCancel(ctx), conn, c.driver, c.asked, func(e end) {
		stop = context.AfterFunc(ctx, func() { _ = e.CloseNow() })
	})
	stop()
	saw.fill(messages, ended)
	if c.driver.loop == nil {
		awaitClosed(ctx, socket)
	}
	if err := ctx.Err(); err != nil {
		return ended, err
	}
	if c.asked.seen {
		return ended, tell(ctx, c.host, saw.query())
	}
	return ended, nil
}

// parallel dials several times at once. The error is the first that there was.
func (c *client) parallel(ctx context.Context) error {
	errs := make([]error, c.asked.parallel)
	var dials sync.WaitGroup
	for i := range errs {
		dials.Go(func() { _, errs[i] = c.run(ctx) })
	}
	dials.Wait()
	return cmp.Or(errs...)
}

// reconnect comes back after an abnormal end, so many times.
func (c *client) reconnect(ctx context.Context) error {
	backoff := websocket.Backoff{Min: c.asked.first, Max: c.asked.most}
	for again := c.asked.reconnect; ; again-- {
		ended, err := c.run(ctx)
		if again == 0 || ctx.Err() != nil || ended != nil && websocket.CloseCodeOf(ended) != websocket.CloseAbnormal {
			return err
		}
		timer := time.NewTimer(backoff.Next())
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
	}
}

// dial is what the options and the settings mean for Dial.
func (o *ClientOptions) dial(asked *settings) (*websocket.DialOptions, error) {
	if deeds[asked.do].server {
		return nil, fmt.Errorf("echo: do=%s is for servers", asked.do)
	}
	offer, err := compression(cmp.Or(asked.deflate, o.Offer))
	if err != nil {
		return nil, fmt.Errorf("echo: %w", err)
	}
	d := &websocket.DialOptions{
		ConnOptions:        asked.conn(cmp.Or(o.ReadLimit, defaultLimit)),
		Header:             asked.header,
		Subprotocols:       asked.subprotocols,
		RequireSubprotocol: asked.require,
		HandshakeTimeout:   asked.handshake,
		// Not the surroundings' proxy, which no suite knows of.
		Proxy:        func(*http.Request) (*url.URL, error) { return asked.proxy, nil },
		MaxRedirects: asked.redirects,
		OneAtATime:   asked.parallel > 0,
	}
	d.Compression = offer
	if d.Logger = o.Logger; d.Logger == nil {
		d.Logger = slog.New(slog.DiscardHandler)
	}
	if o.CAFile != "" {
		pem, err := os.ReadFile(o.CAFile)
		if err != nil {
			return nil, fmt.Errorf("echo: the certificates: %w", err)
		}
		roots := x509.NewCertPool()
		if !roots.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("echo: %s holds no certificate in PEM", o.CAFile)
		}
		d.TLSConfig = &tls.Config{RootCAs: roots}
	}
	return d, nil
}

// awaitClosed waits until the package has closed the socket. Connections end
// before that: a client leaves it to the server to close TCP first. But a program
// that ends meanwhile would have the system close it.
func awaitClosed(ctx context.Context, socket net.Conn) {
	tcp, ok := socket.(*net.TCPConn)
	if !ok {
		return
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return
	}
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !errors.Is(raw.Control(func(uintptr) {}), net.ErrClosed) {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}
