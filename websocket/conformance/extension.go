package conformance

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// extension is one element of Sec-WebSocket-Extensions (RFC 6455 §9.1).
type extension struct {
	name   string
	params []param
}

type param struct {
	name, value string
	hasValue    bool
}

// terms are what was agreed about what the end under test sends (RFC 7692 §7.1).
type terms struct {
	takeover bool
	bits     int
}

const permessageDeflate = "permessage-deflate"

// parseExtensions reads the field's value.
func parseExtensions(s string) ([]extension, error) {
	var list []extension
	for element := range splitQuoted(s, ',') {
		if strings.Trim(element, " \t") == "" {
			continue
		}
		var e extension
		first := true
		for part := range splitQuoted(element, ';') {
			name, value, hasValue := strings.Cut(part, "=")
			name, value = strings.Trim(name, " \t"), strings.Trim(value, " \t")
			if first {
				if e.name = name; hasValue || !isToken(name) {
					return nil, fmt.Errorf("%q is no name of an extension", part)
				}
				first = false
				continue
			}
			if strings.HasPrefix(value, `"`) {
				value = unquote(value)
			}
			if !isToken(name) || hasValue && !isToken(value) {
				return nil, fmt.Errorf("%q is no parameter", part)
			}
			e.params = append(e.params, param{name, value, hasValue})
		}
		list = append(list, e)
	}
	return list, nil
}

// splitQuoted splits at sep, but not inside a quoted string.
func splitQuoted(s string, sep byte) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		start, quoted := 0, false
		for i := 0; i < len(s); i++ {
			switch {
			case quoted && s[i] == '\\':
				i++
			case s[i] == '"':
				quoted = !quoted
			case !quoted && s[i] == sep:
				if !yield(s[start:i]) {
					return
				}
				start = i + 1
			}
		}
		yield(s[min(start, len(s)):])
	}
}

func unquote(s string) string {
	if len(s) < 2 || s[len(s)-1] != '"' {
		return ""
	}
	var b strings.Builder
	for i := 1; i < len(s)-1; i++ {
		if s[i] == '\\' {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// isToken reports whether s is a token (RFC 9110 §5.6.2).
func isToken(s string) bool {
	for _, c := range []byte(s) {
		switch {
		case c >= '0' && c <= '9', c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z':
		case strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0:
		default:
			return false
		}
	}
	return s != ""
}

// deflateParams are the parameters of one offer or answer.
type deflateParams struct {
	serverNoTakeover, clientNoTakeover bool
	serverBits, clientBits             int // 0: not there; -1: there without a value
}

// parseDeflate reads the parameters of permessage-deflate (RFC 7692 §7.1).
func (e *extension) parseDeflate() (p deflateParams, err error) {
	seen := map[string]bool{}
	for _, q := range e.params {
		if seen[q.name] {
			return p, fmt.Errorf("the parameter %s comes twice", q.name)
		}
		seen[q.name] = true
		switch q.name {
		case "server_no_context_takeover", "client_no_context_takeover":
			if q.hasValue {
				return p, fmt.Errorf("the parameter %s has a value", q.name)
			}
			if q.name[0] == 's' {
				p.serverNoTakeover = true
			} else {
				p.clientNoTakeover = true
			}
		case "server_max_window_bits", "client_max_window_bits":
			bits := -1
			if q.hasValue {
				n, err := strconv.Atoi(q.value)
				if err != nil || n < 8 || n > 15 || strconv.Itoa(n) != q.value {
					return p, fmt.Errorf("the parameter %s has the value %q", q.name, q.value)
				}
				bits = n
			}
			if q.name[0] == 's' {
				p.serverBits = bits
			} else {
				p.clientBits = bits
			}
		default:
			return p, fmt.Errorf("the parameter %q is unknown", q.name)
		}
	}
	return p, nil
}

// judgeAnswer holds a server's answer against a client's offers. agreed is what
// they amount to; nil if nothing was.
func judgeAnswer(offer, answer string) (agreed *deflateParams, err error) {
	offers, offerErr := parseExtensions(offer)
	list, err := parseExtensions(answer)
	switch {
	case err != nil:
		return nil, fmt.Errorf("Sec-WebSocket-Extensions %q: %w (RFC 6455 §9.1)", answer, err)
	case len(list) == 0:
		return nil, nil
	case len(list) > 1:
		return nil, fmt.Errorf("Sec-WebSocket-Extensions %q names more than one", answer)
	case offerErr != nil:
		return nil, fmt.Errorf("an extension is answered to the offer %q, which is outside the grammar (RFC 6455 §9.1)", offer)
	case list[0].name != permessageDeflate:
		return nil, fmt.Errorf("the extension %s was not offered (RFC 6455 §9.1)", list[0].name)
	}
	p, err := list[0].parseDeflate()
	switch {
	case err != nil:
		return nil, fmt.Errorf("the answer %q: %w (RFC 7692 §7.1)", answer, err)
	case p.serverBits < 0 || p.clientBits < 0:
		return nil, fmt.Errorf("the answer %q has window bits without a value (RFC 7692 §7.1.2)", answer)
	}
	why := errors.New("permessage-deflate was not offered")
	for i := range offers {
		if offers[i].name != permessageDeflate {
			continue
		}
		o, err := offers[i].parseDeflate()
		if err == nil && o.serverBits < 0 {
			err = errors.New("server_max_window_bits without a value")
		}
		if err == nil {
			err = fits(&o, &p)
		}
		if err == nil {
			return &p, nil
		}
		why = err
	}
	return nil, fmt.Errorf("the answer %q is none to the offer %q: %w (RFC 7692 §7.1)", answer, offer, why)
}

// fits says why an answer is none to an offer.
func fits(o, p *deflateParams) error {
	switch {
	case o.serverNoTakeover && !p.serverNoTakeover:
		return errors.New("it leaves server_no_context_takeover out")
	case o.serverBits > 0 && (p.serverBits == 0 || p.serverBits > o.serverBits):
		return errors.New("it goes beyond server_max_window_bits")
	case p.clientBits > 0 && o.clientBits == 0:
		return errors.New("client_max_window_bits was not offered")
	case o.clientBits > 0 && p.clientBits > o.clientBits:
		return errors.New("it goes beyond client_max_window_bits")
	}
	return nil
}

// sender is what they amount to for what one end sends.
func (p *deflateParams) sender(client bool) *terms {
	t := &terms{takeover: !p.serverNoTakeover, bits: p.serverBits}
	if client {
		t = &terms{takeover: !p.clientNoTakeover, bits: p.clientBits}
	}
	if t.bits <= 0 {
		t.bits = 15
	}
	return t
}
