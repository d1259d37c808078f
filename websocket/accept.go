package websocket

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/openline/openline/websocket/http1"
	"github.com/openline/openline/websocket/internal/handshake"
)

// AcceptOptions are the settings of a server's end.
type AcceptOptions struct {
	ConnOptions
	// Subprotocols are those that the server speaks. The client's order of
	// preference decides which is chosen; when none is common, the connection
	// opens without one, and a line is logged if the client is a browser, which
	// will drop it (RFC 6455 §4.2.2).
	Subprotocols []string
	// RequireSubprotocol refuses a client with 400 when no subprotocol is common.
	RequireSubprotocol bool
	// Origins are those that browsers may come from besides the server's own:
	// "https://app.example", "https://*.example.com" for all names below
	// example.com, or "*" for any. A request without an Origin field comes from
	// no browser and is not refused for that (RFC 6455 §10.2). An entry that is
	// malformed has every handshake answered with 500, and an error logged.
	//
	// Same-origin means: the page came from the scheme, host and port that the
	// request asks for. A name that an attacker points at this server (DNS
	// rebinding) is its own origin; package http1 refuses hosts that are not the
	// server's.
	Origins []string
	// OriginHint is added to the refusal of an origin: a sentence that says which
	// setting of the program would let it in.
	OriginHint string
	// Header has fields to be sent with the 101 response, beside those that the
	// ResponseWriter holds. Those of the handshake itself are not taken from it.
	Header http.Header
	// Limiter bounds connections and handshakes. It may be shared by any number
	// of handlers. Default: no limit.
	Limiter *Limiter
	// Refuse writes the response to a request that is refused, with the status
	// and with a body that gives the reason. The fields that the status demands
	// are set already. Default: the reason as plain text.
	Refuse func(w http.ResponseWriter, r *http.Request, status int, reason string)
}

// Acceptor accepts connections with options that are looked up once and shared
// by all of them.
type Acceptor struct {
	conn    *config
	options AcceptOptions
	origins originPolicy
	invalid error // what is wrong with the options
}

// defaultAcceptor is what nil options stand for. Whoever gives none has nothing in
// common with the others who do, not even a clock.
var defaultAcceptor = sync.OnceValue(func() *Acceptor {
	a := new(AcceptOptions).lookUp()
	a.conn.keepAlives = nil
	return a
})

// NewAcceptor returns an Acceptor. nil options are the defaults. The error names
// an origin that is none, or a setting of Compression that makes no sense.
func NewAcceptor(o *AcceptOptions) (*Acceptor, error) {
	a := newAcceptor(o)
	if a.invalid != nil {
		return nil, fmt.Errorf("websocket: %w", a.invalid)
	}
	return a, nil
}

func newAcceptor(o *AcceptOptions) *Acceptor {
	if o == nil {
		return defaultAcceptor()
	}
	return o.lookUp()
}

func (o *AcceptOptions) lookUp() *Acceptor {
	a := &Acceptor{conn: o.ConnOptions.resolve(), options: *o}
	a.origins, a.invalid = newOriginPolicy(o.Origins)
	if a.invalid == nil {
		a.invalid = o.Compression.check()
	}
	return a
}

// handshakeWrite bounds the writing of the 101 response.
const handshakeWrite = 10 * time.Second

// Accept answers an opening request (RFC 6455 §4.2) and returns the connection.
// nil options are the defaults. If it refuses, it writes the response itself,
// with a sentence that says why, and returns a [*HandshakeError]; the handler
// has nothing more to do then.
//
// The connection outlives the request: the handler may return. For handlers
// that do nothing else, [Handle] needs less memory; for those that open many
// connections, an [Acceptor] looks the options up once.
func Accept(w http.ResponseWriter, r *http.Request, o *AcceptOptions) (*Conn, error) {
	return newAcceptor(o).Accept(w, r)
}

