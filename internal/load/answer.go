package load

import (
	"bytes"
	"errors"
)

var errAnswer = errors.New("load: the server's answer is no HTTP/1.1 that can be read here")

// longestHead is the longest header of an answer that is waited for.
const longestHead = 64 << 10

// answer is an HTTP response.
type answer struct {
	status int
	body   []byte // of chunks, with their sizes
	last   bool   // the server closes the connection behind it
}

// scanAnswer reads an HTTP response with its body, of which b holds the
// beginning. n is its length, 0 if b ends before it does.
func scanAnswer(b []byte) (a answer, n int, err error) {
	head := bytes.Index(b, []byte("\r\n\r\n"))
	if head < 0 {
		if len(b) > longestHead {
			err = errAnswer
		}
		return a, 0, err
	}
	if head < 12 || !bytes.HasPrefix(b, []byte("HTTP/1.")) {
		return a, 0, errAnswer
	}
	for _, c := range b[9:12] {
		if c < '0' || c > '9' {
			return a, 0, errAnswer
		}
		a.status = a.status*10 + int(c-'0')
	}
	n = head + 4
	if a.status == 101 || a.status == 204 || a.status == 304 { // RFC 9112 §6.3
		return a, n, nil
	}
	length, chunked, last := bodyLength(b[:head])
	a.last = last
	switch {
	case chunked:
		// Good enough for a short answer of a server that is known.
		end := bytes.Index(b[n:], []byte("0\r\n\r\n"))
		if end < 0 {
			return a, 0, nil
		}
		a.body = b[n : n+end]
		return a, n + end + 5, nil
	case length < 0:
		return a, 0, errAnswer
	case len(b) < n+length:
		return a, 0, nil
	}
	a.body = b[n : n+length]
	return a, n + length, nil
}

// bodyLength reads what this client needs of a header: Content-Length, Transfer-
// Encoding and Connection. A length that is none is below zero.
func bodyLength(head []byte) (length int, chunked, last bool) {
	for len(head) > 0 {
		var line []byte
		line, head, _ = bytes.Cut(head, []byte("\r\n"))
		if v, ok := field(line, "content-length:"); ok {
			for _, c := range v {
				if c < '0' || c > '9' || length > maxMessage {
					return -1, false, last
				}
				length = length*10 + int(c-'0')
			}
		} else if v, ok := field(line, "transfer-encoding:"); ok {
			chunked = bytes.EqualFold(v, []byte("chunked"))
		} else if v, ok := field(line, "connection:"); ok {
			last = bytes.EqualFold(v, []byte("close"))
		}
	}
	return length, chunked, last
}

// field returns the value of a header line with this name.
func field(line []byte, name string) ([]byte, bool) {
	if len(line) < len(name) || line[0]|0x20 != name[0] || !bytes.EqualFold(line[:len(name)], []byte(name)) {
		return nil, false
	}
	return bytes.TrimSpace(line[len(name):]), true
}
