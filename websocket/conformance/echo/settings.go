package echo

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/openline/openline/websocket"
)

// settings are what the query of a URL asks for.
type settings struct {
	limit        int64 // 0: not given, as everywhere below
	deflate      string
	subprotocols []string
	require      bool
	header       http.Header
	ping, pong   time.Duration
	handshake    time.Duration
	stall, close time.Duration
	proxy        *url.URL
	redirects    int
	reconnect    int
	first, most  time.Duration
	parallel     int
	rate         int           // messages a second
	connections  int           // at once, with the same query
	session      time.Duration // how long a connection may last
	insist       bool          // on compression

	do      string
	code    websocket.CloseCode
	reason  string
	payload []byte // of do=send, do=binary and do=twice
	bytes   int64
	n, each int // n is 0 if it is not given

	token string // "case": by which a server is asked what it saw
	seen  bool   // a client tells what it saw
}

// Bounds of what can be asked for.
const (
	maxLimit    = 1 << 30
	maxBytes    = 1 << 30
	maxDuration = 5 * time.Minute
	maxWriters  = 64
	maxEach     = 10_000
	maxDials    = 100
	maxToken    = 128
)

// names are the settings and what reads their values. Values are checked where
// they are read.
var names = map[string]func(s *settings, v string) error{
	"limit":   func(s *settings, v string) error { return number(&s.limit, v, 1, maxLimit) },
	"deflate": func(s *settings, v string) error { s.deflate = v; return nil },
	"subprotocols": func(s *settings, v string) error {
		s.subprotocols = append(s.subprotocols, strings.Split(v, ",")...)
		return nil
	},
	"subprotocol": func(s *settings, v string) error { s.subprotocols = append(s.subprotocols, v); return nil },
	"require":     readRequire,
	"header":      readHeader,
	"ping":        func(s *settings, v string) error { return duration(&s.ping, v) },
	"pong":        func(s *settings, v string) error { return duration(&s.pong, v) },
	"handshake":   func(s *settings, v string) error { return duration(&s.handshake, v) },
	"stall":       func(s *settings, v string) error { return duration(&s.stall, v) },
	"close":       func(s *settings, v string) error { return duration(&s.close, v) },
	"proxy":       readProxy,
	"redirects":   func(s *settings, v string) error { return number(&s.redirects, v, 0, maxDials) },
	"reconnect":   func(s *settings, v string) error { return number(&s.reconnect, v, 1, maxDials) },
	"first":       func(s *settings, v string) error { return duration(&s.first, v) },
	"most":        func(s *settings, v string) error { return duration(&s.most, v) },
	"parallel":    func(s *settings, v string) error { return number(&s.parallel, v, 1, maxDials) },
	"rate":        func(s *settings, v string) error { return number(&s.rate, v, 1, maxEach) },
	"connections": func(s *settings, v string) error { return number(&s.connections, v, 1, maxEach) },
	"session":     func(s *settings, v string) error { return duration(&s.session, v) },
	"insist":      readInsist,
	"do":          readDo,
	"code":        func(s *settings, v string) error { return number(&s.code, v, 0, 65535) },
	"reason":      func(s *settings, v string) error { s.reason = v; return nil },
	"text":        func(s *settings, v string) error { s.payload = []byte(v); return nil },
	"hex":         readHex,
	"bytes":       func(s *settings, v string) error { return number(&s.bytes, v, 0, maxBytes) },
	"n":           func(s *settings, v string) error { return number(&s.n, v, 1, maxWriters) },
	"each":        func(s *settings, v string) error { return number(&s.each, v, 1, maxEach) },
	"case":        readToken,
	"seen":        func(s *settings, v string) error { s.seen = v != ""; return nil },
}

// parse reads the query of a URL as it stands there. The error names the setting
// that makes no sense.
func parse(query string) (*settings, error) {
	s := &settings{header: http.Header{}, code: websocket.CloseNormal, each: 10}
	for pair := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(pair, "=")
		read, ok := names[name]
		if !ok {
			continue
		}
		// Not url.ParseQuery: a semicolon is as good as any other character.
		value, err := url.QueryUnescape(value)
		if err == nil {
			err = read(s, value)
		}
		if err != nil {
			return nil, fmt.Errorf("the setting %s in the URL's query: %w", name, err)
		}
	}
	return s, nil
}

// number reads a decimal number between two bounds.
func number[T ~int | ~int64 | ~uint16](to *T, v string, low, high int64) error {
	n, err := strconv.ParseInt(v, 10, 64)
	if err != nil || n < low || n > high {
		return fmt.Errorf("%.40q is not a number from %d to %d", v, low, high)
	}
	*to = T(n)
	return nil
}

// duration reads a positive duration, such as 300ms.
func duration(to *time.Duration, v string) error {
	d, err := time.ParseDuration(v)
	if err != nil || d <= 0 || d > maxDuration {
		return fmt.Errorf("%.40q is not a duration up to %v, such as 300ms", v, maxDuration)
	}
	*to = d
	return nil
}

func readRequire(s *settings, v string) error {
	if v != "subprotocol" {
		return fmt.Errorf("%.40q cannot be required, only a subprotocol can", v)
	}
	s.require = true
	return nil
}

func readInsist(s *settings, v string) error {
	if v != "deflate" {
		return fmt.Errorf("%.40q cannot be insisted on, only deflate can", v)
	}
	s.insist = true
	return nil
}

// readHeader reads NAME:VALUE. What a field may be is for package websocket to
// judge.
func readHeader(s *settings, v string) error {
	name, value, ok := strings.Cut(v, ":")
	if !ok {
		return fmt.Errorf("%.40q is not of the form NAME:VALUE", v)
	}
	s.header[name] = append(s.header[name], strings.TrimPrefix(value, " "))
	return nil
}

func readProxy(s *settings, v string) error {
	u, err := url.Parse(v)
	if err != nil || u.Host == "" {
		return errors.New("it is not a URL such as http://127.0.0.1:3128")
	}
	s.proxy = u
	return nil
}

func readDo(s *settings, v string) error {
	if _, ok := deeds[v]; !ok {
		return fmt.Errorf("%.40q is none of %s", v, deedNames())
	}
	s.do = v
	return nil
}

func readHex(s *settings, v string) (err error) {
	if s.payload, err = hex.DecodeString(strings.ReplaceAll(v, " ", "")); err != nil {
		return errors.New("it is not hexadecimal")
	}
	return nil
}

func readToken(s *settings, v string) error {
	if v == "" || len(v) > maxToken {
		return fmt.Errorf("a token has 1 to %d bytes", maxToken)
	}
	s.token = v
	return nil
}

// conn is what the settings mean for either end's connection.
func (s *settings) conn(defaultLimit int64) websocket.ConnOptions {
	o := websocket.ConnOptions{
		ReadLimit:    defaultLimit,
		PingInterval: s.ping,
		PongTimeout:  s.pong,
		StallTimeout: s.stall,
		CloseTimeout: s.close,
		MessageRate:  float64(s.rate),
	}
	if s.limit > 0 {
		o.ReadLimit = s.limit
	}
	return o
}