// Accept is [Accept] with the Acceptor's options.
func (a *Acceptor) Accept(w http.ResponseWriter, r *http.Request) (*Conn, error) {
	if a.invalid != nil {
		return nil, a.fail(w, r, a.invalid)
	}
	terms, refusal := a.check(r)
	if refusal != nil {
		return nil, a.refuse(w, r, refusal)
	}
	head, err := a.response(w.Header(), &terms)
	if err != nil {
		return nil, a.fail(w, r, err)
	}
	release, refusal := a.options.Limiter.acquire(r)
	if refusal != nil {
		return nil, a.refuse(w, r, refusal)
	}
	nc, early, err := hijack(w)
	if err != nil {
		release()
		return nil, a.fail(w, r, err)
	}
	return a.finish(nc, head, early, &terms, release)
}

// finish sends the 101 response and begins the connection. release is called when
// it is gone.
func (a *Acceptor) finish(nc net.Conn, head, early []byte, t *terms, release func()) (*Conn, error) {
	_ = nc.SetWriteDeadline(time.Now().Add(handshakeWrite))
	if _, err := nc.Write(head); err != nil {
		release()
		_ = nc.Close()
		return nil, &HandshakeError{Status: http.StatusSwitchingProtocols, Reason: "the response could not be sent", Err: err}
	}
	_ = nc.SetDeadline(time.Time{})
	c := newConn(nc, false, a.conn, t.subprotocol, t.deflate, early)
	if a.options.Limiter != nil {
		c.whenGone(release)
	}
	return c, nil
}

// terms are what the ends agree on.
type terms struct {
	key         string
	subprotocol string
	deflate     *handshake.DeflateTerms // nil: no compression
	extension   string                  // the field that says so
}

// check judges an opening request, whoever has read it.
func (a *Acceptor) check(r *http.Request) (terms, *handshake.Refusal) {
	req, refusal := handshake.CheckRequest(r)
	if refusal == nil {
		refusal = a.checkOrigin(r)
	}
	if refusal != nil {
		return terms{}, refusal
	}
	t := terms{key: req.Key}
	if t.subprotocol, refusal = a.chooseSubprotocol(r, req.Subprotocols); refusal != nil {
		return terms{}, refusal
	}
	t.deflate, t.extension = a.conn.compression.accept(req.Extensions)
	return t, nil
}

// hijack takes the connection from net/http, with what was read from it and not
// yet used.
func hijack(w http.ResponseWriter) (net.Conn, []byte, error) {
	nc, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return nil, nil, fmt.Errorf("the connection cannot be taken over from the HTTP server: %w", err)
	}
	early, _ := rw.Reader.Peek(rw.Reader.Buffered())
	nc, more := http1.Detach(nc)
	early = slices.Concat(early, more)
	if r, ok := nc.(*replayed); ok {
		if r.TCPConn.RemoteAddr() == nil {
			_ = nc.Close()
			return nil, nil, errPeerGone
		}
		return r.TCPConn, append(early, r.rest...), nil
	}
	return nc, early, nil
}

var errPeerGone = errors.New("the peer is gone")

// fail answers a request that is refused through no fault of the client's.
func (a *Acceptor) fail(w http.ResponseWriter, r *http.Request, err error) error {
	e := a.refuse(w, r, &handshake.Refusal{Status: http.StatusInternalServerError, Reason: "The server cannot open a WebSocket here: " + err.Error() + "."})
	e.Err = err
	return e
}

// refuse answers the request with a refusal. The client may have sent frames
// already, so the connection is of no further use for HTTP.
func (a *Acceptor) refuse(w http.ResponseWriter, r *http.Request, f *handshake.Refusal) *HandshakeError {
	h := w.Header()
	for _, name := range []string{"Content-Encoding", "Content-Length", "Transfer-Encoding", "Trailer", "Etag", "Last-Modified"} {
		delete(h, name) // what a layer above has set for another body than this
	}
	for name, values := range f.Header {
		h[name] = slices.Clone(values)
	}
	if r.ProtoMajor < 2 { // over HTTP/2 other requests share the connection
		// net/http closes it if close is the first value, and only then.
		h["Connection"] = slices.Concat([]string{"close"}, f.Header["Connection"])
	}
	h.Set("X-Content-Type-Options", "nosniff")
	write := a.options.Refuse
	if write == nil {
		write = writeRefusal
	}
	write(w, r, f.Status, f.Reason)
	level := slog.LevelInfo
	if f.Status == http.StatusInternalServerError {
		level = slog.LevelError
	}
	a.conn.log.LogAttrs(r.Context(), level, "websocket: handshake refused", // the query may hold a token
		slog.String("peer", r.RemoteAddr), slog.String("path", handshake.Printable(r.URL.EscapedPath())),
		slog.String("origin", handshake.Printable(strings.Join(r.Header["Origin"], ", "))),
		slog.Int("status", f.Status), slog.String("reason", f.Reason))
	return &HandshakeError{Status: f.Status, Reason: f.Reason}
}

