package mutant

import (
	"errors"
	"fmt"
)

// judgeTerms judges the extensions of the answer against the offer.
func (c *client) judgeTerms(f fields, ask asking) (*terms, error) {
	lines := f.all("Sec-WebSocket-Extensions")
	if len(lines) == 0 {
		if ask.offer != "" && c.breaks("PD-7.1-11/declined") {
			return nil, errors.New("mutant: the server does not compress")
		}
		return nil, nil
	}
	switch {
	case c.breaks("WS-9-07"):
		lines = lines[len(lines)-1:]
	case c.breaks("WS-9-07/first"), c.breaks("WS-9-07/twice"):
		lines = lines[:1]
	}
	list, ok := parseExtensions(lines, c.fault)
	switch {
	case !ok && !c.breaks("WS-9-06"):
		return nil, errors.New("mutant: the list of extensions is malformed")
	case len(list) == 0:
		return nil, nil
	case len(list) > 1 && !c.breaks("WS-4.1-19/second") && !c.breaks("WS-9-06/twice"):
		return nil, errors.New("mutant: the server has chosen more than was offered")
	case ask.offer == "" || list[0].name != "permessage-deflate":
		if c.breaks("WS-4.1-19") || c.breaks("WS-4.1-19/deflate") {
			return nil, nil
		}
		return nil, errors.New("mutant: the server has chosen an extension that was not offered")
	}
	offers, _ := parseExtensions([]string{ask.offer}, "")
	return c.agree(offers[0].params, list[0].params)
}

// agree holds an answer against the offer (RFC 7692 §7.1).
func (c *client) agree(offer, answer []param) (*terms, error) {
	wanted := map[string]param{}
	for _, p := range offer {
		wanted[p.name] = p
	}
	t := &terms{}
	seen := map[string]bool{}
	for _, p := range answer {
		if seen[p.name] && !c.breaks("PD-7.1-09/twice") {
			return nil, fmt.Errorf("mutant: the parameter %s comes twice", p.name)
		}
		seen[p.name] = true
		if wrong := c.take(t, p); wrong != "" {
			return nil, fmt.Errorf("mutant: the parameter %s %s", p.name, wrong)
		}
	}
	if err := c.beyond(t, wanted); err != nil {
		return nil, err
	}
	if err := c.dislike(t, wanted); err != nil {
		return nil, err
	}
	// What was offered as a hint is kept to, answered or not.
	if _, ok := wanted[clientReset]; ok && !c.breaks("PD-7.1-11/hint-takeover") {
		t.clientReset = true
	}
	if n, ok := windowBits(wanted[clientBits].value); ok && t.clientBits == 0 && !c.breaks("PD-7.1-11/hint-kept") {
		t.clientBits = n
	}
	if c.breaks("PD-7.1-11/client") || c.breaks("PD-7.1-11/all") {
		t.clientReset = false
	}
	return t, nil
}

// take takes one parameter of an answer, or says what is wrong with it.
func (c *client) take(t *terms, p param) (wrong string) {
	bits, right := windowBits(p.value)
	switch p.name {
	case serverReset, clientReset:
		if p.valued && !c.breaks("PD-7.1-09/value") {
			return "has a value"
		}
		t.serverReset = t.serverReset || p.name == serverReset
		t.clientReset = t.clientReset || p.name == clientReset
		return ""
	case serverBits:
		t.serverBits = bits
		right = right || c.breaks("PD-7.1-09")
	case clientBits:
		t.clientBits = bits
		right = right || c.breaks("PD-7.1-09/client")
	default:
		if c.breaks("PD-7.1-09") || c.breaks("PD-7.1-09/unknown") || c.breaks("WS-9-06") {
			return ""
		}
		return "is unknown"
	}
	if !right {
		return "has no value from 8 to 15"
	}
	return ""
}

// beyond finds where an answer goes beyond the offer.
func (c *client) beyond(t *terms, wanted map[string]param) error {
	p, offered := wanted[clientBits]
	most, limited := windowBits(p.value)
	least, _ := windowBits(wanted[serverBits].value)
	_, refused := wanted[serverReset]
	switch {
	case t.clientBits > 0 && !offered && !c.breaks("PD-7.1-10/unasked"),
		t.clientBits > most && limited && !c.breaks("PD-7.1-10/client"):
		return errors.New("mutant: the server asks for a window that was not offered")
	case least > 0 && t.serverBits == 0 && !c.breaks("PD-7.1-10/server"),
		least > 0 && t.serverBits > least && !c.breaks("PD-7.1-10/larger"):
		return errors.New("mutant: the server does not keep to the window that was asked for")
	case refused && !t.serverReset && !c.breaks("PD-7.1-10/takeover"):
		return errors.New("mutant: the server does not do without context takeover")
	}
	return nil
}

// dislike has the faults that refuse what a server may answer.
func (c *client) dislike(t *terms, wanted map[string]param) error {
	_, demanded := wanted[serverBits]
	_, hinted := wanted[clientBits]
	for name, refused := range map[string]bool{
		"PD-7.1-11/plain":  *t == terms{},
		"PD-7.1-11/server": t.serverReset,
		"PD-7.1-11/window": t.serverBits > 0 && !demanded,
		"PD-7.1-11/below":  t.serverBits > 0 && demanded,
		"PD-7.1-11/hint":   t.clientBits == 0 && hinted,
	} {
		if refused && string(c.fault) == name {
			return errors.New("mutant: these terms are not what was offered")
		}
	}
	return nil
}
