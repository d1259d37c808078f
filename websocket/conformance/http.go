package conformance

import (
	"bytes"
	"cmp"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// head is the start line and the fields of an HTTP message.
type head struct {
	start  string
	fields []field
	status int // of a response
	body   []byte
}

type field struct{ name, value string }

// values returns the values of all lines with this name.
func (h *head) values(name string) []string {
	var list []string
	for _, f := range h.fields {
		if strings.EqualFold(f.name, name) {
			list = append(list, f.value)
		}
	}
	return list
}

// hasToken reports whether a list field has an element, in any case.
func (h *head) hasToken(name, token string) bool {
	for _, v := range h.values(name) {
		for t := range strings.SplitSeq(v, ",") {
			if strings.EqualFold(strings.Trim(t, " \t"), token) {
				return true
			}
		}
	}
	return false
}

// mostHead is the longest header section that the suite takes.
const mostHead = 256 << 10

// head reads one header section.
func (w *wire) head(deadline time.Time) (*head, error) {
	end := -1
	err := w.await(deadline, func(in []byte) bool {
		end = bytes.Index(in, []byte("\r\n\r\n"))
		return end >= 0 || len(in) > mostHead
	})
	if err == nil && end < 0 {
		err = fmt.Errorf("a header section of more than %d octets", mostHead)
	}
	if err != nil {
		if left := w.waiting(); len(left) > 0 {
			w.rec.add(Event{Conn: w.n, Kind: Octets, Octets: left, What: "no whole header section"})
			return nil, violation{fmt.Sprintf("instead of a whole header section came %s", short(left))}
		}
		return nil, err
	}
	raw := bytes.Clone(w.waiting()[:end+4])
	w.take(end + 4)
	h, err := parseHead(string(raw[:end]))
	what := string(raw[:end])
	if h != nil {
		what = h.start
	}
	w.rec.add(Event{Conn: w.n, Kind: Octets, Octets: raw, What: what})
	return h, err
}

// parseHead reads a header section strictly (RFC 9112 §2, §5).
func parseHead(s string) (*head, error) {
	lines := strings.Split(s, "\r\n")
	h := &head{start: lines[0]}
	for _, line := range lines {
		if i := strings.IndexFunc(line, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7F }); i >= 0 {
			return h, violation{fmt.Sprintf("a control octet in the line %q (RFC 9112 §2.2)", line)}
		}
	}
	for _, line := range lines[1:] {
		name, value, ok := strings.Cut(line, ":")
		if !ok || !isToken(name) {
			return h, violation{fmt.Sprintf("%q is no field line (RFC 9112 §5)", line)}
		}
		h.fields = append(h.fields, field{name, strings.Trim(value, " \t")})
	}
	return h, nil
}

// response reads a response, and its body unless it is a 101. method is that of
// the request.
func (w *wire) response(method string, deadline time.Time) (*head, error) {
	h, err := w.head(deadline)
	if err != nil {
		return h, err
	}
	version, rest, _ := strings.Cut(h.start, " ")
	digits, _, _ := strings.Cut(rest, " ")
	h.status, err = strconv.Atoi(digits)
	if err != nil || len(digits) != 3 || version != "HTTP/1.1" && version != "HTTP/1.0" {
		return h, violation{fmt.Sprintf("%q is no status line (RFC 9112 §4)", h.start)}
	}
	length, chunked := h.values("Content-Length"), h.values("Transfer-Encoding")
	switch {
	case len(length) > 1 || len(length) == 1 && len(chunked) > 0:
		return h, violation{fmt.Sprintf("the framing of the response is ambiguous: Content-Length %q, Transfer-Encoding %q (RFC 9112 §6)", length, chunked)}
	case h.status < 200 || h.status == 204:
		if len(length) > 0 || len(chunked) > 0 {
			return h, violation{fmt.Sprintf("a %d response has Content-Length %q, Transfer-Encoding %q (RFC 9110 §8.6)", h.status, length, chunked)}
		}
		return h, nil
	case h.status == 304 || method == "HEAD":
		return h, nil
	case len(chunked) > 0:
		return h, w.chunks(h, deadline)
	case len(length) > 0:
		n, err := strconv.ParseUint(length[0], 10, 31)
		if err != nil {
			return h, violation{fmt.Sprintf("the Content-Length %q (RFC 9110 §8.6)", length[0])}
		}
		return h, w.body(h, int(n), deadline)
	}
	err = w.await(deadline, func([]byte) bool { return false }) // until the stream ends
	if err == errTimeout {
		return h, violation{"the response says neither how long its body is nor does the connection end (RFC 9112 §6.3)"}
	}
	return h, w.body(h, len(w.waiting()), deadline)
}

