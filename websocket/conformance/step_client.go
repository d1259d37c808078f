package conformance

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"
)

func makeDial(c *Case, rest string) (stepFunc, error) {
	c.Server = false
	return func(p *play) error {
		host, _, _ := net.SplitHostPort(p.client.ln.Addr().String())
		if ip := net.ParseIP(host); strings.Contains(rest, "//localhost:") && !ip.IsLoopback() {
			return skipped{"the case is for a client on the same machine"}
		}
		p.client.dial(plainText(p.expand(rest)))
		return nil
	}, nil
}

// makeDials has the client connect N times, one after the other.
func makeDials(c *Case, rest string) (stepFunc, error) {
	c.Server = false
	n, err := strconv.Atoi(rest)
	return func(p *play) error {
		for range n {
			if p.ctx.Err() != nil {
				return errors.New("the case took too long")
			}
			p.client.dial(p.defaultURL())
			p.state = idle
			if err := p.openClient(); err != nil {
				return err
			}
			p.sendFrame(&frameSpec{opcode: opClose, fin: true, times: 1, payload: []byte{1000 >> 8, 1000 & 0xFF}}, "close 1000")
			switch a, err := p.final(p.deadline(0)); {
			case err != nil:
				return fmt.Errorf("the closing handshake: %w", err)
			case a.kind != gotClose:
				return fmt.Errorf("the closing handshake: got %s", a)
			}
			p.w.closeWrite()
			if !p.client.ended(time.Until(p.deadline(0))) {
				return errors.New("the client does not end")
			}
			p.w.close()
		}
		return nil
	}, err
}

// expectRequest is alone, or "or no connection".
func expectRequest(c *Case, rest string) (stepFunc, error) {
	c.Server = false
	switch rest {
	case "":
		return (*play).readRequest, nil
	case "or no connection":
		return func(p *play) error {
			if err := p.dialed(); err != nil {
				return err
			}
			nc, err := p.client.nextOrEnd(p.deadline(0))
			if err == nil && nc == nil {
				return errDone
			}
			if err == nil {
				nc, err = p.client.secure(nc)
			}
			if err != nil {
				return err
			}
			p.attach(nc)
			return p.readRequest()
		}, nil
	}
	return nil, fmt.Errorf("request, or: request or no connection")
}

func expectLine(c *Case, rest string) (stepFunc, error) {
	c.Server = false
	return func(p *play) error {
		if want := plainText(p.expand(rest)); p.got == nil || p.got.start != want {
			return fmt.Errorf("got %q", p.got.start)
		}
		return nil
	}, nil
}

// expectOpened has the client answer a Ping. "or dial-error" and "~dial-error"
// let it give up instead.
func expectOpened(c *Case, rest string) (stepFunc, error) {
	c.Server = false
	if rest != "" && rest != "or dial-error" && rest != "~dial-error" {
		return nil, fmt.Errorf("opened, perhaps with: or dial-error, or with: ~dial-error; not %q", rest)
	}
	return func(p *play) error {
		if err := p.open(); err != nil {
			return err
		}
		p.sendFrame(&frameSpec{opcode: opPing, fin: true, times: 1, payload: []byte("open?")}, `ping "open?"`)
		if rest != "" {
			switch err := p.w.await(p.deadline(0), something); {
			case err == errTimeout && p.client.ended(0):
				return p.alternative(true, "the client gave up, but leaves TCP open")
			case err == errTimeout:
				return errors.New("the client neither gave up nor sent anything")
			case err != nil:
				return p.alternative(rest[0] == '~', "the client gave up")
			}
		}
		a, err := p.one(gotPong, p.deadline(0))
		if err == nil && string(a.data) != "open?" {
			err = fmt.Errorf("got %s", a)
		}
		return err
	}, nil
}

// expectDialError has the client give up without a further octet. A client that
// has given up and yet leaves TCP open is tolerated in interop mode.
func expectDialError(c *Case, _ string) (stepFunc, error) {
	c.Server = false
	return func(p *play) error {
		deadline := p.deadline(0)
		err := p.w.await(time.Now().Add(p.run.patient(200*time.Millisecond)), something)
		if err == errTimeout {
			// One that took the connection for open answers this at once.
			p.sendFrame(&frameSpec{opcode: opPing, fin: true, times: 1, payload: []byte("open?")}, `ping "open?"`)
			err = p.w.await(deadline, something)
		}
		switch {
		case err == nil && p.w.waiting()[0] == 0x80|opPong:
			return errors.New("the client took the connection for open: it answers a Ping")
		case err == nil:
			return fmt.Errorf("the client took the connection for open and sent %s", short(p.w.waiting()))
		case err == errTimeout && p.client.ended(0) && !p.run.o.Strict:
			p.tolerate("the client gave up, but leaves TCP open")
		case err == errTimeout:
			return errors.New("the client neither gave up nor sent anything")
		}
		return nil
	}, nil
}

