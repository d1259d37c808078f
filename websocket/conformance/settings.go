package conformance

import "slices"

// features are what an end under test can offer besides the echo.
var features = []string{
	"deflate", "limit", "subprotocols", "header", "keepalive", "timeout", "do", "seen", "post", "answer", "routes",
	"origin", "hosts", "tls", "urls", "proxy", "plain", "redirects", "refusal", "reconnect", "parallel", "subprotocol",
	"rate", "connections", "session", "insist",
}

// Features returns the names of all that an end under test can offer besides
// the echo; cases/LANGUAGE.md says what they are.
func Features() []string { return slices.Clone(features) }

// knobFeature has the feature that each setting belongs to.
var knobFeature = map[string]string{
	"limit": "limit", "deflate": "deflate", "subprotocols": "subprotocols", "subprotocol": "subprotocol", "require": "subprotocols", "header": "header",
	"ping": "keepalive", "pong": "keepalive", "handshake": "timeout", "stall": "timeout", "close": "timeout",
	"do": "do", "code": "do", "reason": "do", "text": "do", "hex": "do", "bytes": "do", "n": "do", "each": "do",
	"proxy": "proxy", "redirects": "redirects", "reconnect": "reconnect", "first": "reconnect", "most": "reconnect",
	"parallel": "parallel", "rate": "rate", "connections": "connections", "session": "session", "insist": "insist",
}

// needs is what the end has to offer for this case.
func (c *Case) needs(a Actor) []string {
	list := slices.Clone(c.Needs)
	for _, k := range c.knobs(a) {
		feature := knobFeature[k.Name]
		if k == (Knob{"deflate", "off"}) {
			feature = "plain"
		}
		list = append(list, feature)
	}
	if c.offer != "" && a == ClientActor {
		list = append(list, "deflate")
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// knobs are the settings for this end.
func (c *Case) knobs(a Actor) []Knob {
	var list []Knob
	asked := false
	for _, k := range c.Knobs {
		if k.Name == "deflate" {
			asked = true
			if a == ServerActor && k.Value != "off" {
				continue // a server takes what is offered
			}
		}
		list = append(list, k)
	}
	if c.offer != "" && a == ClientActor && !asked {
		list = append(list, Knob{"deflate", c.offer})
	}
	return list
}
