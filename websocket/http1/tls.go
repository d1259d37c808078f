package http1

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"time"
)

// tlsInner is *tls.Conn, or what wraps one.
type tlsInner interface {
	net.Conn
	HandshakeContext(context.Context) error
	ConnectionState() tls.ConnectionState
}

// tlsConn is a conn above TLS. net/http does not see the *tls.Conn, but it asks any connection for ConnectionState, on the connection's own goroutine and
// before it reads, to fill in Request.TLS.
type tlsConn struct {
	*conn
	tls tlsInner
}

func (c *tlsConn) ConnectionState() tls.ConnectionState {
	c.shake()
	return c.tls.ConnectionState()
}

func (c *tlsConn) Read(p []byte) (int, error) {
	c.shake()
	return c.conn.Read(p)
}

// shake does the handshake under the time limit of the first header section, which it starts.
func (c *tlsConn) shake() {
	c.handshake.Do(func() {
		c.watch()
		if c.limited {
			c.inner.SetWriteDeadline(c.limit)
		}
		err := c.tls.HandshakeContext(context.Background())
		if err == nil {
			if c.limited {
				c.inner.SetWriteDeadline(time.Time{})
			}
			return
		}
		reason := err.Error()
		var re tls.RecordHeaderError
		if errors.As(err, &re) && re.Conn != nil && plainHTTP(re.RecordHeader) {
			reason = "an HTTP request came to a TLS port"
			const body = "400 Bad Request: This port speaks TLS, and a plain HTTP request came; use https://.\n"
			io.WriteString(re.Conn, "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n"+body)
			c.dead.Store(true)
		}
		// net/http takes this for a failure of the network, and does not answer.
		c.err = &net.OpError{Op: "read", Net: "tcp", Addr: c.inner.RemoteAddr(), Err: err}
		c.cfg.logger.LogAttrs(context.Background(), slog.LevelInfo, "http1: TLS handshake failed",
			slog.String("peer", c.inner.RemoteAddr().String()), slog.String("reason", reason))
	})
}

// plainHTTP reports whether what should be the header of a TLS record is the beginning of a request.
func plainHTTP(h [5]byte) bool {
	switch string(h[:]) {
	case "GET /", "HEAD ", "POST ", "PUT /", "OPTIO":
		return true
	}
	return false
}
