package mutant

import "strings"

// elements returns what stands between the commas of all lines, without the white
// space around it. Empty elements are left out (RFC 9110 §5.6.1).
func elements(lines []string) []string {
	var list []string
	for _, line := range lines {
		for _, e := range splitQuoted(line, ',') {
			if e = strings.Trim(e, " \t"); e != "" {
				list = append(list, e)
			}
		}
	}
	return list
}

// splitQuoted splits at sep, but not inside a quoted string.
func splitQuoted(s string, sep byte) []string {
	var list []string
	from, quoted := 0, false
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '"':
			quoted = !quoted
		case quoted && s[i] == '\\':
			i++
		case !quoted && s[i] == sep:
			list = append(list, s[from:i])
			from = i + 1
		}
	}
	return append(list, s[from:])
}

// hasToken reports whether a list has this token, in whichever case.
func hasToken(lines []string, token string) bool {
	for _, e := range elements(lines) {
		if strings.EqualFold(e, token) {
			return true
		}
	}
	return false
}

// extension is an element of Sec-WebSocket-Extensions (RFC 6455 §9.1).
type extension struct {
	name   string
	params []param
}

// param is a parameter; its value is without quotes.
type param struct {
	name, value string
	valued      bool
}

// parseExtensions reads the lines of Sec-WebSocket-Extensions; ok is false if they
// are outside the grammar.
func parseExtensions(lines []string, f fault) (list []extension, ok bool) {
	all := elements(lines)
	if f.breaks("WS-9-04") && len(lines) > 0 {
		all = strings.Split(strings.Join(lines, ","), ",")
	}
	for _, e := range all {
		parts := splitQuoted(e, ';')
		x := extension{name: strings.Trim(parts[0], " \t")}
		if !isToken(x.name) {
			return nil, false
		}
		for _, part := range parts[1:] {
			p, ok := parseParam(part, f)
			if !ok {
				return nil, false
			}
			x.params = append(x.params, p)
		}
		list = append(list, x)
	}
	return list, true
}

func parseParam(s string, f fault) (p param, ok bool) {
	p.name, p.value, p.valued = strings.Cut(s, "=")
	if f.breaks("WS-9-04/space") && strings.ContainsAny(p.value, " \t") {
		return p, false
	}
	p.name, p.value = strings.Trim(p.name, " \t"), strings.Trim(p.value, " \t")
	if !isToken(p.name) {
		return p, false
	}
	if !p.valued {
		return p, true
	}
	if rest, quoted := strings.CutPrefix(p.value, `"`); quoted && !f.breaks("WS-9-02") {
		rest, ended := strings.CutSuffix(rest, `"`)
		if !ended || strings.HasSuffix(rest, `\`) && !strings.HasSuffix(rest, `\\`) {
			return p, false
		}
		var b []byte
		for i := 0; i < len(rest); i++ {
			if rest[i] == '\\' && i+1 < len(rest) {
				i++
			}
			b = append(b, rest[i])
		}
		p.value = string(b)
		if f.breaks("PD-7.1-04/quotes") {
			p.value = "'" + p.value + "'"
		}
	}
	return p, isToken(p.value)
}
