package conformance

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

// hearClient waits for the client's request to /seen, which says in its query
// what the client saw.
func (p *play) hearClient() (s saw, err error) {
	nc, err := p.client.next(p.deadline(0))
	if err != nil {
		return s, fmt.Errorf("the client does not say what it saw: %w", err)
	}
	p.mu.Lock()
	w := newWire(nc, len(p.wires), p.rec)
	p.wires = append(p.wires, w)
	p.mu.Unlock()
	h, err := w.head(p.deadline(0))
	if err != nil {
		return s, err
	}
	w.send([]byte("HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"), 1, "204")
	target, _, _ := strings.Cut(strings.TrimPrefix(h.start, "GET "), " ")
	u, err := url.Parse(target)
	if err != nil || u.Path != "/seen" {
		return s, fmt.Errorf("instead of what it saw, the client asks for %q", h.start)
	}
	q := u.Query()
	s.told, s.reason = q, q.Get("reason")
	if q.Has("status") {
		return s, nil // it was refused
	}
	if s.code, err = strconv.Atoi(q.Get("code")); err == nil {
		s.messages, err = strconv.Atoi(q.Get("messages"))
	}
	return s, err
}
