package conformance

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
)

// Steps about what is in front of a client's request: where the listener is, TLS,
// and a proxy.

// clientOnly makes cases that have this step the client's.
func clientOnly(m maker) maker {
	return func(c *Case, rest string) (stepFunc, error) {
		if c.Server {
			c.Server = false
		}
		return m(c, rest)
	}
}

func makeListen(_ *Case, rest string) (stepFunc, error) {
	return func(p *play) error { return p.client.listen(p.expand(rest)) }, nil
}

// makeTLS has TLS spoken from the beginning of each connection, or in the tunnel
// that a proxy has opened.
func makeTLS(_ *Case, rest string) (stepFunc, error) {
	spec, err := parseTLS(rest)
	return func(p *play) error {
		p.client.tls = spec
		if p.state == idle {
			return nil
		}
		inside, err := p.client.secure(tunnel{p.w})
		if err == nil {
			p.attach(inside)
		}
		return err
	}, err
}

// expectTLSError has the client end the connection without data of the
// application, and not come back.
func expectTLSError(*Case, string) (stepFunc, error) {
	return func(p *play) error {
		if err := p.ready(); err != nil {
			return err
		}
		silent := p.client.tls != nil && p.client.tls.which == "silent"
		err := p.w.await(p.deadline(0), func(in []byte) bool { return len(in) > 0 && !silent })
		in := p.w.waiting()
		came, _, _ := p.client.hello.get()
		switch {
		case err == nil:
			return fmt.Errorf("the client went on behind the TLS handshake, and sent %s", short(in))
		case err == errTimeout:
			return errors.New("the client neither gave up nor sent anything")
		case silent && (len(in) == 0 || in[0] != 22), !silent && !came: // 22: a handshake record
			return fmt.Errorf("the client does not speak TLS: %w", err)
		}
		return p.noFurther()
	}, nil
}

func expectSNI(_ *Case, rest string) (stepFunc, error) {
	return func(p *play) error {
		if _, name, _ := p.client.hello.get(); name != rest {
			return fmt.Errorf("the ClientHello names %q", name)
		}
		return nil
	}, nil
}

func expectALPN(_ *Case, rest string) (stepFunc, error) {
	return func(p *play) error {
		_, _, list := p.client.hello.get()
		got := strings.Join(list, ",")
		if got == "" {
			got = "none"
		}
		if !slices.Contains(strings.Split(rest, " | "), got) {
			return fmt.Errorf("the ClientHello offers %s", got)
		}
		return nil
	}, nil
}

// expectConnect reads the request to a proxy (RFC 9110 §9.3.6).
func expectConnect(_ *Case, rest string) (stepFunc, error) {
	if _, _, err := net.SplitHostPort(rest); err != nil {
		return nil, err
	}
	return func(p *play) error {
		if err := p.ready(); err != nil {
			return err
		}
		h, err := p.w.head(p.deadline(0))
		if err != nil {
			return noAnswer(err)
		}
		p.got = h
		host := h.values("Host")
		switch {
		case h.start != "CONNECT "+rest+" HTTP/1.1":
			return fmt.Errorf("the request is %q", h.start)
		case len(host) != 1 || host[0] != rest:
			return fmt.Errorf("the request has Host: %q", host)
		case len(h.values("Content-Length"))+len(h.values("Transfer-Encoding")) > 0:
			return errors.New("the request has a body")
		case len(p.w.waiting()) > 0:
			return fmt.Errorf("behind it came %s", short(p.w.waiting()))
		}
		return nil
	}, nil
}
