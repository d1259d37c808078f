package js

import (
	"fmt"
	"regexp"
	"strings"
)

var (
	assertion = regexp.MustCompile(`/\*\* @type .*? \*/ ?`)
	private   = regexp.MustCompile(`#[a-zA-Z]\w*`)
	spaced    = regexp.MustCompile("\"[^\"]*\"|'[^']*'|`[^`]*`|" + ` (?:=>|={1,3}|!==|&&|\|\||\?\??|:|\{|\}) | [{}]|[{}] |[,:] `)
)

// strip takes comments, empty lines and indentation out of a script that keeps to three rules: a comment has its lines for itself, but for a type assertion; no
// string holds what looks like either; and none goes over more than one line. It looks at whole lines and knows nothing else of the language.
func strip(script string) string {
	var b strings.Builder
	comment := false
	for line := range strings.Lines(script) {
		line = strings.TrimSpace(line)
		switch {
		case comment:
			comment = !strings.HasSuffix(line, "*/")
		case line == "", strings.HasPrefix(line, "//"):
		case strings.HasPrefix(line, "/**") && !strings.Contains(line, "*/"):
			comment = true
		case strings.HasPrefix(line, "/**") && strings.HasSuffix(line, "*/"):
		default:
			b.WriteString(assertion.ReplaceAllString(line, ""))
			b.WriteByte('\n')
		}
	}
	return b.String()
}

// shorten gives each private member (#name) of a script's classes a short name of its own. In the script # begins nothing else.
func shorten(script string) string {
	names := map[string]string{}
	return private.ReplaceAllStringFunc(script, func(name string) string {
		short, ok := names[name]
		if !ok {
			short = fmt.Sprintf("#%c", 'a'+len(names)%26)
			if n := len(names) / 26; n > 0 {
				short += fmt.Sprint(n)
			}
			names[name] = short
		}
		return short
	})
}

// tighten takes out the spaces around operators, braces and behind commas that separate nothing, but for what is in strings.
func tighten(script string) string {
	return spaced.ReplaceAllStringFunc(script, func(s string) string {
		if strings.ContainsAny(s[:1], "\"'`") {
			return s
		}
		return strings.TrimSpace(s)
	})
}
