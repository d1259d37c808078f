package conformance

import (
	"fmt"
	"regexp"
	"strings"
)

// keyPattern is 16 octets in base64, with padding bits that are zero.
var keyPattern = regexp.MustCompile(`^[A-Za-z0-9+/]{21}[AQgw]==$`)

// readRequest reads the client's opening request, which has to be right
// (RFC 6455 §4.1).
func (p *play) readRequest() error {
	if p.state == idle {
		if err := p.meet(); err != nil {
			return err
		}
	}
	h, err := p.w.head(p.deadline(0))
	if err != nil {
		return noAnswer(err)
	}
	p.got = h
	p.requests = append(p.requests, h)
	return judgeRequest(h)
}

func judgeRequest(h *head) error {
	f := strings.Split(h.start, " ")
	if len(f) != 3 || f[0] != "GET" || f[2] != "HTTP/1.1" || !strings.HasPrefix(f[1], "/") || strings.Contains(f[1], "#") {
		return fmt.Errorf("the request line is %q", h.start)
	}
	for _, name := range []string{"Host", "Upgrade", "Connection", "Sec-WebSocket-Key", "Sec-WebSocket-Version"} {
		if n := len(h.values(name)); n != 1 {
			return fmt.Errorf("the request has %s of %s", count(n, "line"), name)
		}
	}
	for _, name := range []string{"Content-Length", "Transfer-Encoding"} {
		if v := h.values(name); len(v) > 0 {
			return fmt.Errorf("the request has %s: %q", name, v)
		}
	}
	key, version := h.values("Sec-WebSocket-Key")[0], h.values("Sec-WebSocket-Version")[0]
	switch {
	case !h.hasToken("Upgrade", "websocket"):
		return fmt.Errorf("the request has Upgrade: %q", h.values("Upgrade"))
	case !h.hasToken("Connection", "upgrade"):
		return fmt.Errorf("the request has Connection: %q", h.values("Connection"))
	case !keyPattern.MatchString(key):
		return fmt.Errorf("the key %q is not 16 octets in base64", key)
	case version != "13":
		return fmt.Errorf("the request has Sec-WebSocket-Version: %q", version)
	}
	if _, err := parseExtensions(strings.Join(h.values("Sec-WebSocket-Extensions"), ", ")); err != nil {
		return fmt.Errorf("Sec-WebSocket-Extensions: %w (RFC 6455 §9.1)", err)
	}
	seen := map[string]bool{}
	for _, line := range h.values("Sec-WebSocket-Protocol") {
		for name := range strings.SplitSeq(line, ",") {
			if name = strings.Trim(name, " \t"); !isToken(name) || seen[name] {
				return fmt.Errorf("the request has Sec-WebSocket-Protocol: %q", line)
			}
			seen[name] = true
		}
	}
	return nil
}

// openClient answers the client's request, as a server does that accepts it.
func (p *play) openClient() error {
	if err := p.readRequest(); err != nil {
		return err
	}
	return p.sendResponse(nil)
}

// sendResponse answers the client's request.
func (p *play) sendResponse(edits []string) error {
	if len(p.requests) == 0 || p.state == idle {
		if err := p.readRequest(); err != nil {
			return err
		}
	}
	m := &message{line: "HTTP/1.1 101 Switching Protocols", fields: []string{
		"Upgrade: websocket", "Connection: Upgrade", p.expand("Sec-WebSocket-Accept: {accept}"),
	}}
	if answer := p.suited(p.c.defaultAnswer()); answer != "" {
		m.fields = append(m.fields, "Sec-WebSocket-Extensions: "+plainText(answer))
	}
	for _, e := range edits {
		if err := m.edit(e, p.expand); err != nil {
			return err
		}
	}
	answer := m.list("Sec-WebSocket-Extensions")
	offer := strings.Join(p.got.values("Sec-WebSocket-Extensions"), ", ")
	if p.c.defaultAnswer() != "" && !strings.Contains(offer, permessageDeflate) {
		return skipped{"the client offers no compression"}
	}
	if err := p.sameOffer(answer); err != nil {
		return err
	}
	agreed, _ := judgeAnswer(offer, answer) // a wrong answer is for the client to refuse
	p.frames(agreed)
	p.w.send(m.bytes(), 1, m.line)
	return p.free()
}

// suited adds to the usual answer what the client's own offer has to be answered
// with, for a client that offers something else than it was asked to.
func (p *play) suited(answer string) string {
	offer := strings.Join(p.got.values("Sec-WebSocket-Extensions"), ", ")
	if _, err := judgeAnswer(offer, answer); err == nil || p.c.answer != "" || answer == "" {
		return answer
	}
	list, _ := parseExtensions(offer)
	for i := range list {
		o, err := list[i].parseDeflate()
		if err != nil || list[i].name != permessageDeflate {
			continue
		}
		if o.serverNoTakeover && !strings.Contains(answer, "server_no_context_takeover") {
			answer += "; server_no_context_takeover"
		}
		if o.clientNoTakeover && !strings.Contains(answer, "client_no_context_takeover") {
			answer += "; client_no_context_takeover"
		}
		break
	}
	return answer
}

// defaultAnswer is the extension that the response names, if no edit changes it.
func (c *Case) defaultAnswer() string {
	if c.answer != "" || c.offer == "" {
		return c.answer
	}
	var kept []string
	for part := range strings.SplitSeq(c.offer, ";") {
		if part = strings.TrimSpace(part); part != "client_max_window_bits" {
			kept = append(kept, part)
		}
	}
	return strings.Join(kept, "; ")
}
