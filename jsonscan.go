package openline

import (
	"fmt"
	"unicode/utf8"
)

// maxDepth bounds the nesting of JSON, as encoding/json does.
const maxDepth = 10000

// The scan functions walk JSON (RFC 8259) from b[i] and return the index behind what they walked over. If it is malformed, want says what should have been there
// and the index is where: nothing is allocated until the error is told.

// skipSpace returns the index of the first byte at or after i that is no JSON whitespace.
func skipSpace(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\r' || b[i] == '\t') {
		i++
	}
	return i
}

// scanValue walks over one value; b[i] is its first byte. depth counts the arrays and objects around it.
func scanValue(b []byte, i, depth int) (end int, want string) {
	if i >= len(b) {
		return i, "a JSON value"
	}
	switch c := b[i]; {
	case c == '"':
		return scanString(b, i)
	case c == '{':
		return scanObject(b, i, depth+1)
	case c == '[':
		return scanArray(b, i, depth+1)
	case c == '-' || isDigit(c):
		return scanNumber(b, i)
	case c == 't':
		return scanWord(b, i, "true")
	case c == 'f':
		return scanWord(b, i, "false")
	case c == 'n':
		return scanWord(b, i, "null")
	}
	return i, "a JSON value"
}

func scanObject(b []byte, i, depth int) (end int, want string) {
	if depth > maxDepth {
		return i, fmt.Sprintf("no more than %d levels of nesting", maxDepth)
	}
	i = skipSpace(b, i+1)
	if i < len(b) && b[i] == '}' {
		return i + 1, ""
	}
	for first := true; ; first = false {
		if i, want = scanKey(b, i, first); want != "" {
			return i, want
		}
		if i, want = scanValue(b, skipSpace(b, i), depth); want != "" {
			return i, want
		}
		var last bool
		if i, last, want = scanNext(b, i, '}'); last || want != "" {
			return i, want
		}
	}
}

// scanKey walks over a key and its colon.
func scanKey(b []byte, i int, first bool) (end int, want string) {
	if i >= len(b) || b[i] != '"' {
		if first {
			return i, `a key in double quotes or "}"`
		}
		return i, "a key in double quotes"
	}
	if i, want = scanString(b, i); want != "" {
		return i, want
	}
	i = skipSpace(b, i)
	if i >= len(b) || b[i] != ':' {
		return i, `":" after the key`
	}
	return i + 1, ""
}

// scanNext walks over the comma between two members, or over the closing bracket, and the space behind a comma.
func scanNext(b []byte, i int, closing byte) (end int, last bool, want string) {
	i = skipSpace(b, i)
	switch {
	case i < len(b) && b[i] == closing:
		return i + 1, true, ""
	case i < len(b) && b[i] == ',':
		return skipSpace(b, i+1), false, ""
	case closing == '}':
		return i, false, `"," or "}"`
	}
	return i, false, `"," or "]"`
}

func scanArray(b []byte, i, depth int) (end int, want string) {
	if depth > maxDepth {
		return i, fmt.Sprintf("no more than %d levels of nesting", maxDepth)
	}
	i = skipSpace(b, i+1)
	if i < len(b) && b[i] == ']' {
		return i + 1, ""
	}
	for {
		if i, want = scanValue(b, i, depth); want != "" {
			return i, want
		}
		var last bool
		if i, last, want = scanNext(b, i, ']'); last || want != "" {
			return i, want
		}
	}
}

// scanString walks over a string; b[i] is its opening quote.
func scanString(b []byte, i int) (end int, want string) {
	for i++; i < len(b); i++ {
		switch c := b[i]; {
		case c == '"':
			return i + 1, ""
		case c < 0x20:
			return i, "control characters in a string to be escaped"
		case c == '\\':
			i++
			if i >= len(b) {
				return i, `one of "\/bfnrtu after a backslash`
			}
			switch b[i] {
			case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
			case 'u':
				for range 4 {
					i++
					if i >= len(b) || !isHex(b[i]) {
						return i, `four hexadecimal digits after \u`
					}
				}
			default:
				return i, `one of "\/bfnrtu after a backslash`
			}
		}
	}
	return i, "the closing double quote of the string"
}

func scanNumber(b []byte, i int) (end int, want string) {
	if b[i] == '-' {
		i++
	}
	switch {
	case i >= len(b) || !isDigit(b[i]):
		return i, "a digit"
	case b[i] == '0':
		i++ // no digit may follow a leading zero
	default:
		i = skipDigits(b, i)
	}
	if i < len(b) && b[i] == '.' {
		if i++; i >= len(b) || !isDigit(b[i]) {
			return i, "a digit after the decimal point"
		}
		i = skipDigits(b, i)
	}
	if i < len(b) && (b[i] == 'e' || b[i] == 'E') {
		if i++; i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		if i >= len(b) || !isDigit(b[i]) {
			return i, "a digit of the exponent"
		}
		i = skipDigits(b, i)
	}
	return i, ""
}

func scanWord(b []byte, i int, word string) (end int, want string) {
	for k := range len(word) {
		if i+k >= len(b) || b[i+k] != word[k] {
			return i + k, word
		}
	}
	return i + len(word), ""
}

func skipDigits(b []byte, i int) int {
	for i < len(b) && isDigit(b[i]) {
		i++
	}
	return i
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isHex(c byte) bool {
	return isDigit(c) || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

// trimJSON returns the one JSON value in b, without the space around it, or an *Error with the position of what is wrong.
func trimJSON(b []byte) ([]byte, *Error) {
	if e := checkUTF8(b); e != nil {
		return nil, e
	}
	start := skipSpace(b, 0)
	end, want := scanValue(b, start, 0)
	if want != "" {
		return nil, badJSON(b, end, want)
	}
	if i := skipSpace(b, end); i < len(b) {
		return nil, badJSON(b, i, "nothing after the value")
	}
	return b[start:end], nil
}

// checkUTF8 finds the first byte that is not UTF-8 (RFC 8259 §8.1).
func checkUTF8(b []byte) *Error {
	if utf8.Valid(b) {
		return nil
	}
	for i := 0; i < len(b); {
		r, n := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && n == 1 {
			return badJSON(b, i, "UTF-8")
		}
		i += n
	}
	return nil
}

// badJSON says where the text is malformed, what is there and what should be.
func badJSON(b []byte, at int, want string) *Error {
	found := "the end"
	if at < len(b) {
		found = describe(string(b[at:min(at+utf8.UTFMax, len(b))]))
	}
	return refuse(CodeBadJSON, "bad JSON at %s: found %s, expected %s", position(b, at), found, want)
}

// position writes the place of b[at] for people and for programs: the byte counts from 0, line and column (in characters) from 1.
func position(b []byte, at int) string {
	line, start := 1, 0
	for i, c := range b[:min(at, len(b))] {
		if c == '\n' {
			line, start = line+1, i+1
		}
	}
	return fmt.Sprintf("byte %d (line %d, column %d)", at, line, utf8.RuneCount(b[start:min(at, len(b))])+1)
}
