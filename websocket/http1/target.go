package http1

import "bytes"

// requestLine judges “method SP target SP version”, RFC 9112 §3. Its octets are known to be 0x20 to 0x7e.
func (h *headScan) requestLine(b []byte, from, to int) *refusal {
	line := b[from:to]
	sp := bytes.IndexByte(line, ' ')
	if sp < 0 {
		return errRequestLine
	}
	method, rest := line[:sp], line[sp+1:]
	end := bytes.IndexByte(rest, ' ')
	if end <= 0 || sp == 0 {
		return errRequestLine
	}
	target, version := rest[:end], rest[end+1:]
	if len(version) == 0 || bytes.IndexByte(version, ' ') >= 0 {
		return errRequestLine
	}
	if !token(method) {
		return errMethod
	}
	if len(version) != len("HTTP/1.1") || string(version[:5]) != "HTTP/" || version[6] != '.' ||
		class[version[5]]&isDigit == 0 || class[version[7]]&isDigit == 0 {
		return errVersion
	}
	if version[5] != '1' {
		return errMajor
	}
	h.http10 = version[7] == '0'
	h.isHEAD = string(method) == "HEAD"
	h.connect = string(method) == "CONNECT"
	return h.target(target, from+sp+1, string(method) == "OPTIONS")
}

// target judges the request target, RFC 9112 §3.2, which begins at offset at of the section. Octets that RFC 3986 wants encoded but browsers send raw in a query, such as | and {, pass; # and a stray % do not.
func (h *headScan) target(t []byte, at int, options bool) *refusal {
	if h.connect { // authority-form, RFC 9112 §3.2.3: the port is not optional
		host, port, ok := hostport(t)
		if !ok || len(port) == 0 {
			return errConnectForm
		}
		h.absolute = true
		h.targetHost = span{at, at + len(host)}
		return nil
	}
	if len(t) == 1 && t[0] == '*' {
		if !options {
			return errAsterisk
		}
		h.asterisk = true
		return nil
	}
	if t[0] != '/' {
		colon := bytes.IndexByte(t, ':')
		if colon < 0 || len(t) < colon+3 || string(t[colon:colon+3]) != "://" {
			return errTarget
		}
		if scheme := t[:colon]; !folds(scheme, "http") && !folds(scheme, "https") {
			return errScheme
		}
		start := colon + 3
		authority := t[start:]
		if end := bytes.IndexAny(authority, "/?#"); end >= 0 {
			authority = authority[:end]
		}
		if bytes.IndexByte(authority, '@') >= 0 {
			return errUserinfo
		}
		host, _, ok := hostport(authority)
		if !ok {
			return errAuthority
		}
		h.absolute = true
		h.targetHost = span{at + start, at + start + len(host)}
		t = t[start+len(authority):]
	}
	if bytes.IndexByte(t, '#') >= 0 {
		return errFragment
	}
	for {
		i := bytes.IndexByte(t, '%')
		if i < 0 {
			return nil
		}
		if len(t) < i+3 || class[t[i+1]]&isHex == 0 || class[t[i+2]]&isHex == 0 {
			return errEscape
		}
		t = t[i+3:]
	}
}
