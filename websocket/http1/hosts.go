package http1

import (
	"bytes"
	"fmt"
	"net/netip"
	"strings"
)

// hostport splits uri-host [":" port], RFC 3986 §3.2.2 and §3.2.3, and reports whether it is well-formed: a name of
// unreserved characters and sub-delims, or an IPv6 address in brackets; then nothing, or a colon and a port from 0 to 65535, which may be empty.
// Stricter than the grammar: a name is not empty, has no percent-encoding (DNS names have none, and readers differ on it),
// and IPvFuture is unknown.
func hostport(b []byte) (host, port []byte, ok bool) {
	if len(b) > 0 && b[0] == '[' {
		end := bytes.IndexByte(b, ']')
		if end < 0 {
			return nil, nil, false
		}
		a, err := netip.ParseAddr(string(b[1:end]))
		if err != nil || !a.Is6() || a.Zone() != "" {
			return nil, nil, false
		}
		host, b = b[:end+1], b[end+1:]
	} else {
		i := 0
		for i < len(b) && class[b[i]]&isRegName != 0 {
			i++
		}
		if i == 0 {
			return nil, nil, false
		}
		host, b = b[:i], b[i:]
	}
	if len(b) == 0 {
		return host, nil, true
	}
	if b[0] != ':' || len(b) > len(":65535") {
		return nil, nil, false
	}
	port = b[1:]
	n := 0
	for _, c := range port {
		if class[c]&isDigit == 0 {
			return nil, nil, false
		}
		n = n*10 + int(c-'0')
	}
	return host, port, n <= 65535
}

// hostList is Options.Hosts, ready to be asked.
type hostList struct {
	any      bool
	names    map[string]struct{} // lower case
	suffixes []string            // lower case, with the leading dot
	addrs    map[netip.Addr]struct{}
}

// CheckHosts returns the error that [Serve] would return for the entries as [Options.Hosts], or nil.
func CheckHosts(hosts []string) error {
	_, err := parseHosts(hosts)
	return err
}

func parseHosts(hosts []string) (*hostList, error) {
	if len(hosts) == 0 {
		return nil, nil
	}
	l := &hostList{names: map[string]struct{}{}, addrs: map[netip.Addr]struct{}{}}
	for _, h := range hosts {
		if h == "*" {
			l.any = true
			continue
		}
		bare := h
		if strings.HasPrefix(h, "[") && strings.HasSuffix(h, "]") {
			bare = h[1 : len(h)-1]
		}
		if a, err := netip.ParseAddr(bare); err == nil && a.Zone() == "" {
			l.addrs[a] = struct{}{}
			continue
		}
		name := strings.TrimSuffix(strings.ToLower(h), ".")
		rest, wild := strings.CutPrefix(name, "*.")
		host, port, ok := hostport([]byte(rest))
		if !ok || len(host) != len(rest) || port != nil || strings.Contains(rest, "*") {
			return nil, fmt.Errorf("http1: Hosts entry %q is not a host name or address; leave out scheme, port and path", h)
		}
		if wild {
			l.suffixes = append(l.suffixes, "."+rest)
		} else {
			l.names[name] = struct{}{}
		}
	}
	return l, nil
}

// has reports whether host, well-formed, is on the list. A single final dot, the mark of an absolute name, is not part of it.
func (l *hostList) has(host []byte) bool {
	if l.any {
		return true
	}
	var buf [256]byte
	if len(host) > len(buf) {
		return false
	}
	if host[0] == '[' {
		a, err := netip.ParseAddr(string(host[1 : len(host)-1]))
		_, ok := l.addrs[a]
		return err == nil && ok
	}
	name := buf[:copy(buf[:], host)]
	for i, c := range name {
		if 'A' <= c && c <= 'Z' {
			name[i] = c | 0x20
		}
	}
	name = bytes.TrimSuffix(name, []byte("."))
	if _, ok := l.names[string(name)]; ok {
		return true
	}
	for _, s := range l.suffixes {
		if len(name) > len(s) && string(name[len(name)-len(s):]) == s {
			return true
		}
	}
	if len(l.addrs) > 0 && len(name) > 0 && class[name[0]]&isDigit != 0 {
		if a, err := netip.ParseAddr(string(name)); err == nil {
			_, ok := l.addrs[a]
			return ok
		}
	}
	return false
}
