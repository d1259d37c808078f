package websocket

import (
	"fmt"
	"net/http"
	"net/netip"
	"strconv"
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

// Origins judges where the pages come from that make requests, as the opening
// handshake does: it is for handlers beside it, so that both give one verdict.
type Origins struct{ policy originPolicy }

// NewOrigins returns the judge for a list that is one of AcceptOptions.Origins.
// The error names an entry that is none.
func NewOrigins(origins []string) (*Origins, error) {
	p, err := newOriginPolicy(origins)
	if err != nil {
		return nil, fmt.Errorf("websocket: %w", err)
	}
	return &Origins{p}, nil
}

// Allow reports whether r may be answered: it comes from no page of another
// origin than the server's own and those of the list.
func (o *Origins) Allow(r *http.Request) bool { return o.policy.allows(r) }

// newOriginPolicy reads AcceptOptions.Origins. An entry that no origin can match
// is an error: it would be noticed late, or never.
func newOriginPolicy(origins []string) (originPolicy, error) {
	p := originPolicy{exact: make(map[string]bool)}
	for _, o := range origins {
		if o == "*" {
			p.any = true
			continue
		}
		if o == "null" {
			p.exact[o] = true
			continue
		}
		scheme, name, wild := strings.Cut(o, "://*.")
		if wild {
			name = scheme + "://" + name
		} else {
			name = o
		}
		n, ok := normalOrigin(name)
		if !ok {
			return p, fmt.Errorf("AcceptOptions.Origins has %q, which is not of the form https://app.example or https://*.example.com, with no path, international names as xn--", o)
		}
		if wild {
			p.below = append(p.below, strings.Replace(n, "://", "://.", 1))
		} else {
			p.exact[n] = true
		}
	}
	return p, nil
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
	scheme, host, ok := strings.Cut(strings.ToLower(s), "://")
	if !ok || !handshake.IsToken(scheme) {
		return "", false
	}
	port := map[string]int{"http": 80, "https": 443}[scheme]
	if i := strings.LastIndexByte(host, ':'); i >= 0 && !strings.HasSuffix(host, "]") {
		n, err := strconv.ParseUint(host[i+1:], 10, 16)
		if err != nil || n == 0 {
			return "", false
		}
		host, port = host[:i], int(n)
	}
	if address, ok := strings.CutPrefix(host, "["); ok {
		ip, err := netip.ParseAddr(strings.TrimSuffix(address, "]"))
		if err != nil || !ip.Is6() || ip.Zone() != "" || !strings.HasSuffix(address, "]") {
			return "", false
		}
		host = "[" + ip.String() + "]"
	} else if !plainName(host) {
		return "", false
	}
	return scheme + "://" + host + ":" + strconv.Itoa(port), true
}
