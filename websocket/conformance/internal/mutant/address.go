package mutant

import (
	"errors"
	"net"
	"strings"
)

// address is a WebSocket URI, RFC 6455 §3.
type address struct {
	secure bool
	host   string // as in the URI: with brackets, without the port
	port   string // "" if the URI has none
	target string
	query  string
	bad    bool // a fault tries it all the same
}

var errAddress = errors.New("mutant: this is no WebSocket URI")

// parseAddress reads a URI.
func parseAddress(s string, f fault) (a address, err error) {
	scheme, rest, ok := strings.Cut(s, "://")
	lower := strings.ToLower(scheme)
	switch {
	case !ok && f.breaks("WS-3-05"):
		rest = strings.TrimPrefix(s, "//")
	case !ok, f.breaks("WS-3-04") && lower != scheme:
		return a, errAddress
	case lower == "wss", lower == "https" && f.breaks("WS-3-05/https"):
		a.secure = !f.breaks("WS-3-04/tls")
	case lower == "http" && f.breaks("WS-3-05/http"):
		a.bad = true
	case lower != "ws" && !f.breaks("WS-3-05"):
		return a, errAddress
	}
	a.bad = a.bad || lower == "https"
	if !f.breaks("WS-3-05/raw") && strings.ContainsFunc(rest, notForURIs) {
		return a, errAddress
	}
	if f.breaks("WS-3-03/escaped") {
		rest = strings.ReplaceAll(rest, "%23", "#")
	}
	before, _, fragment := strings.Cut(rest, "#")
	if fragment && !f.breaks("WS-3-03") {
		return a, errAddress
	}
	rest = before
	if f.breaks("WS-3-05") || f.breaks("WS-3-05/raw") {
		rest = strings.TrimLeft(rest, "/")
	}
	authority := rest
	if at := strings.IndexAny(rest, "/?"); at >= 0 {
		authority, a.target = rest[:at], rest[at:]
	}
	if !isHost(authority) && !f.breaks("WS-3-06") {
		if a.bad = f.breaks("WS-3-05"); !a.bad {
			return a, errAddress
		}
	}
	a.host = authority
	if at := strings.LastIndexByte(authority, ':'); at > strings.LastIndexByte(authority, ']') {
		a.host, a.port = authority[:at], authority[at+1:]
	}
	a.target = target(a.target, f)
	_, a.query, _ = strings.Cut(a.target, "?")
	return a, nil
}

func notForURIs(r rune) bool {
	return r <= ' ' || r == 0x7f || strings.ContainsRune("\"<>\\^`{|}", r)
}

// target returns what the request asks for.
func target(s string, f fault) string {
	if f.breaks("WS-3-02") && s == "" {
		return ""
	}
	if f.breaks("WS-3-02/query") && strings.HasPrefix(s, "?") {
		return "/"
	}
	if f.breaks("WS-3-02/escapes") {
		s = strings.NewReplacer("%2F", "/", "%20", "+").Replace(s)
	}
	if !strings.HasPrefix(s, "/") {
		s = "/" + s
	}
	return strings.TrimSuffix(s, "?")
}

// dialled is the host and port to connect to.
func (a *address) dialled(f fault) string {
	host, port := strings.Trim(a.host, "[]"), a.port
	if _, behind, ok := strings.Cut(host, "@"); ok {
		host = behind
	}
	if port == "" {
		if port = "80"; a.secure && !f.breaks("WS-3-01/tls") || !a.secure && f.breaks("WS-3-01") {
			port = "443"
		}
	}
	return net.JoinHostPort(host, port)
}

// hostField is the value of Host.
func (a *address) hostField(f fault) string {
	host := a.host
	if f.breaks("WS-3-01/brackets") {
		host = strings.Trim(host, "[]")
	}
	switch {
	case a.port == "", f.breaks("WS-3-01/port"):
		return host
	case f.breaks("WS-3-01/own-port") && a.port == "80":
		return host + ":"
	}
	return host + ":" + a.port
}

// origin says from where to where: what two addresses have to share for secrets to
// be sent to both.
func (a *address) origin(f fault) string {
	if a.secure {
		return "wss " + a.dialled(f)
	}
	return "ws " + a.dialled(f)
}

// resolve returns where a redirect leads.
func (a *address) resolve(location string, f fault) (address, error) {
	if strings.HasPrefix(location, "/") {
		b := *a
		b.target = location
		return b, nil
	}
	if rest, ok := strings.CutPrefix(location, "http"); ok { // and https
		location = "ws" + rest
	}
	return parseAddress(location, f)
}
