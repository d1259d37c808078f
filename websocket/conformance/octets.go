package conformance

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"sync"
)

// parseAtoms reads payload atoms that follow each other, whole.
func parseAtoms(s string) ([]byte, error) {
	list, err := parseAtomList(s)
	var b []byte
	for _, a := range list {
		b = append(b, a...)
	}
	return b, err
}

// parseAtomList reads payload atoms: strings as in Go, octets in hexadecimal,
// both with a number of times behind them, and parts of the hash stream.
func parseAtomList(s string) ([][]byte, error) {
	var list [][]byte
	for s = strings.TrimSpace(s); s != ""; s = strings.TrimSpace(s) {
		var b []byte
		switch {
		case s[0] == '"':
			quoted, err := strconv.QuotedPrefix(s)
			if err != nil {
				return nil, fmt.Errorf("not a string as in Go: %s", s)
			}
			text, err := strconv.Unquote(quoted)
			if err != nil {
				return nil, fmt.Errorf("not a string as in Go: %s", quoted)
			}
			b, s = []byte(text), s[len(quoted):]
		case strings.HasPrefix(s, "@hash["):
			part, rest, ok := strings.Cut(s[len("@hash["):], "]")
			from, to, colon := strings.Cut(part, ":")
			m, err1 := strconv.Atoi(from)
			n, err2 := strconv.Atoi(to)
			if !ok || !colon || err1 != nil || err2 != nil || m < 0 || n < m {
				return nil, fmt.Errorf("the hash stream is written @hash[FROM:TO]: %q", s)
			}
			b, s = hashStream(n)[m:], rest
		default:
			end := strings.IndexAny(s, " *")
			if end < 0 {
				end = len(s)
			}
			octets, err := hex.DecodeString(s[:end])
			if err != nil {
				return nil, fmt.Errorf("neither octets in hexadecimal nor a string in quotes: %q", s[:end])
			}
			b, s = octets, s[end:]
		}
		if rest, ok := strings.CutPrefix(s, "*"); ok {
			digits := len(rest) - len(strings.TrimLeft(rest, "0123456789"))
			n, err := strconv.Atoi(rest[:digits])
			if err != nil || n > 1<<26 {
				return nil, fmt.Errorf("how many times? %q", s)
			}
			b, s = []byte(strings.Repeat(string(b), n)), rest[digits:]
		}
		list = append(list, b)
	}
	return list, nil
}

// hashStream is the first n octets of SHA-256("0"), SHA-256("1"), …: octets that
// do not repeat. They are shared.
func hashStream(n int) []byte {
	hashed.Lock()
	defer hashed.Unlock()
	for i := len(hashed.octets) / sha256.Size; len(hashed.octets) < n; i++ {
		sum := sha256.Sum256([]byte(strconv.Itoa(i)))
		hashed.octets = append(hashed.octets, sum[:]...)
	}
	return hashed.octets[:n:n]
}

var hashed struct {
	sync.Mutex
	octets []byte
}

// plainText replaces the escapes of header values.
func plainText(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b.WriteByte(s[i])
			continue
		}
		i++
		switch s[i] {
		case 'r':
			b.WriteByte('\r')
		case 'n':
			b.WriteByte('\n')
		case 't':
			b.WriteByte('\t')
		case 's':
			b.WriteByte(' ')
		case 'x':
			if i+2 < len(s) {
				if v, err := strconv.ParseUint(s[i+1:i+3], 16, 8); err == nil {
					b.WriteByte(byte(v))
					i += 2
					continue
				}
			}
			b.WriteString(`\x`)
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String()
}

// fill replaces {fill TEXT*N} by TEXT N times.
func fill(s string) string {
	for {
		before, rest, ok := strings.Cut(s, "{fill ")
		if !ok {
			return s
		}
		part, after, ok := strings.Cut(rest, "}")
		text, times, star := strings.Cut(part, "*")
		n, err := strconv.Atoi(times)
		if !ok || !star || err != nil || n < 0 {
			return s
		}
		s = before + strings.Repeat(text, n) + after
	}
}
