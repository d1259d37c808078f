package mutant

import "strings"

// judgeOrigin refuses a request whose Origin is not the server's own (RFC 6455 §10.2).
func (s *session) judgeOrigin(q *request) *refusal {
	list := q.fields.all("Origin")
	if len(list) == 0 {
		if s.breaks("WS-10.2-03") {
			return refuse(403, "the origin is missing")
		}
		return nil
	}
	if len(list) > 1 && !s.breaks("WS-10.2-02") {
		return refuse(400, "there is more than one origin")
	}
	if s.breaks("WS-10.2-01") || s.sameOrigin(list[0], q.authority) {
		return nil
	}
	if s.breaks("WS-10.2-04") && s.sameOrigin(list[0], q.fields.get("Host")) {
		return nil
	}
	for _, name := range []string{"X-Forwarded-Host", "Forwarded", "X-Forwarded-Server", "X-Original-Host"} {
		if s.breaks("WS-10.2-04/forwarded") && s.sameOrigin(list[0], strings.TrimPrefix(q.fields.get(name), "host=")) {
			return nil
		}
	}
	return refuse(403, "the origin is foreign")
}

func (s *session) sameOrigin(origin, authority string) bool {
	scheme := "http://"
	if strings.HasPrefix(s.URL, "wss:") {
		scheme = "https://"
	}
	switch {
	case s.breaks("WS-10.2-02"):
		host, _, _ := strings.Cut(authority, ":")
		return strings.Contains(origin, host) || origin == "null" || origin == ""
	case s.breaks("WS-10.2-02/same"):
		return false
	case s.breaks("WS-10.2-02/capitals"):
		return origin == scheme+authority
	case s.breaks("WS-10.2-02/port"):
		return strings.ToLower(origin) == scheme+strings.ToLower(authority)
	}
	rest, ok := strings.CutPrefix(strings.ToLower(origin), scheme)
	return ok && isHost(rest) && withPort(rest, scheme) == withPort(strings.ToLower(authority), scheme)
}

// withPort adds the scheme's port to a host that has none.
func withPort(host, scheme string) string {
	if at := strings.LastIndexByte(host, ':'); at > strings.LastIndexByte(host, ']') && at < len(host)-1 {
		return host
	}
	host = strings.TrimSuffix(host, ":")
	if scheme == "https://" {
		return host + ":443"
	}
	return host + ":80"
}
