package http1

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"runtime/debug"
	"time"
)

// tlsInner is *tls.Conn, or what wraps one.
type tlsInner interface {
	net.Conn
	HandshakeContext(context.Context) error
	ConnectionState() tls.ConnectionState
}

// tlsConn is a conn above TLS, whose handshake the listener has it do. net/http does not see the *tls.Conn, but it asks any connection for ConnectionState, to fill in Request.TLS.
type tlsConn struct {
	*conn
	tls tlsInner
}

func (c *tlsConn) ConnectionState() tls.ConnectionState { return c.tls.ConnectionState() }

// shake does the handshake under the time limit of the first header section, which it starts. It is cut short when ctx ends. After false the connection is to be closed.
func (c *tlsConn) shake(ctx context.Context) (ok bool) {
	log := func(level slog.Level, reason string) {
		c.cfg.logger.LogAttrs(context.Background(), level, "http1: TLS handshake failed",
			slog.String("peer", c.inner.RemoteAddr().String()), slog.String("reason", reason))
	}
	defer func() {
		if v := recover(); v != nil { // tls.Config has functions of the program's
			log(slog.LevelError, fmt.Sprintf("panic: %v\n%s", v, debug.Stack()))
			ok = false
		}
	}()
	c.watch()
	if c.limited {
		c.inner.SetWriteDeadline(c.limit)
	}
	err := c.tls.HandshakeContext(ctx)
	if err == nil {
		if c.limited {
			c.inner.SetWriteDeadline(time.Time{})
		}
		return true
	}
	reason := err.Error()
	var re tls.RecordHeaderError
	if errors.As(err, &re) && re.Conn != nil && plainHTTP(re.RecordHeader) {
		reason = "an HTTP request came to a TLS port"
		const body = "400 Bad Request: This port speaks TLS, and a plain HTTP request came; use https://.\n"
		io.WriteString(re.Conn, "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n"+body)
	}
	log(slog.LevelInfo, reason)
	return false
}

// http2 returns what net/http's HTTP/2 is to have, if that is what the ends have agreed on, else nil.
func (c *tlsConn) http2() *tls.Conn {
	t, ok := c.inner.(*tls.Conn) // net/http knows it by its type
	if !ok || t.ConnectionState().NegotiatedProtocol != "h2" {
		return nil
	}
	c.setLimit(time.Time{}) // what is next has time limits of its own
	return t
}

// plainHTTP reports whether what should be the header of a TLS record is the beginning of a request.
func plainHTTP(h [5]byte) bool {
	switch string(h[:]) {
	case "GET /", "HEAD ", "POST ", "PUT /", "OPTIO":
		return true
	}
	return false
}