// writeRefusal is the response of a refusal: the reason as plain text.
func writeRefusal(w http.ResponseWriter, r *http.Request, status int, reason string) {
	body := reason + "\n"
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write([]byte(body)) // the client's loss if it does not arrive
	}
}

func (a *Acceptor) checkOrigin(r *http.Request) *handshake.Refusal {
	if a.origins.allows(r) {
		return nil
	}
	reason := fmt.Sprintf("Pages from the origin \"%s\" may not connect to this server.", handshake.Printable(strings.Join(r.Header["Origin"], ", ")))
	if hint := a.options.OriginHint; hint != "" {
		reason += " " + hint
	} else {
		reason += " AcceptOptions.Origins would let it in."
	}
	return &handshake.Refusal{Status: http.StatusForbidden, Reason: reason}
}

func (a *Acceptor) chooseSubprotocol(r *http.Request, offered []string) (string, *handshake.Refusal) {
	for _, s := range offered {
		if slices.Contains(a.options.Subprotocols, s) {
			return s, nil
		}
	}
	if a.options.RequireSubprotocol {
		return "", &handshake.Refusal{
			Status: http.StatusBadRequest,
			Reason: "This server needs one of these subprotocols in Sec-WebSocket-Protocol: " + strings.Join(a.options.Subprotocols, ", ") + ".",
		}
	}
	if len(offered) > 0 && r.Header.Get("Origin") != "" {
		// What was offered is not logged: some clients put a token there.
		a.conn.log.LogAttrs(r.Context(), slog.LevelWarn, "websocket: no common subprotocol, a browser will drop the connection",
			slog.String("peer", r.RemoteAddr), slog.Int("offered", len(offered)), slog.Any("supported", a.options.Subprotocols))
	}
	return "", nil
}

// response builds the 101 response. fields are those of the request's handler.
func (a *Acceptor) response(fields http.Header, t *terms) ([]byte, error) {
	b := make([]byte, 0, 256)
	b = append(b, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "...)
	b = append(b, handshake.AcceptKey(t.key)...)
	if t.subprotocol != "" {
		b = append(append(b, "\r\nSec-WebSocket-Protocol: "...), t.subprotocol...)
	}
	if t.extension != "" {
		b = append(append(b, "\r\nSec-WebSocket-Extensions: "...), t.extension...)
	}
	b = append(b, "\r\n"...)
	b, err := appendFields(b, fields, false)
	if err != nil {
		return nil, err
	}
	if b, err = appendFields(b, a.options.Header, true); err != nil {
		return nil, err
	}
	return append(b, "\r\n"...), nil
}

// owned are the fields that the handshake sets itself or that must not stand
// beside it.
func owned(name string) bool {
	switch name = strings.ToLower(name); name {
	case "host", "upgrade", "connection", "content-length", "transfer-encoding", "trailer", "te", "content-type", "date":
		return true
	}
	return strings.HasPrefix(name, "sec-websocket-")
}

// appendFields appends header fields. A name or value that would break the
// header's syntax, and with strict a field that the handshake owns, is an error
// (RFC 9110 §5.5).
func appendFields(b []byte, h http.Header, strict bool) ([]byte, error) {
	for _, name := range slices.Sorted(maps.Keys(h)) {
		if owned(name) {
			if strict {
				return nil, fmt.Errorf("the header field %q belongs to the handshake", name)
			}
			continue
		}
		if !handshake.IsToken(name) {
			return nil, fmt.Errorf("%q is not the name of a header field", name)
		}
		for _, value := range h[name] {
			if strings.ContainsFunc(value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7F }) {
				return nil, fmt.Errorf("the value of the header field %q has a control character", name)
			}
			b = append(append(append(append(b, name...), ": "...), value...), "\r\n"...)
		}
	}
	return b, nil
}
