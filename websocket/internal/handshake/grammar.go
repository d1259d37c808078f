// Package handshake holds the rules of the opening handshake (RFC 6455 §4)
// and the grammar of its header fields (§4.3, §9.1, RFC 9110 §5.6), without a
// socket: it judges what has been read.
package handshake

import (
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// guid is the constant of RFC 6455 §1.3.
const guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

// AcceptKey returns the Sec-WebSocket-Accept value that answers key (RFC 6455
// §4.2.2). It hashes the text as it was received, not what it decodes to.
func AcceptKey(key string) string {
	sum := sha1.Sum([]byte(key + guid))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// validKey reports whether key is the base64 text of 16 octets (RFC 6455
// §4.2.1). Unused bits of the last character may be set: the RFC's own example
// has such a key.
func validKey(key string) bool {
	if len(key) != 24 || key[22:] != "==" {
		return false
	}
	for i := range 22 {
		if c := key[i]; !alphanumeric(c) && c != '+' && c != '/' {
			return false
		}
	}
	return true
}

func alphanumeric(c byte) bool {
	return c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9'
}

// isToken reports whether s is a token of RFC 9110 §5.6.2.
func isToken(s string) bool {
	for i := range len(s) {
		if !tokenChar(s[i]) {
			return false
		}
	}
	return s != ""
}

func tokenChar(c byte) bool {
	return alphanumeric(c) || strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0
}

// IsToken reports whether s is a token of RFC 9110 §5.6.2, as a subprotocol or
// a field name must be.
func IsToken(s string) bool { return isToken(s) }

// trim removes optional whitespace (RFC 9110 §5.6.3).
func trim(s string) string { return strings.Trim(s, " \t") }

// HasToken reports whether the comma-separated lists in lines hold token,
// compared without regard to case. Something quoted is no token.
func HasToken(lines []string, token string) bool {
	for _, line := range lines {
		for element := range strings.SplitSeq(line, ",") {
			if strings.EqualFold(trim(element), token) {
				return true
			}
		}
	}
	return false
}

// Errors of the list grammars.
var (
	errSubprotocol = errors.New("Sec-WebSocket-Protocol is not a list of tokens (RFC 6455 §4.1, RFC 9110 §5.6)")
	errExtension   = errors.New("Sec-WebSocket-Extensions is malformed (RFC 6455 §9.1)")
)

// parseSubprotocols reads Sec-WebSocket-Protocol. Several lines are one list
// (RFC 6455 §11.3.4), empty elements between others are skipped (RFC 9110
// §5.6.1.2), a repeated token is kept once.
func parseSubprotocols(lines []string) ([]string, error) {
	var list []string
	seen := map[string]bool{}
	for _, line := range lines {
		for element := range strings.SplitSeq(line, ",") {
			element = trim(element)
			if element == "" {
				continue
			}
			if !isToken(element) {
				return nil, errSubprotocol
			}
			if !seen[element] {
				seen[element] = true
				list = append(list, element)
			}
		}
	}
	if len(lines) > 0 && len(list) == 0 {
		return nil, errSubprotocol
	}
	return list, nil
}

// Extension is one element of Sec-WebSocket-Extensions.
type Extension struct {
	Name   string
	Params []Param
}

// Param is a parameter of an extension. Value is what a quoted string stands
// for; HasValue tells `x` from an empty value, which the grammar forbids.
type Param struct {
	Name, Value string
	HasValue    bool
}

// ParseExtensions reads Sec-WebSocket-Extensions (RFC 6455 §9.1), several lines
// as one list. Whitespace around `,`, `;` and `=` and empty elements are
// allowed, as the implied LWS and the list rule of its time were. No lines: no
// extensions; lines without any element are malformed.
func ParseExtensions(lines []string) ([]Extension, error) {
	if len(lines) == 0 {
		return nil, nil
	}
	var list []Extension
	s := scanner{rest: strings.Join(lines, ",")}
	for {
		for s.accept(',') {
		}
		if s.end() {
			break
		}
		name, ok := s.token()
		if !ok {
			return nil, errExtension
		}
		e := Extension{Name: name}
		for s.accept(';') {
			p, ok := s.param()
			if !ok {
				return nil, errExtension
			}
			e.Params = append(e.Params, p)
		}
		list = append(list, e)
		if !s.end() && !s.peek(',') {
			return nil, errExtension
		}
	}
	if len(list) == 0 {
		return nil, errExtension
	}
	return list, nil
}

// scanner takes a header value apart from the left.
type scanner struct{ rest string }

func (s *scanner) space() { s.rest = strings.TrimLeft(s.rest, " \t") }

func (s *scanner) end() bool { s.space(); return s.rest == "" }

func (s *scanner) peek(c byte) bool { s.space(); return s.rest != "" && s.rest[0] == c }

func (s *scanner) accept(c byte) bool {
	if !s.peek(c) {
		return false
	}
	s.rest = s.rest[1:]
	return true
}

func (s *scanner) token() (string, bool) {
	s.space()
	n := 0
	for n < len(s.rest) && tokenChar(s.rest[n]) {
		n++
	}
	t := s.rest[:n]
	s.rest = s.rest[n:]
	return t, n > 0
}

func (s *scanner) param() (p Param, ok bool) {
	if p.Name, ok = s.token(); !ok {
		return p, false
	}
	if !s.accept('=') {
		return p, true
	}
	p.HasValue = true
	if !s.accept('"') {
		p.Value, ok = s.token()
		return p, ok
	}
	// What a quoted string stands for must be a token itself (RFC 6455 §9.1).
	var value strings.Builder
	for i := 0; i < len(s.rest); i++ {
		switch c := s.rest[i]; {
		case c == '"':
			s.rest = s.rest[i+1:]
			p.Value = value.String()
			return p, isToken(p.Value)
		case c == '\\' && i+1 < len(s.rest):
			i++
			value.WriteByte(s.rest[i])
		default:
			value.WriteByte(c)
		}
	}
	return p, false
}

// maxPrintable is how much Printable keeps of a text.
const maxPrintable = 200

// Printable makes what a peer sent fit for a log, a terminal or a person: octets
// other than printable ASCII are escaped as in Go, and what is long is cut.
func Printable(s string) string {
	cut := s
	if len(s) > maxPrintable {
		cut = s[:maxPrintable]
	}
	var b strings.Builder
	for i := range len(cut) {
		if c := cut[i]; c >= ' ' && c < 0x7F {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, `\x%02x`, c)
		}
	}
	if len(cut) < len(s) {
		b.WriteString("...")
	}
	return b.String()
}