// something is there as soon as an octet has come.
func something(in []byte) bool { return len(in) > 0 }

func expectFresh(c *Case, rest string) (stepFunc, error) {
	c.Server = false
	switch rest {
	case "keys":
		return (*play).freshKeys, nil
	case "masks":
		return (*play).freshMasks, nil
	}
	return nil, fmt.Errorf("fresh keys, or fresh masks, not %q", rest)
}

// freshKeys compares the keys of all requests: 16 octets each.
func (p *play) freshKeys() error {
	seen := map[string]bool{}
	constant := [16]bool{}
	for i := range constant {
		constant[i] = true
	}
	var first []byte
	for _, h := range p.requests {
		key := h.values("Sec-WebSocket-Key")[0]
		if seen[key] {
			return fmt.Errorf("the key %s comes twice", key)
		}
		seen[key] = true
		octets, err := base64.StdEncoding.DecodeString(key)
		if err != nil {
			return err
		}
		if first == nil {
			first = octets
		}
		for i := range constant {
			constant[i] = constant[i] && octets[i] == first[i]
		}
	}
	for i, c := range constant {
		if c && len(p.requests) >= 10 {
			return fmt.Errorf("octet %d is the same in all %d keys", i, len(p.requests))
		}
	}
	return nil
}

// freshMasks holds the masking keys against what random numbers look like
// (RFC 6455 §5.3, §10.3).
func (p *play) freshMasks() error {
	var masks [][4]byte
	for _, w := range p.wires {
		masks = append(masks, w.dec.masks...)
	}
	n := len(masks)
	if n < 1000 {
		return skipped{count(n, "frame") + " are too few to tell"}
	}
	seen := map[[4]byte]bool{}
	repeated, steps := 0, map[uint32]int{}
	var ones [32]int
	var last uint32
	for i, m := range masks {
		if seen[m] {
			repeated++
		}
		seen[m] = true
		v := uint32(m[0])<<24 | uint32(m[1])<<16 | uint32(m[2])<<8 | uint32(m[3])
		if i > 0 {
			steps[v-last]++
		}
		last = v
		for bit := range ones {
			ones[bit] += int(v >> bit & 1)
		}
	}
	if repeated > 2 {
		return fmt.Errorf("%d of %d masking keys had been used before", repeated, n)
	}
	for step, times := range steps {
		if times > 3 {
			return fmt.Errorf("%d times a masking key was the one before plus %#x", times, step)
		}
	}
	for bit, times := range ones {
		if off := times*2 - n; off*off > 36*n { // six standard deviations
			return fmt.Errorf("bit %d of the masking key is set in %d of %d frames", bit, times, n)
		}
	}
	return nil
}

// saw is what the application says it saw.
type saw struct {
	code, messages int
	reason         string
	told           url.Values // by a client
}

// expectSeen is CODE ["reason"], or messages N.
func expectSeen(_ *Case, rest string) (stepFunc, error) {
	messages, ofMessages := strings.CutPrefix(rest, "messages ")
	var n int
	var want codes
	var err error
	if ofMessages {
		n, err = strconv.Atoi(messages)
	} else {
		want, err = parseCodes(rest)
	}
	return func(p *play) error {
		s, err := p.seen()
		switch {
		case err != nil:
			return err
		case ofMessages && s.messages != n:
			return fmt.Errorf("the application was given %s", count(s.messages, "message"))
		case ofMessages:
			return nil
		}
		a := &arrival{kind: gotClose, code: s.code, data: []byte(s.reason)}
		if want.judge(p, a) != nil {
			return fmt.Errorf("the application was told %d %q", s.code, s.reason)
		}
		return nil
	}, err
}

// seen asks the application, once a case.
func (p *play) seen() (saw, error) {
	if p.saw != nil {
		return *p.saw, nil
	}
	var s saw
	var err error
	if p.actor == ServerActor {
		s, err = p.askServer()
	} else {
		s, err = p.hearClient()
	}
	if err == nil {
		p.saw = &s
	}
	return s, err
}

// askServer asks for /seen: CODE MESSAGES REASON….
func (p *play) askServer() (s saw, err error) {
	status, body, err := p.run.get(p.ctx, "/seen?case="+p.token)
	if err != nil {
		return s, err
	}
	p.rec.add(Event{Kind: Note, What: fmt.Sprintf("GET /seen: %d %q", status, body)})
	f := strings.SplitN(strings.TrimRight(body, "\n"), " ", 3)
	if status != 200 || len(f) < 2 {
		return s, fmt.Errorf("/seen answers %d %q", status, body)
	}
	if s.code, err = strconv.Atoi(f[0]); err == nil {
		s.messages, err = strconv.Atoi(f[1])
	}
	if len(f) == 3 {
		s.reason = f[2]
	}
	return s, err
}
