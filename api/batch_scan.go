package api

import (
	"bytes"
	"encoding/json"
)

// scanEntry reads a line that is written plainly, as programs write them: each
// member once and by its exact name, strings without escapes. It reports false
// for any other, sound or not, which is left to encoding/json and its words
// for what is wrong. The entry's data lies in line.
func scanEntry(line []byte) (e entry, ok bool) {
	var seen uint // bit k: members[k]
	rest, ok := bytes.CutPrefix(line, []byte("{"))
	for ok {
		var name, value []byte
		if name, rest, ok = plainString(skipBlanks(rest)); !ok {
			break
		}
		if rest, ok = bytes.CutPrefix(skipBlanks(rest), []byte(":")); !ok {
			break
		}
		rest = skipBlanks(rest)
		k := member(name)
		if k < 0 || seen&(1<<k) != 0 {
			return e, false
		}
		seen |= 1 << k
		switch members[k] {
		case "data":
			e.data, rest = splitValue(rest)
			ok = json.Valid(e.data)
		case "all":
			rest, ok = bytes.CutPrefix(rest, []byte("true"))
			ok = ok && e.aim(toAll, "")
		default:
			if value, rest, ok = plainString(rest); ok {
				ok = e.set(members[k], string(value))
			}
		}
		if !ok {
			break
		}
		if rest = skipBlanks(rest); len(rest) == 1 && rest[0] == '}' {
			return e, e.target != 0
		}
		rest, ok = bytes.CutPrefix(rest, []byte(","))
	}
	return e, false
}

// aim sets the target, and reports false if there is one already.
func (e *entry) aim(t target, name string) bool {
	if e.target != 0 {
		return false
	}
	e.target, e.name = t, name
	return true
}

// set sets what is a string.
func (e *entry) set(name, value string) bool {
	switch name {
	case "to":
		return e.aim(toUser, value)
	case "channel":
		return e.aim(toChannel, value)
	case "type":
		e.kind = value
	case "key":
		e.key = value
	case "once":
		e.once = value
	}
	return true
}

// member returns the index of a name, or -1.
func member(name []byte) int {
	for i, m := range members {
		if string(name) == m {
			return i
		}
	}
	return -1
}

func skipBlanks(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t' || b[0] == '\r' || b[0] == '\n') {
		b = b[1:]
	}
	return b
}

// plainString splits off a JSON string of printable ASCII without escapes.
func plainString(b []byte) (s, rest []byte, ok bool) {
	if len(b) == 0 || b[0] != '"' {
		return nil, b, false
	}
	for i := 1; i < len(b); i++ {
		switch c := b[i]; {
		case c == '"':
			return b[1:i], b[i+1:], true
		case c < ' ' || c > '~' || c == '\\':
			return nil, b, false
		}
	}
	return nil, b, false
}

// splitValue splits off what is a JSON value, if it is one: up to the comma or
// brace behind it.
func splitValue(b []byte) (value, rest []byte) {
	depth, quoted := 0, false
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case quoted:
			if c == '\\' {
				i++
			}
			quoted = c != '"'
		case c == '"':
			quoted = true
		case c == '{' || c == '[':
			depth++
		case depth > 0:
			if c == '}' || c == ']' {
				depth--
			}
		case c == ',' || c == '}':
			return bytes.TrimRight(b[:i], " \t\r\n"), b[i:]
		}
	}
	return nil, b
}
