package websocket

import (
	"net"
	"net/http"
	"strings"

	"github.com/openline/openline/websocket/internal/handshake"
)

// originPolicy says which web origins may open connections (RFC 6455 §10.2,
// RFC 6454).
type originPolicy struct {
	any   bool
	exact map[string]bool // in normal form
	below []string        // "https://.example.com:443": all names that end so
}

func newOriginPolicy(origins []string) originPolicy {
	p := originPolicy{exact: make(map[string]bool)}
	for _, o := range origins {
		switch {
		case o == "*":
			p.any = true
		case o == "null":
			p.exact[o] = true
		default:
			if scheme, rest, ok := strings.Cut(o, "://*."); ok {
				if n, ok := normalOrigin(scheme + "://" + rest); ok {
					p.below = append(p.below, strings.Replace(n, "://", "://.", 1))
				}
			} else if n, ok := normalOrigin(o); ok {
				p.exact[n] = true
			}
		}
	}
	return p
}

// allows judges the Origin field of r. Scheme, host and port are compared after
// parsing, each as a whole. The server's own origin is what the client asked
// for: net/http has put the authority of an absolute-form target into r.Host;
// forwarding fields play no part.
func (p originPolicy) allows(r *http.Request) bool {
	lines := r.Header["Origin"]
	if len(lines) == 0 {
		return true
	}
	if len(lines) != 1 {
		return false
	}
	if lines[0] == "null" {
		return p.any || p.exact["null"]
	}
	origin, ok := normalOrigin(lines[0])
	if !ok {
		return false
	}
	if p.any || p.exact[origin] {
		return true
	}
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	if own, ok := normalOrigin(scheme + "://" + strings.TrimSuffix(r.Host, ":")); ok && own == origin {
		return true
	}
	scheme, host, _ := strings.Cut(origin, "://")
	for _, suffix := range p.below {
		s, h, _ := strings.Cut(suffix, "://")
		if s == scheme && strings.HasSuffix(host, h) && len(host) > len(h) {
			return true
		}
	}
	return false
}

// normalOrigin takes scheme://host[:port], exactly, to lower case and gives it
// the port that its scheme stands for if it has none.
func normalOrigin(s string) (string, bool) {
	scheme, authority, ok := strings.Cut(strings.ToLower(s), "://")
	if !ok || !handshake.IsToken(scheme) || authority == "" || strings.ContainsAny(authority, "/?#@, \\\"<>") {
		return "", false
	}
	port := map[string]string{"http": "80", "https": "443"}[scheme]
	host := authority
	if h, p, err := net.SplitHostPort(authority); err == nil {
		if p == "" || len(p) > 5 || strings.Trim(p, "0123456789") != "" {
			return "", false
		}
		host, port = h, p
	} else if strings.HasPrefix(authority, "[") && strings.HasSuffix(authority, "]") {
		host = authority[1 : len(authority)-1]
	} else if strings.Contains(authority, ":") {
		return "", false
	}
	if host == "" {
		return "", false
	}
	return scheme + "://" + host + ":" + port, true
}
