package mutant

import (
	"bufio"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"time"
)

const guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11" // RFC 6455 §1.3

// upgrade judges an opening handshake (RFC 6455 §4.2.1), and serves the connection if
// it is right.
func (s *session) upgrade(r *reader, q *request) bool {
	set := readSettings(q.query, s.fault)
	open, why := s.judgeUpgrade(q, set)
	if s.breaks("WS-4.4-01/after") && s.n > 0 {
		why = refuse(400, "once refused, always refused")
	}
	s.n++
	if why != nil {
		return s.refused(q, why)
	}
	if !s.places.take(q.query, set.number("connections", 0), s.fault) {
		return s.refused(q, refuse(503, "there are as many connections as are allowed"))
	}
	defer s.places.give(q.query, s.fault)
	if s.breaks("HS-10.1-01") && q.fields.has("Expect") {
		open.head += "HTTP/1.1 100 Continue\r\n\r\n"
	}
	s.nc.SetWriteDeadline(time.Now().Add(writeTime))
	if _, err := s.nc.Write([]byte(open.head)); err != nil {
		return false
	}
	s.nc.SetReadDeadline(time.Time{})
	in := s.in
	if s.breaks("WS-4.2-24") {
		in = bufio.NewReaderSize(s.nc, 64<<10)
	}
	if s.breaks("HM-9-02") {
		if b, _ := in.Peek(1); len(b) > 0 && b[0] == 'G' {
			return true
		}
	}
	c := newConn(s.fault, s.nc, in, set, false)
	c.ruin, c.quit = s.end, s.quit
	if s.breaks("WS-6-03/others") {
		c.others = &s.writing
	}
	if open.terms != nil {
		c.compress(open.terms)
	}
	e := c.run()
	if name := set.Get("case"); name != "" {
		s.seen.tell(name, e, c.messages)
	}
	return false
}

// opening is an answer that opens.
type opening struct {
	head  string
	terms *terms
}

