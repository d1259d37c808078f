package http1

import (
	"bytes"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

const (
	baseRequest = "GET /echo HTTP/1.1\r\nHost: ws.test:9001\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Key: AAECAwQFBgcICQoLDA0ODw==\r\nSec-WebSocket-Version: 13\r\n\r\n"
	adminRequest = "GET /admin HTTP/1.1\r\nHost: ws.test:9001\r\n\r\n"
)

type rule struct {
	id, text string
	vectors  []vector
}

type vector struct {
	text   string // as written
	status int
	body   bool // the body breaks, not the header section
	in     []byte
}

func (v vector) passes() bool {
	switch v.status {
	case 101, 200, 404, 405, 426:
		return true
	}
	return false
}

func readRules(tb testing.TB) (list []rule) {
	tb.Helper()
	data, err := os.ReadFile("testdata/vectors.txt")
	if err != nil {
		tb.Fatal(err)
	}
	for i, line := range strings.Split(string(data), "\n") {
		switch {
		case line == "" || line[0] == '#':
		case !strings.HasPrefix(line, "  "):
			id, text, _ := strings.Cut(line, " ")
			list = append(list, rule{id: id, text: text})
		default:
			r := &list[len(list)-1]
			v, err := parseVector(line[2:])
			if err != nil {
				tb.Fatalf("testdata/vectors.txt:%d: %v", i+1, err)
			}
			r.vectors = append(r.vectors, v)
		}
	}
	return list
}

func parseVector(line string) (v vector, err error) {
	v.text = line
	expect, in, _ := strings.Cut(line, " ")
	expect, v.body = strings.CutSuffix(expect, "b")
	if v.status, err = strconv.Atoi(expect); err != nil {
		return v, err
	}
	if whole, ok := strings.CutPrefix(in, "= "); ok {
		v.in, err = octets(whole)
		return v, err
	}
	lines := strings.Split(strings.TrimSuffix(baseRequest, "\r\n\r\n"), "\r\n")
	without := func(name string) {
		kept := lines[:1]
		for _, l := range lines[1:] {
			if n, _, _ := strings.Cut(l, ":"); !strings.EqualFold(n, name) {
				kept = append(kept, l)
			}
		}
		lines = kept
	}
	for change := range strings.SplitSeq(in, " ;; ") {
		switch {
		case strings.HasPrefix(change, "{FIELDS"):
			lines = append(lines, change)
		case change[0] == '>':
			lines[0] = change[2:]
		case change[0] == '-':
			without(change[1:])
		case change[0] == '+':
			lines = append(lines, change[1:])
		default:
			name, _, _ := strings.Cut(change, ":")
			without(name)
			lines = append(lines, change)
		}
	}
	for i, l := range lines {
		b, err := octets(l)
		if err != nil {
			return v, err
		}
		lines[i] = string(b)
	}
	v.in = []byte(strings.Join(lines, "\r\n") + "\r\n\r\n")
	return v, nil
}

var macro = regexp.MustCompile(`\{(BR|POST|CHUNKED|GET [^}]*|(?s:.|FIELDS|TRAILERS|CHUNKS)\*\d+)\}`)

func octets(s string) ([]byte, error) {
	s, err := strconv.Unquote(`"` + strings.ReplaceAll(s, `"`, `\"`) + `"`)
	if err != nil {
		return nil, fmt.Errorf("%q: %w", s, err)
	}
	const post = "POST /post HTTP/1.1\r\nHost: ws.test:9001\r\n"
	return macro.ReplaceAllFunc([]byte(s), func(m []byte) []byte {
		name := string(m[1 : len(m)-1])
		switch name {
		case "BR":
			return []byte(baseRequest)
		case "POST":
			return []byte(post)
		case "CHUNKED":
			return []byte(post + "Transfer-Encoding: chunked\r\n\r\n")
		}
		if path, ok := strings.CutPrefix(name, "GET "); ok {
			return []byte("GET " + path + " HTTP/1.1\r\nHost: ws.test:9001\r\n\r\n")
		}
		what, times, _ := strings.Cut(name, "*")
		n, _ := strconv.Atoi(times)
		switch what {
		case "FIELDS":
			return bytes.TrimSuffix(bytes.Repeat([]byte("X-Field: value\r\n"), n), []byte("\r\n"))
		case "TRAILERS":
			return bytes.Repeat([]byte("X-Trailer: some value\r\n"), n)
		case "CHUNKS":
			return bytes.Repeat([]byte("1;"+strings.Repeat("x", 100)+"\r\nX\r\n"), n)
		}
		return bytes.Repeat([]byte(what), n)
	}), nil
}
