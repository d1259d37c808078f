package websocket

import (
	"bufio"
	"bytes"
	"net/http"
	"net/textproto"
	"net/url"
	"strconv"
	"strings"
	"sync"

	"github.com/openline/openline/websocket/internal/handshake"
)

// requestReaders are for requests that have been found whole and in order.
var requestReaders = sync.Pool{New: func() any { return &requestReader{lines: bufio.NewReaderSize(nil, 4<<10)} }}

type requestReader struct {
	octets bytes.Reader
	lines  *bufio.Reader
}

// readRequest makes a request of a header section that http1 has found in order.
func readRequest(b []byte) (*http.Request, error) {
	if r := plainRequest(b); r != nil {
		return r, nil
	}
	p, _ := requestReaders.Get().(*requestReader)
	defer requestReaders.Put(p)
	p.octets.Reset(b)
	p.lines.Reset(&p.octets)
	return http.ReadRequest(p.lines)
}

// plainRequest is [http.ReadRequest] for what opening requests are like: a path,
// HTTP/1.1, one Host, and of a body at most its length. For anything else it
// returns nil. The body is not the request's.
// It makes one string of all, and of the fields' values one slice.
func plainRequest(b []byte) *http.Request {
	head := string(b)
	line, rest, _ := strings.Cut(head, "\r\n")
	method, line, _ := strings.Cut(line, " ")
	target, ok := strings.CutSuffix(line, " HTTP/1.1")
	if !ok || target == "" || target[0] != '/' {
		return nil
	}
	u, err := url.ParseRequestURI(target)
	if err != nil {
		return nil
	}
	n := strings.Count(rest, "\n")
	values := make([]string, 0, n)
	h := make(http.Header, n)
	r := &http.Request{
		Method: method, URL: u, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: h, Body: http.NoBody, RequestURI: target,
	}
	for {
		if line, rest, _ = strings.Cut(rest, "\r\n"); line == "" {
			break
		}
		name, value, _ := strings.Cut(line, ":")
		name, value = textproto.CanonicalMIMEHeaderKey(name), strings.Trim(value, " \t")
		switch name {
		case "Host":
			r.Host = value
			continue
		case "Content-Length":
			if r.ContentLength, err = strconv.ParseInt(value, 10, 64); err != nil || r.ContentLength < 0 || h[name] != nil {
				return nil
			}
		case "Transfer-Encoding", "Trailer", "Pragma":
			return nil
		case "Connection":
			r.Close = r.Close || handshake.HasToken([]string{value}, "close")
		}
		if list, again := h[name]; again {
			h[name] = append(list, value)
			continue
		}
		values = append(values, value)
		h[name] = values[len(values)-1 : len(values) : len(values)]
	}
	if r.Host == "" {
		return nil
	}
	return r
}
