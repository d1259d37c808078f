package websocket

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// target is a WebSocket URL taken apart (RFC 6455 §3).
type target struct {
	secure  bool
	name    string // host name or IP address, without port and brackets: for TLS
	address string // name and port: for TCP
	host    string // the Host field
	request string // the request target, escapes as they were given
}

func (t *target) String() string {
	scheme := "ws://"
	if t.secure {
		scheme = "wss://"
	}
	return scheme + t.host + t.request
}

func parseURL(raw string) (*target, error) {
	t, err := parseTarget(raw)
	if err != nil {
		return nil, fmt.Errorf("websocket: %q is not a WebSocket URL: %w", redactURL(raw), err)
	}
	return t, nil
}

// redactURL leaves out of a URL what may be a secret: the query, the fragment,
// and what stands before an @.
func redactURL(raw string) string {
	rest := ""
	if i := strings.IndexAny(raw, "?#"); i >= 0 {
		raw, rest = raw[:i], raw[i:i+1]+"…"
	}
	if at := strings.LastIndexByte(raw, '@'); at >= 0 {
		scheme, _, found := strings.Cut(raw[:at], "://")
		if found {
			scheme += "://"
		} else {
			scheme = ""
		}
		raw = scheme + "…" + raw[at:]
	}
	return raw + rest
}

func parseTarget(raw string) (*target, error) {
	if strings.ContainsFunc(raw, func(r rune) bool { return r <= ' ' || r == 0x7F }) {
		return nil, errors.New("it contains a space or a control character")
	}
	if strings.Contains(raw, "#") {
		return nil, errors.New("it has a fragment; write # as %23 if it is data (RFC 6455 §3)")
	}
	u, err := url.Parse(raw)
	if err != nil {
		e, ok := errors.AsType[*url.Error](err)
		if !ok || strings.Contains(raw, "@") { // what it quotes may be part of a password
			return nil, errors.New("it is malformed")
		}
		return nil, e.Err
	}
	t := &target{name: u.Hostname()}
	port := "80"
	switch u.Scheme {
	case "ws", "http":
	case "wss", "https":
		t.secure, port = true, "443"
	default:
		return nil, errors.New("the scheme must be ws or wss")
	}
	switch {
	case u.Opaque != "" || t.name == "":
		return nil, errors.New("it has no host")
	case u.User != nil:
		return nil, errors.New("user and password do not belong into it; set the Authorization field")
	case !validHost(u.Host, t.name):
		return nil, errors.New("the host has characters that a host name cannot have (write international names in their xn-- form)")
	}
	if p := u.Port(); p != "" {
		if n, err := strconv.Atoi(p); err != nil || n < 1 || n > 65535 {
			return nil, errors.New("the port must be from 1 to 65535")
		}
		port = p
	}
	t.address = net.JoinHostPort(t.name, port)
	t.host = hostField(u)
	t.request = requestTarget(raw)
	return t, nil
}

// hostField gives the Host field as the URL has it: with a port if the URL
// names one, without the zone of an IPv6 address, which has no meaning elsewhere
// (RFC 6874 §4).
func hostField(u *url.URL) string {
	host := strings.TrimSuffix(u.Host, ":")
	if name, zone, ok := strings.Cut(host, "%"); ok {
		_, port, _ := strings.Cut(zone, "]")
		host = name + "]" + port
	}
	return host
}

// validHost reports whether a host can stand where it will be written: in the
// Host field and in what is said to proxies.
func validHost(host, name string) bool {
	if strings.HasPrefix(host, "[") {
		address, zone, scoped := strings.Cut(name, "%")
		return strings.Contains(address, ":") && net.ParseIP(address) != nil && (!scoped || plainName(zone))
	}
	return plainName(name)
}

func plainName(name string) bool {
	for i := range len(name) {
		switch c := name[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '.', c == '_', c == '~':
		default:
			return false
		}
	}
	return name != ""
}

// requestTarget is the path and the query of raw, octet for octet but for those
// beyond ASCII, which are escaped.
func requestTarget(raw string) string {
	_, rest, _ := strings.Cut(raw, "://")
	i := strings.IndexAny(rest, "/?")
	if i < 0 {
		return "/"
	}
	rest = rest[i:]
	if rest[0] == '?' {
		rest = "/" + rest
	}
	rest = strings.TrimSuffix(rest, "?")
	var b strings.Builder
	for i := range len(rest) {
		if c := rest[i]; c >= 0x80 || strings.IndexByte("\"<>\\^`{|}", c) >= 0 {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

func isRedirect(status int) bool {
	switch status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther,
		http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return true
	}
	return false
}

// redirect returns where a refused request is to be sent instead.
func (d *dialer) redirect(from *target, refused *HandshakeError) (*target, error) {
	fail := func(reason string) (*target, error) {
		refused.Reason = reason
		return nil, refused
	}
	base, err := url.Parse(from.String())
	if err != nil {
		return fail("the redirect cannot be followed")
	}
	ref, err := url.Parse(refused.Header.Get("Location"))
	if err != nil || ref.String() == "" {
		return fail("the redirect has no usable Location field")
	}
	to, err := parseTarget(base.ResolveReference(ref).String())
	if err != nil {
		return fail("the redirect leads to something that is not a WebSocket URL")
	}
	if from.secure && !to.secure {
		return fail("the redirect leads from wss to ws, which would give up encryption")
	}
	if to.address != d.first.address || to.secure != d.first.secure {
		d.host = ""
		d.header = d.header.Clone()
		for _, secret := range []string{"Authorization", "Cookie", "Proxy-Authorization"} {
			d.header.Del(secret)
		}
	}
	return to, nil
}
