package websocket

import (
	"bytes"
	"io"
	"maps"
	"net"
	"net/http"
	"strconv"
	"time"
)

// heldResponse is the ResponseWriter for a request that net/http has not read. It
// keeps what is written until that is known to be the answer.
type heldResponse struct {
	header http.Header
	status int // 0: none has been written
	body   []byte
}

func (w *heldResponse) Header() http.Header {
	if w.header == nil {
		w.header = http.Header{}
	}
	return w.header
}

func (w *heldResponse) WriteHeader(status int) {
	if w.status == 0 && status >= 200 {
		w.status = status
	}
}

func (w *heldResponse) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	w.body = append(w.body, p...)
	return len(p), nil
}

// octets is the answer, after which the connection ends. One to HEAD has no body.
func (w *heldResponse) octets(head bool) []byte {
	var b bytes.Buffer
	b.WriteString("HTTP/1.1 " + strconv.Itoa(w.status) + " " + http.StatusText(w.status) + "\r\n")
	h := w.Header()
	h.Del("Transfer-Encoding")
	if h.Get("Date") == "" {
		h.Set("Date", time.Now().UTC().Format(http.TimeFormat))
	}
	if len(h["Connection"]) == 0 {
		h.Set("Connection", "close")
	}
	if _, ok := h["Content-Type"]; !ok && len(w.body) > 0 {
		h.Set("Content-Type", http.DetectContentType(w.body))
	}
	bodiless := w.status == http.StatusNoContent || w.status == http.StatusNotModified
	switch {
	case bodiless:
		h.Del("Content-Length")
	case !head || h.Get("Content-Length") == "":
		h.Set("Content-Length", strconv.Itoa(len(w.body)))
	}
	_ = h.Write(&b) // memory takes it
	b.WriteString("\r\n")
	if !head && !bodiless {
		b.Write(w.body)
	}
	return b.Bytes()
}

// copyTo answers a request of net/http's with what was held.
func (w *heldResponse) copyTo(to http.ResponseWriter) {
	maps.Copy(to.Header(), w.header)
	to.WriteHeader(w.status)
	_, _ = to.Write(w.body) // the client's loss if it does not arrive
}

// replayed is a connection of which something has been read that is to be read
// again.
type replayed struct {
	*net.TCPConn
	peer net.Addr
	rest []byte
}

// RemoteAddr returns the address that the connection was accepted from.
func (c *replayed) RemoteAddr() net.Addr { return c.peer }

// Read reads what is to be read again first.
func (c *replayed) Read(p []byte) (int, error) {
	if len(c.rest) == 0 {
		return c.TCPConn.Read(p)
	}
	n := copy(p, c.rest)
	if c.rest = c.rest[n:]; len(c.rest) == 0 {
		c.rest = nil
	}
	return n, nil
}

// WriteTo is what io.Copy uses.
func (c *replayed) WriteTo(w io.Writer) (int64, error) {
	n, err := w.Write(c.rest)
	if c.rest = c.rest[n:]; err != nil {
		return int64(n), err
	}
	more, err := c.TCPConn.WriteTo(w)
	return int64(n) + more, err
}
