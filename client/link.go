package client

import (
	"context"
	"errors"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/openline/openline/websocket"
)

// link is one connection of a session, over some transport.
type link interface {
	// next waits for the next envelope, which is valid until the next call.
	next(ctx context.Context) ([]byte, error)
	// send hands a request over, which is about the session or not. If the reply is
	// nil it comes among the envelopes.
	send(ctx context.Context, request []byte, ofSession bool) (reply []byte, err error)
	// close ends the connection, by the transport's manners if it is in order.
	close(orderly bool)
}

// retrier is a link that knows when its server wants its clients back.
type retrier interface{ retry() time.Duration }

// opening is what a link is opened with.
type opening struct {
	session  *session
	token    string
	since    string
	channels []string
}

// query is what all transports have in common.
func (o *opening) query() url.Values {
	q := make(url.Values)
	if len(o.channels) > 0 {
		q.Set("channels", strings.Join(o.channels, ","))
	}
	if o.since != "" {
		q.Set("since", o.since)
	}
	return q
}

// dial opens a link. The context ends with the session, not with dial.
func (c *Client) dial(ctx context.Context, t Transport, o *opening) (link, error) {
	switch t {
	case SSE:
		return c.dialSSE(ctx, o)
	case Stream:
		return c.dialStream(ctx, o)
	case Poll:
		return c.dialPoll(ctx, o)
	}
	return c.dialWebSocket(ctx, o)
}

// subprotocol is the name of Openline's protocol over WebSocket.
const subprotocol = "openline.v1"

// socket is the link over WebSocket.
type socket struct {
	conn *websocket.Conn
	buf  []byte
}

func (c *Client) dialWebSocket(ctx context.Context, o *opening) (link, error) {
	d := *c.o.WebSocket
	d.Header = d.Header.Clone()
	if o.token != "" {
		if d.Header == nil {
			d.Header = make(map[string][]string)
		}
		d.Header.Set("Authorization", "Bearer "+o.token)
	}
	dial := d.NetDial
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	d.NetDial = func(ctx context.Context, network, address string) (net.Conn, error) {
		nc, err := dial(ctx, network, address)
		if err == nil {
			o.session.reached.Store(true)
		}
		return nc, err
	}
	d.Subprotocols = []string{subprotocol}
	d.HandshakeTimeout = -1 // the whole opening has one
	if d.PingInterval == 0 && d.PongTimeout == 0 {
		// What has arrived is seen at the end of an interval, the Ping goes out at the
		// end of the next.
		d.PingInterval, d.PongTimeout = c.o.Silence/3, c.o.Silence/3
	}
	if d.ReadLimit == 0 {
		d.ReadLimit = int64(c.o.MaxMessage)
	}
	if d.CloseTimeout == 0 {
		d.CloseTimeout = time.Second
	}
	if d.Logger == nil {
		d.Logger = quiet // the client itself tells what has happened
	}
	conn, err := websocket.Dial(ctx, c.o.address("/ws/", o.query()), &d)
	if err != nil {
		return nil, err
	}
	return &socket{conn: conn}, nil
}

var errBinary = errors.New("client: the server sent a binary message, which no envelope is")

func (l *socket) next(ctx context.Context) ([]byte, error) {
	if cap(l.buf) > keptBuffer {
		l.buf = nil
	}
	typ, b, err := l.conn.ReadAppend(ctx, l.buf[:0])
	if err != nil {
		return nil, err
	}
	l.buf = b
	if typ != websocket.Text {
		return nil, errBinary
	}
	return b, nil
}

func (l *socket) send(ctx context.Context, request []byte, _ bool) ([]byte, error) {
	return nil, l.conn.Write(ctx, websocket.Text, request)
}

func (l *socket) close(orderly bool) {
	if orderly {
		_ = l.conn.Close(websocket.CloseNormal, "")
		return
	}
	_ = l.conn.CloseNow()
}
