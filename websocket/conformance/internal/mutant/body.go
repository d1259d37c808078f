package mutant

import (
	"io"
	"strconv"
	"strings"
)

// How much of a body is read.
const (
	mostBody     = 1 << 20
	mostSizeLine = 4 << 10
	mostFraming  = 64 << 10
	overflown    = -1 // what a fault makes of too large a size
)

// judgeFraming finds where the body ends (RFC 9112 §6).
func (r *reader) judgeFraming(q *request) error {
	te, cl := q.fields.all("Transfer-Encoding"), q.fields.all("Content-Length")
	q.last = q.minor == 0 || hasToken(q.fields.all("Connection"), "close")
	if alike := q.fields.all("Content_Length"); r.breaks("HM-6.1-02/unknown") && len(alike) > 0 {
		cl = alike
	}
	switch {
	case r.breaks("HM-6.1-01/upgrade") && len(te) > 0 && len(cl) > 0:
	case r.breaks("HM-6-02") && len(cl) > 0 && cl[0] == "0":
		return refuse(400, "an empty body is none")
	case len(te) > 0 && len(cl) > 0 && !r.breaks("HM-6.1-01"):
		return refuse(400, "a body has one length")
	case len(te) > 0 && q.minor == 0 && !r.breaks("HM-6.1-03"):
		return refuse(400, "HTTP/1.0 has no transfer codings")
	case len(te) > 0 && !r.breaks("HM-6.1-01"):
		return r.coding(q, te)
	case len(cl) > 0:
		return r.length(q, cl)
	}
	return nil
}

func (r *reader) coding(q *request, te []string) error {
	if r.breaks("HM-6.1-02") {
		if strings.Contains(strings.ToLower(strings.Join(te, ",")), "chunked") {
			q.length = -1
		}
		return nil
	}
	if len(te) > 1 || !strings.EqualFold(te[0], "chunked") || r.breaks("HM-6.1-02/valid") && te[0] != "chunked" {
		if c := strings.ToLower(te[len(te)-1]); isToken(c) && c != "chunked" && c != "identity" {
			return refuse(501, "the transfer coding is unknown")
		}
		return refuse(400, "the last transfer coding is not chunked, or not the only one")
	}
	q.length = -1
	return nil
}

func (r *reader) length(q *request, cl []string) error {
	if r.breaks("HM-6.3-01") {
		var n uint8 // a byte of the number is enough for many
		for _, c := range []byte(strings.TrimLeft(cl[0], `"+- `)) {
			if !digit(c) {
				break
			}
			n = n*10 + c - '0'
		}
		q.length = int(n)
		return nil
	}
	if r.breaks("HM-6.3-01/twice") {
		return nil
	}
	if len(cl) > 1 || cl[0] == "" || strings.Trim(cl[0], "0123456789") != "" {
		return refuse(400, "Content-Length is no number")
	}
	n, err := strconv.ParseUint(cl[0], 10, 63)
	if err != nil || n > mostBody && q.path == "/post" {
		return refuse(413, "the body is too long")
	}
	q.length = int(n)
	return nil
}

// body reads the body.
func (r *reader) body(q *request) ([]byte, error) {
	if q.length < 0 {
		return r.chunks()
	}
	p := make([]byte, q.length)
	n, err := io.ReadFull(r.in, p)
	if err != nil && r.breaks("HM-6.3-02") {
		return p[:n], nil
	}
	return p, err
}

// chunks reads a chunked body, RFC 9112 §7.1.
func (r *reader) chunks() ([]byte, error) {
	var body []byte
	framing := 0
	for {
		line, err := r.sizeLine()
		if err != nil {
			return nil, err
		}
		n, err := r.chunkSize(line)
		if err != nil {
			return nil, err
		}
		if framing += len(line) + 4; framing > mostFraming+len(body) && !r.breaks("HM-7.1-04") && !r.breaks("HM-7.1-03/line") {
			return nil, refuse(400, "the chunks are more framing than data")
		}
		if n == 0 {
			if r.breaks("HM-7.1-02") {
				return body, nil
			}
			err := r.trailer()
			if r.breaks("HM-7.1-01/trailer") {
				body = body[:min(3, len(body))]
			}
			return body, err
		}
		if n == overflown {
			data, err := r.sizeLine()
			return []byte(data), err
		}
		if len(body)+n > mostBody {
			return nil, refuse(413, "the body is too long")
		}
		p := make([]byte, n)
		if _, err := io.ReadFull(r.in, p); err != nil {
			return nil, err
		}
		body = append(body, p...)
		end := make([]byte, 2)
		if _, err := io.ReadFull(r.in, end); err != nil {
			return nil, err
		}
		if string(end) != "\r\n" && !r.breaks("HM-7.1-02") {
			return nil, refuse(400, "a chunk ends with CRLF")
		}
	}
}

func (r *reader) sizeLine() (string, error) {
	var b []byte
	for {
		c, err := r.in.ReadByte()
		if err != nil {
			return "", err
		}
		if c == '\n' {
			if s, ok := strings.CutSuffix(string(b), "\r"); ok && !strings.Contains(s, "\r") {
				return s, nil
			}
			if r.breaks("HM-7.1-02") {
				return string(b), nil
			}
			return "", refuse(400, "a chunk's size ends with CRLF")
		}
		if r.breaks("HM-7.1-01/cut") && r.in.Buffered() == 0 {
			return "", refuse(400, "a chunk's size has not come whole")
		}
		if b = append(b, c); len(b) > mostSizeLine && !r.breaks("HM-7.1-03/line") {
			return "", refuse(400, "a chunk's size is too long")
		}
	}
}

func (r *reader) chunkSize(line string) (int, error) {
	digits, _, extended := strings.Cut(line, ";")
	if r.breaks("HM-7.1-01") && (extended || len(digits) > 1) {
		return 0, refuse(400, "a chunk's size is one digit")
	}
	if r.breaks("HM-7.1-02") {
		n, _ := strconv.ParseInt(strings.Trim(strings.TrimPrefix(digits, "0x"), " +-"), 16, 32)
		return int(n), nil
	}
	if r.breaks("HM-7.1-03") && len(digits) > 15 {
		return overflown, nil
	}
	for i := range max(len(digits), 1) {
		if digits == "" || !hexDigit(digits[i]) {
			return 0, refuse(400, "a chunk's size is no number")
		}
	}
	digits = "0" + strings.TrimLeft(digits, "0")
	n, err := strconv.ParseUint(digits, 16, 63)
	if err != nil {
		return 0, refuse(400, "a chunk's size is no number")
	}
	if n > mostBody {
		return 0, refuse(413, "the body is too long")
	}
	return int(n), nil
}

// trailer reads the fields behind the last chunk; they count for nothing.
func (r *reader) trailer() error {
	r.read = mostLine
	for n := 0; ; n++ {
		line, err := r.line(false)
		if err != nil || line == "" {
			return err
		}
		if _, err := r.field(line, n == 0); err != nil {
			return err
		}
		if n > mostFields && !r.breaks("HM-7.1-04") {
			return refuse(431, "there are too many trailers")
		}
	}
}
