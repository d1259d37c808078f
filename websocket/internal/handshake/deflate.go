package handshake

import (
	"errors"
	"fmt"
	"strings"
)

// Deflate is the name of the extension (RFC 7692 §7).
const Deflate = "permessage-deflate"

// windowMax is the window of who has no limit, as a power of two.
const windowMax = 15

// DeflateSettings are what one end wants.
type DeflateSettings struct {
	// Bits is the window of what this end sends, PeerBits the largest it likes to
	// keep of what it receives: 8 to 15, or 0 for 15 and no word about it.
	Bits, PeerBits int
	// NoTakeover and PeerNoTakeover say that each message is to stand alone.
	NoTakeover, PeerNoTakeover bool
}

// DeflateTerms are what both ends have agreed on, as one of them sees it.
type DeflateTerms struct {
	SendBits, ReceiveBits         int
	SendTakeover, ReceiveTakeover bool
}

// deflateParams are the parameters of an offer or an answer (RFC 7692 §7.1).
type deflateParams struct {
	serverNoTakeover, clientNoTakeover bool
	serverBits, clientBits             int  // 0: not there
	clientHint                         bool // client_max_window_bits has no value, which stands for windowMax
}

// parseDeflate reads parameters; only an offer may have client_max_window_bits
// without a value (§7.1.2.2).
func parseDeflate(list []Param, offer bool) (p deflateParams, err error) {
	for i, param := range list {
		for _, other := range list[:i] { // at most four get here
			if other.Name == param.Name {
				return p, fmt.Errorf("%s has the parameter %s twice (RFC 7692 §7)", Deflate, param.Name)
			}
		}
		ok := !param.HasValue
		switch param.Name {
		case "server_no_context_takeover":
			p.serverNoTakeover = true
		case "client_no_context_takeover":
			p.clientNoTakeover = true
		case "server_max_window_bits":
			p.serverBits, ok = windowBits(param.Value)
		case "client_max_window_bits":
			if p.clientHint = !param.HasValue; p.clientHint {
				p.clientBits, ok = windowMax, offer
			} else {
				p.clientBits, ok = windowBits(param.Value)
			}
		default:
			return p, fmt.Errorf("%s has the parameter %q, which RFC 7692 §7.1 does not define", Deflate, Printable(param.Name))
		}
		if !ok {
			return p, fmt.Errorf("%s has a bad value of %s: %q (RFC 7692 §7.1)", Deflate, param.Name, Printable(param.Value))
		}
	}
	return p, nil
}

// windowBits reads 8 to 15, without leading zeros (§7.1.2).
func windowBits(s string) (int, bool) {
	switch {
	case len(s) == 1 && (s[0] == '8' || s[0] == '9'):
		return int(s[0] - '0'), true
	case len(s) == 2 && s[0] == '1' && s[1] >= '0' && s[1] <= '5':
		return 10 + int(s[1]-'0'), true
	}
	return 0, false
}

// String writes the element of the header field.
func (p deflateParams) String() string {
	var b strings.Builder
	b.WriteString(Deflate)
	if p.serverNoTakeover {
		b.WriteString("; server_no_context_takeover")
	}
	if p.clientNoTakeover {
		b.WriteString("; client_no_context_takeover")
	}
	if p.serverBits > 0 {
		fmt.Fprintf(&b, "; server_max_window_bits=%d", p.serverBits)
	}
	switch {
	case p.clientHint:
		b.WriteString("; client_max_window_bits")
	case p.clientBits > 0:
		fmt.Fprintf(&b, "; client_max_window_bits=%d", p.clientBits)
	}
	return b.String()
}

// within is bits, or the limit if that is less; 0 is no limit.
func within(bits, limit int) int {
	if bits == 0 {
		bits = windowMax
	}
	if limit == 0 {
		return bits
	}
	return min(bits, limit)
}

// AcceptDeflate chooses among a client's offers: the first whose parameters are
// all understood (RFC 7692 §5, §7.1). It returns what is agreed and the answer,
// or nil and "" to decline. A client that cannot be asked for a smaller window
// than PeerBits is told not to take its context over, which a server may always
// do (§7.1.1.2): the window need not be kept then.
func AcceptDeflate(offers []Extension, s *DeflateSettings) (*DeflateTerms, string) {
	for _, e := range offers {
		if e.Name != Deflate {
			continue
		}
		o, err := parseDeflate(e.Params, true)
		if err != nil {
			continue
		}
		var answer deflateParams
		t := &DeflateTerms{SendBits: within(s.Bits, o.serverBits), ReceiveBits: windowMax}
		if o.serverBits > 0 {
			answer.serverBits = t.SendBits
		}
		answer.serverNoTakeover = o.serverNoTakeover || s.NoTakeover
		if o.clientBits > 0 {
			if t.ReceiveBits = within(s.PeerBits, o.clientBits); t.ReceiveBits < windowMax {
				answer.clientBits = t.ReceiveBits
			}
		}
		answer.clientNoTakeover = o.clientNoTakeover || s.PeerNoTakeover || t.ReceiveBits > within(s.PeerBits, 0)
		t.SendTakeover, t.ReceiveTakeover = !answer.serverNoTakeover, !answer.clientNoTakeover
		return t, answer.String()
	}
	return nil, ""
}

// offers are what a client with these settings offers, the best first. A server
// that cannot keep to a window of PeerBits may agree to the second, with which
// no window is kept at all.
func (s *DeflateSettings) offers() []deflateParams {
	o := deflateParams{
		serverNoTakeover: s.PeerNoTakeover, clientNoTakeover: s.NoTakeover,
		serverBits: s.PeerBits, clientBits: s.Bits, clientHint: s.Bits == windowMax,
	}
	if s.PeerBits == 0 || s.PeerBits == windowMax {
		o.serverBits = 0
		return []deflateParams{o}
	}
	second := o
	second.serverBits, second.serverNoTakeover = 0, true
	return []deflateParams{o, second}
}

// OfferDeflate is the value of a client's Sec-WebSocket-Extensions field.
func OfferDeflate(s *DeflateSettings) string {
	var list []string
	for _, o := range s.offers() {
		list = append(list, o.String())
	}
	return strings.Join(list, ", ")
}

// CheckDeflate judges a server's answer to OfferDeflate: nil terms if it
// declined, an error if it is no answer to any of the offers (RFC 7692 §5, §7.1).
func CheckDeflate(answer []Extension, s *DeflateSettings) (*DeflateTerms, error) {
	for _, e := range answer {
		if e.Name != Deflate {
			continue
		}
		a, err := parseDeflate(e.Params, false)
		if err != nil {
			return nil, err
		}
		for _, o := range s.offers() {
			if !o.allows(a) {
				continue
			}
			return &DeflateTerms{
				SendBits: within(s.Bits, a.clientBits), SendTakeover: !a.clientNoTakeover && !s.NoTakeover,
				ReceiveBits: within(a.serverBits, 0), ReceiveTakeover: !a.serverNoTakeover,
			}, nil
		}
		return nil, errors.New("the server's " + a.String() + " answers none of the offers: " + OfferDeflate(s) + " (RFC 7692 §7.1)")
	}
	return nil, nil
}

// allows reports whether a answers the offer p.
func (p deflateParams) allows(a deflateParams) bool {
	return (a.serverNoTakeover || !p.serverNoTakeover) &&
		(p.serverBits == 0 || a.serverBits > 0 && a.serverBits <= p.serverBits) &&
		(a.clientBits == 0 || p.clientBits > 0 && a.clientBits <= p.clientBits)
}
