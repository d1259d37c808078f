package wstest

import (
	"bufio"
	"crypto/sha1"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/openline/openline/websocket"
)

// Peer is an end of a connection that does what it is told, right or wrong. As
// a client it masks what SendFrame sends with the key 12 34 56 78.
//
// If the opening handshake agreed on permessage-deflate (RFC 7692), compressed
// messages are inflated; what the peer sends is compressed only if its octets are.
//
// Every frame it reads is judged: reserved bits, opcode, masking, shortest
// length form, order of fragments, UTF-8, close code, nothing but a Pong behind a
// Close. Its methods, but for Next, end the test on failure, so they belong on
// the test's goroutine. One goroutine may read while another sends.
type Peer struct {
	tb     testing.TB
	nc     net.Conn
	client bool
	in     decoder
	where  string // in a script, for failures
	// Header has the fields of the other end's half of the opening handshake.
	Header http.Header
}

// NewPeer makes a Peer on a connection whose opening handshake is done. client
// says that the peer is the client. The connection is closed when the test ends.
func NewPeer(tb testing.TB, nc net.Conn, client bool) *Peer {
	return newPeer(tb, nc, bufio.NewReader(nc), client)
}

// fatalf ends the test.
func (p *Peer) fatalf(format string, args ...any) {
	p.tb.Helper()
	p.tb.Fatalf("wstest: %s%s", p.where, fmt.Sprintf(format, args...))
}

func newPeer(tb testing.TB, nc net.Conn, br *bufio.Reader, client bool) *Peer {
	tb.Cleanup(func() { _ = nc.Close() })
	return &Peer{tb: tb, nc: nc, client: client, in: decoder{r: br, masked: !client}}
}

// Connect opens a connection to the server at rawURL (ws or http) as its client.
// fields are lines that are added to the opening request, such as
// "Sec-WebSocket-Protocol: chat".
func Connect(tb testing.TB, rawURL string, fields ...string) *Peer {
	tb.Helper()
	u, err := url.Parse(rawURL)
	if err != nil {
		tb.Fatal(err)
	}
	nc, err := net.DialTimeout("tcp", u.Host, guard)
	if err != nil {
		tb.Fatal(err)
	}
	return ConnectOver(tb, nc, rawURL, fields...)
}

// ConnectOver is Connect over a connection that is there already, such as one
// of package crypto/tls.
func ConnectOver(tb testing.TB, nc net.Conn, rawURL string, fields ...string) *Peer {
	tb.Helper()
	u, err := url.Parse(rawURL)
	if err != nil {
		tb.Fatal(err)
	}
	p := newPeer(tb, nc, bufio.NewReader(nc), true)
	const key = "AAECAwQFBgcICQoLDA0ODw=="
	lines := append([]string{
		"GET " + u.RequestURI() + " HTTP/1.1", "Host: " + u.Host, "Upgrade: websocket", "Connection: Upgrade",
		"Sec-WebSocket-Key: " + key, "Sec-WebSocket-Version: 13",
	}, fields...)
	p.SendBytes([]byte(strings.Join(lines, "\r\n") + "\r\n\r\n"))
	resp, err := http.ReadResponse(p.in.r, &http.Request{Method: http.MethodGet})
	if err != nil {
		tb.Fatalf("wstest: reading the response: %v", err)
	}
	if resp.StatusCode != http.StatusSwitchingProtocols || resp.Header.Get("Sec-WebSocket-Accept") != acceptKey(key) {
		tb.Fatalf("wstest: the connection did not open: %s %v", resp.Status, resp.Header)
	}
	p.Header = resp.Header
	p.in.agree(strings.Join(resp.Header["Sec-Websocket-Extensions"], ", "))
	return p
}

func acceptKey(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// Listener waits for clients under test.
type Listener struct {
	tb testing.TB
	l  net.Listener
}

// Listen starts a server for clients under test. It is closed when the test
// ends.
func Listen(tb testing.TB) *Listener {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = l.Close() })
	return &Listener{tb, l}
}

// URL returns the address to dial, with the scheme ws.
func (l *Listener) URL() string { return "ws://" + l.l.Addr().String() + "/" }

// Accept waits for a client, answers its opening request and returns the peer
// that is its server. fields are lines that are added to the response.
func (l *Listener) Accept(fields ...string) *Peer {
	l.tb.Helper()
	_ = l.l.(*net.TCPListener).SetDeadline(time.Now().Add(guard))
	nc, err := l.l.Accept()
	if err != nil {
		l.tb.Fatal(err)
	}
	return AcceptOver(l.tb, nc, fields...)
}

// AcceptOver answers the opening request that comes over nc and returns the peer
// that is the server there.
func AcceptOver(tb testing.TB, nc net.Conn, fields ...string) *Peer {
	tb.Helper()
	p := newPeer(tb, nc, bufio.NewReader(nc), false)
	_ = nc.SetReadDeadline(time.Now().Add(guard))
	req, err := http.ReadRequest(p.in.r)
	if err != nil {
		tb.Fatalf("wstest: reading the request: %v", err)
	}
	p.Header = req.Header
	lines := append([]string{
		"HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade",
		"Sec-WebSocket-Accept: " + acceptKey(req.Header.Get("Sec-WebSocket-Key")),
	}, fields...)
	p.SendBytes([]byte(strings.Join(lines, "\r\n") + "\r\n\r\n"))
	for _, f := range fields {
		if name, value, _ := strings.Cut(f, ":"); strings.EqualFold(name, "Sec-WebSocket-Extensions") {
			p.in.agree(value)
		}
	}
	return p
}