// body reads n octets of a body.
func (w *wire) body(h *head, n int, deadline time.Time) error {
	if len(h.body)+n > mostBody {
		return violation{fmt.Sprintf("the body of the response has more than %d octets, more than anything that the suite asks for", mostBody)}
	}
	b, err := w.need(n, deadline)
	if err != nil {
		return violation{fmt.Sprintf("the body of the response ends after %d of %d octets", len(w.waiting()), n)}
	}
	if n > 0 {
		w.rec.add(Event{Conn: w.n, Kind: Octets, Octets: b, What: "body"})
	}
	h.body = append(h.body, b...)
	w.take(n)
	return nil
}

// chunks reads a chunked body (RFC 9112 §7.1).
func (w *wire) chunks(h *head, deadline time.Time) error {
	line := func() (string, error) {
		end := -1
		if err := w.await(deadline, func(in []byte) bool {
			end = bytes.Index(in, []byte("\r\n"))
			return end >= 0 || len(in) > mostLine
		}); err != nil || time.Now().After(deadline) {
			return "", violation{"the chunked body of the response does not end"}
		}
		if end < 0 {
			return "", violation{fmt.Sprintf("a line of more than %d octets in the chunked body of the response", mostLine)}
		}
		s := string(w.waiting()[:end])
		w.take(end + 2)
		return s, nil
	}
	for {
		s, err := line()
		if err != nil {
			return err
		}
		digits, _, _ := strings.Cut(s, ";")
		n, err := strconv.ParseUint(digits, 16, 31)
		if err != nil {
			return violation{fmt.Sprintf("%q is no chunk size (RFC 9112 §7.1)", s)}
		}
		if n == 0 {
			for s != "" {
				if s, err = line(); err != nil {
					return err
				}
			}
			return nil
		}
		if err := w.body(h, int(n), deadline); err != nil {
			return err
		}
		if s, err = line(); err != nil || s != "" {
			return violation{"a chunk of the response does not end where it says (RFC 9112 §7.1)"}
		}
	}
}

// acceptGUID is what a server puts behind the key (RFC 6455 §1.3).
const acceptGUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

// acceptValue is the Sec-WebSocket-Accept for a key (RFC 6455 §4.2.2).
func acceptValue(key string) string { return sum64(key + acceptGUID) }

// sum64 is the SHA-1 of s in base64.
func sum64(s string) string {
	sum := sha1.Sum([]byte(s))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// message is an HTTP message as a case changes it.
type message struct {
	before string
	line   string
	fields []string
	eol    string
	end    string
	body   []byte
}

// edit makes one change; expand replaces names by their values.
func (m *message) edit(s string, expand func(string) string) error {
	word, rest, _ := strings.Cut(s, " ")
	quoted := func() (string, error) {
		b, err := parseAtoms(rest)
		return string(b), err
	}
	text := plainText(fill(expand(rest)))
	var err error
	switch word {
	case "line":
		m.line = text
	case "first":
		m.fields = append([]string{text}, m.fields...)
	case "add":
		m.fields = append(m.fields, text)
	case "set":
		name, _, _ := strings.Cut(text, ":")
		done := false
		for i, f := range m.fields {
			if n, _, _ := strings.Cut(f, ":"); strings.EqualFold(n, name) && !done {
				m.fields[i], done = text, true
			}
		}
		if !done {
			m.fields = append(m.fields, text)
		}
	case "drop":
		var kept []string
		for _, f := range m.fields {
			if n, _, _ := strings.Cut(f, ":"); !strings.EqualFold(n, text) {
				kept = append(kept, f)
			}
		}
		m.fields = kept
	case "eol":
		m.eol, err = quoted()
	case "end":
		m.end, err = quoted()
	case "before":
		m.before, err = quoted()
	case "body":
		var b []byte
		b, err = parseAtoms(fill(expand(rest)))
		m.body = append(m.body, b...)
	default:
		err = fmt.Errorf("there is no edit %q", word)
	}
	return err
}

func (m *message) value(name string) string {
	for _, f := range m.fields {
		if n, v, _ := strings.Cut(f, ":"); strings.EqualFold(n, name) {
			return strings.Trim(v, " \t")
		}
	}
	return ""
}

// list is the value of a field whose lines make one list.
func (m *message) list(name string) string {
	var list []string
	for _, f := range m.fields {
		if n, v, _ := strings.Cut(f, ":"); strings.EqualFold(n, name) {
			list = append(list, strings.Trim(v, " \t"))
		}
	}
	return strings.Join(list, ", ")
}

func (m *message) bytes() []byte {
	eol := cmp.Or(m.eol, "\r\n")
	b := []byte(m.before + m.line + eol)
	for _, f := range m.fields {
		b = append(append(b, f...), eol...)
	}
	b = append(b, cmp.Or(m.end, eol)...)
	return append(b, m.body...)
}
