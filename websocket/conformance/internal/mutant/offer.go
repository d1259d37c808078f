package mutant

import (
	"strconv"
	"time"
)

// terms are what two ends have agreed on for permessage-deflate (RFC 7692 §7.1).
type terms struct {
	serverReset, clientReset bool // no context takeover
	serverBits, clientBits   int  // 0: not said, which is 15; -1: a fault, without a value
	also                     string
}

// The parameters' names.
const (
	serverReset = "server_no_context_takeover"
	clientReset = "client_no_context_takeover"
	serverBits  = "server_max_window_bits"
	clientBits  = "client_max_window_bits"
)

// String returns the answer.
func (t *terms) String() string {
	b := "permessage-deflate"
	if t.also != "" { // a fault names something else as well
		b = t.also + ", " + b
	}
	if t.serverReset {
		b += "; " + serverReset
	}
	if t.clientReset {
		b += "; " + clientReset
	}
	if t.serverBits > 0 {
		b += "; " + serverBits + "=" + strconv.Itoa(t.serverBits)
	}
	if t.clientBits < 0 {
		b += "; " + clientBits
	}
	if t.clientBits > 0 {
		b += "; " + clientBits + "=" + strconv.Itoa(t.clientBits)
	}
	return b
}

// chooseTerms takes the first offer that is acceptable.
func (s *session) chooseTerms(q *request, set settings) (*terms, *refusal) {
	lines := q.fields.all("Sec-WebSocket-Extensions")
	if len(lines) > 1 && s.breaks("WS-9-01") {
		lines = lines[:1]
	}
	list, ok := parseExtensions(lines, s.fault)
	switch {
	case !ok && !s.breaks("WS-9-03") && !s.breaks("PD-7.1-07/grammar"):
		return nil, refuse(400, "the list of extensions is malformed")
	case len(lines) > 0 && ok && len(list) == 0 && !s.breaks("WS-9-04/nothing"):
		return nil, refuse(400, "the list of extensions is empty")
	case len(lines) == 0 && s.breaks("PD-7.1-02"), len(list) == 0 && s.breaks("WS-9-04/nothing"):
		return &terms{}, nil
	case set.Get("deflate") == "off" && !s.breaks("PD-8-04") || len(list) == 0:
		return nil, nil
	case s.breaks("WS-9-08"):
		s.toil(list)
	case s.breaks("WS-9-05") && list[0].name != "permessage-deflate":
		return nil, nil
	case s.breaks("WS-9-05/unknown"):
		return &terms{also: list[0].name}, nil
	case s.breaks("PD-7.1-08/first") && len(list) > 1:
		return &terms{also: "permessage-deflate", serverBits: 10}, nil
	}
	for _, x := range list {
		if x.name != "permessage-deflate" {
			continue
		}
		if t := s.takeOffer(x.params); t != nil {
			s.spoil(t, x.params)
			return t, nil
		}
		if s.breaks("PD-7.1-08") {
			break
		}
	}
	return nil, nil
}

// takeOffer returns the answer to an offer, or nil if it is declined.
func (s *session) takeOffer(params []param) *terms {
	t := &terms{}
	seen := map[string]bool{}
	for _, p := range params {
		ok := !seen[p.name]
		seen[p.name] = true
		var bits int
		right := true
		switch p.name {
		case serverReset:
			t.serverReset, right = true, !p.valued
		case clientReset:
			t.clientReset, right = true, !p.valued
		case serverBits:
			bits, right = windowBits(p.value)
			t.serverBits = bits
		case clientBits:
			if p.valued {
				bits, right = windowBits(p.value)
				t.clientBits = bits
			}
		default:
			right = false
		}
		if (!ok || !right) && !s.breaks("PD-7.1-07") {
			return nil
		}
	}
	return t
}

// spoil makes the answer of a faulty server.
func (s *session) spoil(t *terms, params []param) {
	switch {
	case s.breaks("PD-7.1-01"):
		t.clientBits = 15
	case s.breaks("PD-7.1-03"):
		t.clientBits = -1
	case s.breaks("PD-7.1-04") && t.serverBits > 0:
		t.serverBits++
	case s.breaks("PD-7.1-05"), s.breaks("PD-7.1-06/all") && len(params) == 4:
		t.serverReset = false
	case s.breaks("PD-7.1-06/goes-on"):
		t.clientReset = false
	}
}

// toil takes a time that grows with the square of the number of offers and parameters.
func (s *session) toil(list []extension) {
	n := len(list)
	for _, x := range list {
		n += len(x.params)
	}
	s.nc.SetReadDeadline(time.Now().Add(time.Duration(n*n) * 20 * time.Microsecond))
	_, _ = s.in.Peek(1)
}

// windowBits reads 8 to 15, without a sign or leading zeros.
func windowBits(v string) (int, bool) {
	n, err := strconv.Atoi(v)
	return n, err == nil && n >= 8 && n <= 15 && v == strconv.Itoa(n)
}

// compress makes the connection compress on these terms.
func (c *conn) compress(t *terms) {
	bits, ourReset, theirReset := t.serverBits, t.serverReset, t.clientReset
	if c.client {
		bits, ourReset, theirReset = t.clientBits, t.clientReset, t.serverReset
	}
	window := 1 << min(max(bits, 0), 15)
	switch {
	case c.breaks("PD-7.2-12") && bits == 15:
		window = 0 // it looks back wherever it must not, and nowhere else
	case bits <= 0, c.breaks("PD-7.2-12"), c.breaks("PD-7.1-04/window"), c.breaks("PD-7.1-12"):
		window = 1 << 15
	}
	forgets := c.breaks("PD-7.2-02") || c.breaks("PD-7.1-06/goes-on")
	c.pack = &deflater{window: window, takeover: !ourReset || c.breaks("PD-7.2-10")}
	c.unpack = &inflater{fault: c.fault, takeover: !theirReset && !forgets}
}