// Dial connects the library's own client and returns both ends. nil options are
// the defaults, fields as for Accept.
func (l *Listener) Dial(o *websocket.DialOptions, fields ...string) (*Peer, *websocket.Conn) {
	l.tb.Helper()
	type result struct {
		c   *websocket.Conn
		err error
	}
	dialed := make(chan result, 1)
	go func() {
		c, err := websocket.Dial(l.tb.Context(), l.URL(), o)
		dialed <- result{c, err}
	}()
	p := l.Accept(fields...)
	r := <-dialed
	if r.err != nil {
		l.tb.Fatalf("wstest: %v", r.err)
	}
	l.tb.Cleanup(func() { _ = r.c.CloseNow() })
	return p, r.c
}

// NetConn returns the connection below.
func (p *Peer) NetConn() net.Conn { return p.nc }

// Send sends octets given in hexadecimal. Spaces are ignored, and (…)*N stands
// for N times the group.
func (p *Peer) Send(octets string) {
	p.tb.Helper()
	b, err := parseOctets(octets)
	if err != nil {
		p.tb.Fatal(err)
	}
	p.SendBytes(b)
}

// SendBytes sends b in one write.
func (p *Peer) SendBytes(b []byte) {
	p.tb.Helper()
	_ = p.nc.SetWriteDeadline(time.Now().Add(guard))
	if _, err := p.nc.Write(b); err != nil {
		p.fatalf("sending: %v", err)
	}
}

// Cut sends octets, given as for Send, in pieces of n octets, each a write and
// nearly always a TCP segment of its own. It stops early, without a failure, when
// the other end has ended the connection meanwhile.
func (p *Peer) Cut(n int, octets string) {
	p.tb.Helper()
	b, err := parseOctets(octets)
	if err != nil {
		p.tb.Fatal(err)
	}
	p.CutBytes(n, b)
}

// CutBytes is Cut for octets that are not written down.
func (p *Peer) CutBytes(n int, b []byte) {
	p.tb.Helper()
	for len(b) > 0 {
		k := min(n, len(b))
		_ = p.nc.SetWriteDeadline(time.Now().Add(guard))
		if _, err := p.nc.Write(b[:k]); err != nil {
			return
		}
		b = b[k:]
	}
}

// SendFrame sends one frame, masked if the peer is the client.
func (p *Peer) SendFrame(fin bool, opcode byte, payload []byte) {
	p.tb.Helper()
	p.SendBytes(p.AppendFrame(nil, fin, opcode, payload))
}

// AppendFrame appends to b the octets that SendFrame would send.
func (p *Peer) AppendFrame(b []byte, fin bool, opcode byte, payload []byte) []byte {
	return appendFrame(b, fin, opcode, p.client, payload)
}

// SendMessage sends a message as one frame.
func (p *Peer) SendMessage(typ websocket.MessageType, data []byte) {
	p.tb.Helper()
	p.SendFrame(true, byte(typ), data)
}

// SendPing sends a Ping.
func (p *Peer) SendPing(payload string) {
	p.tb.Helper()
	p.SendFrame(true, opPing, []byte(payload))
}

// SendClose sends a Close; CloseNoStatus stands for one without a body.
func (p *Peer) SendClose(code websocket.CloseCode, reason string) {
	p.tb.Helper()
	var body []byte
	if code != websocket.CloseNoStatus {
		body = append([]byte{byte(code >> 8), byte(code)}, reason...)
	}
	p.SendFrame(true, opClose, body)
}

// CloseWrite ends the peer's direction of the TCP connection (FIN).
func (p *Peer) CloseWrite() {
	p.tb.Helper()
	if err := p.nc.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
		p.fatalf("%v", err)
	}
}

// Reset ends the TCP connection with a reset.
func (p *Peer) Reset() {
	if nc, ok := p.nc.(*net.TCPConn); ok {
		_ = nc.SetLinger(0)
	}
	_ = p.nc.Close()
}

// Close closes the TCP connection.
func (p *Peer) Close() { _ = p.nc.Close() }

// parseOctets reads octets in hexadecimal.
func parseOctets(s string) ([]byte, error) {
	var b []byte
	for s = strings.TrimSpace(s); s != ""; s = strings.TrimSpace(s) {
		group := s
		times := 1
		if rest, ok := strings.CutPrefix(s, "("); ok {
			inner, after, ok := strings.Cut(rest, ")*")
			if !ok {
				return nil, fmt.Errorf("wstest: a group is written (…)*N: %q", s)
			}
			digits := len(after) - len(strings.TrimLeft(after, "0123456789"))
			if _, err := fmt.Sscan(after[:digits], &times); err != nil {
				return nil, fmt.Errorf("wstest: how many times? %q", s)
			}
			group, s = inner, after[digits:]
		} else if i := strings.IndexByte(s, '('); i >= 0 {
			group, s = s[:i], s[i:]
		} else {
			s = ""
		}
		octets, err := hex.DecodeString(strings.Join(strings.Fields(group), ""))
		if err != nil {
			return nil, fmt.Errorf("wstest: %q: %w", group, err)
		}
		for range times {
			b = append(b, octets...)
		}
	}
	return b, nil
}
