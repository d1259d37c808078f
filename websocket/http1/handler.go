package http1

import (
	"bufio"
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"
)

// The request that stands in for a refused one. Its target cannot be guessed, so no peer can ask for it; and it counts only on a connection whose guard has refused.
var (
	standInTarget = "/" + rand.Text()
	standIn       = "GET " + standInTarget + " HTTP/1.1\r\nHost: guard.invalid\r\nConnection: close\r\n\r\n"
	standInHEAD   = "HEAD" + standIn[len("GET"):]
)

// handler stands before the server's own.
type handler struct{ next http.Handler }

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	next := h.next
	if next == nil {
		next = http.DefaultServeMux
	}
	c, _ := r.Context().Value(connKey{}).(*conn)
	if c == nil {
		if cfg, ok := r.Context().Value(listenerKey{}).(*config); ok && r.ProtoMajor == 2 {
			cfg.serve2(w, r, next)
			return
		}
		next.ServeHTTP(w, r)
		return
	}
	// Once the handler has returned, it is net/http's goroutine for this connection that closes it, unless (*http.Server).Close does.
	c.served.Store(false)
	defer func() {
		if c.hijacked.Load() {
			return
		}
		if options := w.Header()["Connection"]; r.Close || len(options) > 0 && options[0] == "close" {
			c.ending.Store(true) // net/http closes: the peer may have sent more
		}
		c.served.Store(true)
	}()
	if len(r.TransferEncoding) > 0 {
		// A copy: net/http goes by the Body of its own when it decides whether the connection can be used again.
		r2 := *r
		r2.Body = &chunkedBody{r.Body, c}
		r = &r2
	}
	switch {
	case r.RequestURI == standInTarget && c.ending.Load() && c.s.refused != nil:
		c.answer(w, r)
	case switches(r):
		lw := &lastWriter{ResponseWriter: w}
		next.ServeHTTP(lw, r)
		if !c.hijacked.Load() {
			lw.begin()
			c.dead.Store(true)
			c.ending.Store(true)
		}
	default:
		next.ServeHTTP(w, r)
	}
}

// chunkedBody says what broke a body; net/http has its own words for some of it.
type chunkedBody struct {
	io.ReadCloser
	c *conn
}

func (b *chunkedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && err != io.EOF && b.c.ending.Load() && b.c.s.broken != nil {
		err = b.c.s.broken
	}
	return n, err
}

// answer refuses what the stand-in stands for.
func (c *conn) answer(w http.ResponseWriter, r *http.Request) {
	// The peer may not have read the answers before this one, and the server may have no WriteTimeout.
	c.inner.SetWriteDeadline(time.Now().Add(defaultHeadTimeout))
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Connection", "close")
	c.cfg.refuse(w, r, c.s.refused.status, c.s.refused.reason())
}

// writeRefusal is the answer to a refused request: the reason as plain text.
func writeRefusal(w http.ResponseWriter, _ *http.Request, status int, reason string) {
	body := fmt.Sprintf("%d %s: %s\n", status, http.StatusText(status), reason)
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	io.WriteString(w, body)
}

// switches reports whether another protocol may follow r: what headScan calls upgrade or connect.
func switches(r *http.Request) bool {
	if r.Method == http.MethodConnect || len(r.Header["Sec-Websocket-Key"]) > 0 {
		return true
	}
	for _, v := range r.Header["Upgrade"] {
		if namesWebSocket([]byte(v)) {
			return true
		}
	}
	return false
}

// lastWriter adds “Connection: close” to the answer, unless the handler hijacks.
type lastWriter struct {
	http.ResponseWriter
	begun bool
}

func (w *lastWriter) begin() {
	if w.begun {
		return
	}
	w.begun = true
	h := w.Header()
	// net/http closes if the first value is close; it keeps the others.
	v := []string{"close"}
	for _, old := range h["Connection"] {
		if old != "close" {
			v = append(v, old)
		}
	}
	h["Connection"] = v
}

func (w *lastWriter) WriteHeader(status int) {
	if status >= 200 {
		w.begin()
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *lastWriter) Write(p []byte) (int, error) {
	w.begin()
	return w.ResponseWriter.Write(p)
}

func (w *lastWriter) Flush() {
	w.begin()
	http.NewResponseController(w.ResponseWriter).Flush()
}

func (w *lastWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return http.NewResponseController(w.ResponseWriter).Hijack()
}

func (w *lastWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
