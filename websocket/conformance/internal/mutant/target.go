package mutant

import (
	"net/netip"
	"strconv"
	"strings"
)

// judgeTarget judges the target and Host, and finds whom and what the request is for
// (RFC 9112 §3).
func (r *reader) judgeTarget(q *request) error {
	hosts := q.fields.all("Host")
	switch {
	case len(hosts) > 1 && r.breaks("HM-2.2-04"):
		return nil
	case len(hosts) > 1 && !r.breaks("HM-3.2-02"):
		return refuse(400, "there is more than one Host")
	case len(hosts) == 0 && q.minor == 0:
	case len(hosts) == 0:
		if !r.breaks("HM-3.2-01") {
			return refuse(400, "there is no Host")
		}
	case !r.takesHost(hosts[0]):
		return refuse(400, "Host is no host")
	}
	q.authority = q.fields.get("Host")
	if r.breaks("HM-3.2-03/list") {
		for e := range strings.SplitSeq(q.authority, ",") {
			if strings.HasSuffix(q.fields.get("Origin"), "://"+e) {
				q.authority = e
			}
		}
	}
	rest := q.target
	if at := strings.Index(rest, "://"); at >= 0 && !strings.HasPrefix(rest, "/") {
		scheme, authority := rest[:at], rest[at+3:]
		cut := strings.IndexAny(authority, "/?")
		if cut < 0 {
			cut = len(authority)
		}
		authority, rest = authority[:cut], authority[cut:]
		if !strings.HasPrefix(rest, "/") {
			rest = "/" + rest
		}
		if !r.breaks("HM-3.2-06") {
			if !r.ours(scheme) {
				return refuse(400, "the target's scheme is not http")
			}
			if authority == "" || !isHost(authority) || r.breaks("HM-3.2-05/form") {
				return refuse(400, "the target's host is none")
			}
		}
		if !r.breaks("HM-3.2-05") && !(r.breaks("HM-3.2-06/ws") && scheme == "ws") && !(r.breaks("HM-3.2-06") && authority == "") {
			q.authority = authority
		}
	}
	if !strings.HasPrefix(rest, "/") {
		if q.method == "OPTIONS" && rest == "*" || q.method == "CONNECT" && isHost(rest) {
			q.path = rest
			return nil
		}
		if !r.breaks("HM-3.2-07") {
			return refuse(400, "the target is no path")
		}
		rest = "/echo"
	}
	q.path, q.query, _ = strings.Cut(rest, "?")
	return r.judgePath(q)
}

// ours reports whether a target's scheme is what the connection speaks.
func (r *reader) ours(scheme string) bool {
	if r.secure {
		return strings.EqualFold(scheme, "https") || strings.EqualFold(scheme, "wss")
	}
	return strings.EqualFold(scheme, "http") || strings.EqualFold(scheme, "ws")
}

// judgePath judges the octets of the target.
func (r *reader) judgePath(q *request) error {
	whole := q.path + "?" + q.query
	for i := range len(whole) {
		switch c := whole[i]; {
		case c == '%' && (i+2 >= len(whole) || !hexDigit(whole[i+1]) || !hexDigit(whole[i+2])):
			if !r.breaks("HM-3.2-08") && !r.breaks("HM-3.2-08/escape") {
				return refuse(400, "an escape in the target is none")
			}
		case c <= ' ', c >= 0x7f, strings.IndexByte("#", c) >= 0:
			if !r.breaks("HM-3.2-08") && !r.breaks("HM-3-01") {
				return refuse(400, "the target has an octet that is not for targets")
			}
		}
	}
	if r.breaks("HM-3.2-08") && strings.Contains(q.path, "echo") {
		q.path = "/echo"
	}
	return nil
}

func (r *reader) takesHost(h string) bool {
	if h == "" {
		return r.breaks("HM-3.2-04")
	}
	switch {
	case r.breaks("HM-3.2-03"), r.breaks("HM-3.2-03/list"):
		return true
	case r.breaks("HM-3.2-03/valid"):
		return h == r.own
	}
	return isHost(h)
}

// isHost reports whether s is a host with perhaps a port (RFC 3986 §3.2.2).
func isHost(s string) bool {
	host, port := s, ""
	if rest, ok := strings.CutPrefix(s, "["); ok {
		in, behind, ok := strings.Cut(rest, "]")
		if a, err := netip.ParseAddr(in); !ok || err != nil || !a.Is6() {
			return false
		}
		if behind == "" {
			return true
		}
		if port, ok = strings.CutPrefix(behind, ":"); !ok {
			return false
		}
		return isPort(port)
	}
	if before, behind, ok := strings.Cut(s, ":"); ok {
		host, port = before, behind
	}
	for i := 0; i < len(host); i++ {
		c := host[i]
		switch {
		case c == '%' && i+2 < len(host) && hexDigit(host[i+1]) && hexDigit(host[i+2]):
			i += 2
		case digit(c), c|0x20 >= 'a' && c|0x20 <= 'z', strings.IndexByte("-._~!$&'()*+,;=", c) >= 0:
		default:
			return false
		}
	}
	return host != "" && isPort(port)
}

// isPort reports whether s is a port, or nothing.
func isPort(s string) bool {
	for i := range len(s) {
		if !digit(s[i]) {
			return false
		}
	}
	n, err := strconv.Atoi(s)
	return s == "" || err == nil && n <= 65535
}

func hexDigit(c byte) bool {
	return digit(c) || c|0x20 >= 'a' && c|0x20 <= 'f'
}

// serves reports whether the server answers for a host: for loopback and for names
// in test, of which evil.test is not one.
func serves(authority string) bool {
	host := strings.ToLower(authority)
	if at := strings.LastIndexByte(host, ':'); at > strings.LastIndexByte(host, ']') {
		host = host[:at]
	}
	switch host {
	case "localhost", "127.0.0.1", "[::1]":
		return true
	}
	return strings.HasSuffix(host, ".test") && host != "evil.test"
}
