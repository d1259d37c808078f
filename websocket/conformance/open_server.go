package conformance

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"
)

// baseKey is the key of the base request.
const baseKey = "AAECAwQFBgcICQoLDA0ODw=="

// connect opens a TCP connection to the server under test, and TLS on it for wss.
func (p *play) connect() error {
	addr := p.url.Host
	if p.url.Port() == "" {
		addr = net.JoinHostPort(p.url.Hostname(), map[string]string{"ws": "80", "wss": "443"}[p.url.Scheme])
	}
	d := net.Dialer{Timeout: p.run.patient(10 * time.Second)}
	nc, err := d.DialContext(p.ctx, "tcp", addr)
	if err != nil {
		return fmt.Errorf("the server cannot be reached: %w", err)
	}
	if p.url.Scheme == "wss" {
		tc := tls.Client(nc, p.clientTLS())
		if err := tc.HandshakeContext(p.ctx); err != nil {
			_ = nc.Close()
			return fmt.Errorf("TLS: %w", err)
		}
		nc = tc
	}
	p.attach(nc)
	return nil
}

// baseRequest is the request that opens a connection, if nothing is changed.
func (p *play) baseRequest() *message {
	m := &message{line: p.expand("GET {path} HTTP/1.1"), fields: []string{
		p.expand("Host: {host}"), "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Key: " + baseKey, "Sec-WebSocket-Version: 13",
	}}
	if p.c.offer != "" {
		m.fields = append(m.fields, "Sec-WebSocket-Extensions: "+plainText(p.c.offer))
	}
	return m
}

// sendRequest sends a request, on a connection of its own unless there is one.
func (p *play) sendRequest(edits []string) error {
	return p.sendMessage(p.baseRequest(), edits)
}

// sendMessage sends a request, changed, on the connection that there is or on
// one of its own.
func (p *play) sendMessage(m *message, edits []string) error {
	if p.state == idle {
		if err := p.connect(); err != nil {
			return err
		}
	}
	for _, e := range edits {
		if err := m.edit(e, p.expand); err != nil {
			return err
		}
	}
	p.request = m
	method, _, _ := strings.Cut(m.line, " ")
	p.unanswered = append(p.unanswered, method)
	p.w.send(m.bytes(), 1, m.line)
	return nil
}

// openServer opens a connection as a client does.
func (p *play) openServer() error {
	if err := p.sendRequest(nil); err != nil {
		return err
	}
	err := p.expectOpen(p.deadline(0))
	if illegal := (*answerError)(nil); errors.As(err, &illegal) && !p.run.o.Strict {
		return skipped{"the server's answer to the offer is not legal, which other cases are about"}
	}
	if err != nil {
		return fmt.Errorf("the connection does not open: %w", err)
	}
	if p.c.offer != "" && p.agreed == nil {
		return skipped{"the server declines the offer " + p.c.offer}
	}
	return p.free()
}

// readResponse reads the final response; others in front of it are passed over.
func (p *play) readResponse(deadline time.Time) (*head, error) {
	method := "GET"
	if len(p.unanswered) > 0 {
		method, p.unanswered = p.unanswered[0], p.unanswered[1:]
	}
	p.before = p.got
	for range mostInterim {
		h, err := p.w.response(method, deadline)
		if err != nil {
			return h, err
		}
		p.got = h
		if h.status == 101 || h.status >= 200 {
			return h, nil
		}
	}
	return nil, fmt.Errorf("%s came, and none was final", count(mostInterim, "response"))
}

// expectOpen reads the response, which has to open the connection.
func (p *play) expectOpen(deadline time.Time) error {
	h, err := p.readResponse(deadline)
	if err != nil {
		return err
	}
	return p.judgeOpen(h)
}

// judgeOpen holds a response against RFC 6455 §4.2.2.
func (p *play) judgeOpen(h *head) error {
	if h.status != 101 {
		return fmt.Errorf("the answer is %q %s", h.start, short(h.body))
	}
	key := p.request.value("Sec-WebSocket-Key")
	for name, want := range map[string]string{"Upgrade": "websocket", "Connection": "", "Sec-WebSocket-Accept": acceptValue(key)} {
		got := h.values(name)
		switch {
		case len(got) != 1:
			return fmt.Errorf("the 101 has %s of %s", count(len(got), "line"), name)
		case name == "Sec-WebSocket-Accept" && got[0] != want, name == "Upgrade" && !strings.EqualFold(got[0], want),
			name == "Connection" && !h.hasToken("Connection", "upgrade"):
			return fmt.Errorf("the 101 has %s: %q", name, got[0])
		}
	}
	if !strings.HasPrefix(h.start, "HTTP/1.1 101") {
		return fmt.Errorf("the status line is %q", h.start)
	}
	if list := h.values("Sec-WebSocket-Protocol"); len(list) > 0 {
		if err := p.judgeSubprotocol(list); err != nil {
			return err
		}
	}
	answers := h.values("Sec-WebSocket-Extensions")
	if len(answers) > 1 {
		return fmt.Errorf("the 101 has %s of Sec-WebSocket-Extensions", count(len(answers), "line"))
	}
	agreed, err := judgeAnswer(p.fieldsSent("Sec-WebSocket-Extensions"), strings.Join(answers, ", "))
	if err != nil {
		return &answerError{err}
	}
	p.frames(agreed)
	return nil
}

// answerError is what is wrong with the extension that a server answered.
type answerError struct{ error }

// fieldsSent are the values of a list field of the request.
func (p *play) fieldsSent(name string) string {
	var list []string
	for _, f := range p.request.fields {
		if n, v, _ := strings.Cut(f, ":"); strings.EqualFold(n, name) {
			list = append(list, v)
		}
	}
	return strings.Join(list, ", ")
}

func (p *play) judgeSubprotocol(list []string) error {
	if len(list) > 1 {
		return fmt.Errorf("the 101 has %s of Sec-WebSocket-Protocol", count(len(list), "line"))
	}
	for offered := range strings.SplitSeq(p.fieldsSent("Sec-WebSocket-Protocol"), ",") {
		if list[0] != "" && list[0] == strings.Trim(offered, " \t") {
			return nil
		}
	}
	return fmt.Errorf("the subprotocol %q was not offered (RFC 6455 §4.2.2)", list[0])
}
