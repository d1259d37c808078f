package main

import (
	"encoding/json"
	"fmt"
	"strings"
)

// escape shows what would control a terminal, but for a tab, as JSON does: line
// feeds as \n, the rest of C0 and C1 as \u001b. What comes from the other end is
// printed that way.
func escape(s string) string {
	if !strings.ContainsFunc(s, isControl) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case isControl(r):
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

func isControl(r rune) bool { return r != '\t' && (r < ' ' || (r >= 0x7F && r < 0xA0)) }

// escapeLines escapes each line of a text of several.
func escapeLines(s string) string {
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = escape(lines[i])
	}
	return strings.Join(lines, "\n")
}

// oneLine returns a text message as one line: that of JSON stays JSON, in which
// line ends are spaces like any other.
func oneLine(text string) string {
	if strings.ContainsAny(text, "\r\n") && json.Valid([]byte(text)) {
		text = strings.NewReplacer("\r", " ", "\n", " ").Replace(text)
	}
	return escape(text)
}