// judgeUpgrade judges a request for the echo.
func (s *session) judgeUpgrade(q *request, set settings) (*opening, *refusal) {
	if s.breaks("BR-01") && q.fields.has("Cookie") {
		return nil, refuse(400, "cookies are for browsers")
	}
	if s.breaks("WS-4.4-05") && (q.fields.has("Sec-WebSocket-Key1") || q.fields.has("Sec-WebSocket-Origin")) {
		return &opening{head: "HTTP/1.1 101 WebSocket Protocol Handshake\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\n\r\n"}, nil
	}
	for _, judge := range []func(*request) *refusal{s.judgeMethod, s.judgeSwitch, s.judgeVersion, s.judgeKey, s.judgeOrigin, s.judgeBody} {
		if why := judge(q); why != nil {
			return nil, why
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n", s.accept(q.fields.get("Sec-WebSocket-Key")))
	name, why := s.chooseSubprotocol(q)
	if why != nil {
		return nil, why
	}
	if name != "" {
		fmt.Fprintf(&b, "Sec-WebSocket-Protocol: %s\r\n", name)
	}
	t, why := s.chooseTerms(q, set)
	if why != nil {
		return nil, why
	}
	if t == nil && set.Get("insist") == "deflate" && !s.breaks("WS-7.4-07") {
		return nil, refuse(400, "this is only for who compresses")
	}
	if t != nil {
		fmt.Fprintf(&b, "Sec-WebSocket-Extensions: %s\r\n", t)
	}
	if s.breaks("WS-4.2-18") {
		b.WriteString("Content-Length: 0\r\n")
	}
	b.WriteString("\r\n")
	head := b.String()
	if s.breaks("WS-4.2-01") {
		head = strings.Replace(head, "Connection: Upgrade", "Connection: keep-alive", 1)
	}
	return &opening{head, t}, nil
}

func (s *session) judgeMethod(q *request) *refusal {
	if q.method != "GET" && !s.breaks("WS-4.2-10") {
		if s.breaks("WS-4.2-10/allow") {
			return refuse(405, "a connection is opened otherwise")
		}
		return refuse(405, "a connection is opened by GET", field{"Allow", "GET"})
	}
	return nil
}

// judgeSwitch judges whether this is a request to switch to WebSocket.
func (s *session) judgeSwitch(q *request) *refusal {
	switch {
	case q.minor == 0 && !s.breaks("HS-7.8-01"):
		return refuse(426, "HTTP/1.0 has no upgrade")
	case !q.fields.has("Upgrade"):
		if !s.breaks("WS-4.2-11") {
			return refuse(426, "this is opened by an upgrade")
		}
	case !s.namesUs(q.fields.all("Upgrade")) && !s.breaks("HS-7.8-02"):
		return refuse(400, "the upgrade is not to websocket")
	}
	list := q.fields.all("Connection")
	switch {
	case s.breaks("WS-4.2-06") && (len(list) == 0 || list[0] != "Upgrade"):
		return refuse(400, "Connection is not Upgrade")
	case hasToken(list, "upgrade"):
	case s.breaks("WS-4.2-12"):
	case s.breaks("WS-4.2-07") && strings.Contains(strings.ToLower(strings.Join(list, ",")), "upgrade"):
	default:
		return refuse(400, "Connection has no option upgrade")
	}
	return nil
}

// namesUs reports whether a request's Upgrade names websocket.
func (s *session) namesUs(list []string) bool {
	switch {
	case s.breaks("WS-4.2-04"):
		return slices.Contains(elements(list), "websocket")
	case s.breaks("WS-4.2-04/lower"):
		return slices.Contains(elements(list), "WebSocket")
	case s.breaks("WS-4.2-05"):
		return strings.EqualFold(list[0], "websocket")
	}
	return hasToken(list, "websocket")
}

func (s *session) judgeVersion(q *request) *refusal {
	ours := field{"Sec-WebSocket-Version", "13"}
	if s.breaks("WS-4.4-01") || s.breaks("WS-4.4-02/field") {
		ours.name = "X-Version"
	}
	switch list := q.fields.all("Sec-WebSocket-Version"); {
	case len(list) == 0:
		if !s.breaks("WS-4.4-02") {
			return refuse(426, "the version is missing", ours)
		}
	case len(list) > 1 || strings.Contains(list[0], ","):
		if !s.breaks("WS-4.4-04") {
			return refuse(400, "there is more than one version", ours)
		}
	case list[0] == "13":
	case isVersion(list[0]):
		return refuse(426, "the version is not 13", ours)
	default:
		if !s.breaks("WS-4.4-03") {
			return refuse(400, "the version is no number from 0 to 255", ours)
		}
	}
	return nil
}

// isVersion reports whether v is a decimal number up to 255 without a leading zero.
func isVersion(v string) bool {
	if v == "" || len(v) > 3 || strings.Trim(v, "0123456789") != "" || len(v) > 1 && v[0] == '0' {
		return false
	}
	return len(v) < 3 || v <= "255"
}

func (s *session) judgeKey(q *request) *refusal {
	list := q.fields.all("Sec-WebSocket-Key")
	switch {
	case len(list) == 0 || list[0] == "":
		if !s.breaks("WS-4.2-13") {
			return refuse(400, "the key is missing")
		}
		return nil
	case len(list) > 1:
		if !s.breaks("WS-4.2-16") {
			return refuse(400, "there is more than one key")
		}
	case strings.Contains(list[0], ",") && s.breaks("WS-4.2-16"):
	default:
		return s.judgeKeyText(list[0])
	}
	return nil
}

func (s *session) judgeKeyText(key string) *refusal {
	if s.breaks("WS-4.2-15") {
		return nil
	}
	p, err := base64.StdEncoding.DecodeString(key) // which does not look at unused bits
	if err != nil {
		if s.breaks("WS-4.2-14") && len(key) < 16 {
			return nil
		}
		return refuse(400, "the key is not base64")
	}
	if s.breaks("WS-4.2-03") {
		if _, err := base64.StdEncoding.Strict().DecodeString(key); err != nil {
			return refuse(400, "the key is not base64")
		}
	}
	if len(p) != 16 && !s.breaks("WS-4.2-14") {
		return refuse(400, "the key does not stand for 16 octets")
	}
	return nil
}

// judgeBody refuses what a body could be taken for frames of.
func (s *session) judgeBody(q *request) *refusal {
	if q.length > 0 && !s.breaks("HM-6-01") || q.length < 0 && !s.breaks("HM-6-03") {
		return refuse(400, "an upgrade has no body")
	}
	return nil
}

// accept computes Sec-WebSocket-Accept.
func (s *session) accept(key string) string {
	switch {
	case s.breaks("WS-4.2-02"):
		key = " " + key
	case s.breaks("WS-4.2-03/usual") && strings.HasSuffix(key, "A=="):
		key = strings.TrimSuffix(key, "A==") + "C=="
	}
	return acceptOf(key)
}

func acceptOf(key string) string { return sha(key + guid) }

func sha(s string) string {
	h := sha1.Sum([]byte(s))
	return base64.StdEncoding.EncodeToString(h[:])
}
