package mutant

import (
	"net/url"
	"strconv"
	"strings"
	"time"
)

// settings are what a case asks for in the query of its URL.
type settings struct {
	url.Values
	limit     int // octets of a message
	ping      time.Duration
	pong      time.Duration
	handshake time.Duration
	stall     time.Duration
	close     time.Duration
}

// How large a message may be and how long things may take unless a case asks for
// something else.
const (
	usualLimit     = 64 << 20
	usualHandshake = 9 * time.Second
	usualStall     = 20 * time.Second
	usualClose     = 2 * time.Second
	drainTime      = time.Second
	writeTime      = 5 * time.Second
)

// readSettings reads a query. What is no number or no duration is as if it were
// not there.
func readSettings(query string, f fault) settings {
	v, _ := url.ParseQuery(query)
	s := settings{
		Values: v, limit: usualLimit,
		ping: span(v, "ping", 0), pong: span(v, "pong", time.Second),
		handshake: span(v, "handshake", usualHandshake), stall: span(v, "stall", usualStall), close: span(v, "close", usualClose),
	}
	if f != "" && !v.Has("handshake") {
		s.handshake /= 3 // nobody waits for the faulty longer than is needed to tell
	}
	if n, err := strconv.Atoi(v.Get("limit")); err == nil {
		s.limit = n
	}
	return s
}

func span(v url.Values, name string, usual time.Duration) time.Duration {
	if d, err := time.ParseDuration(v.Get(name)); err == nil && d > 0 {
		return d
	}
	return usual
}

func (s settings) number(name string, usual int) int {
	if n, err := strconv.Atoi(s.Get(name)); err == nil {
		return n
	}
	return usual
}

// octets returns what the settings text or hex say.
func (s settings) octets() []byte {
	if s.Has("hex") {
		var p []byte
		h := strings.Map(func(r rune) rune {
			if r == ' ' || r == '+' {
				return -1
			}
			return r
		}, s.Get("hex"))
		for len(h) >= 2 {
			b, _ := strconv.ParseUint(h[:2], 16, 8)
			p, h = append(p, byte(b)), h[2:]
		}
		return p
	}
	return []byte(s.Get("text"))
}
