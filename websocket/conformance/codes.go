package conformance

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// codes are the close codes that an expectation takes.
type codes struct {
	any       bool
	strict    []codeRange
	tolerated []codeRange
	reason    []byte
	hasReason bool
	without   [][]byte // what the reason may not have in it
}

// codeRange is the codes from one to another; 0: no body.
type codeRange struct{ from, to int }

// parseCodes reads CODE[|CODE] [~CODE] ["reason"], or without "text"… in place of
// the reason.
func parseCodes(s string) (c codes, err error) {
	for s = strings.TrimSpace(s); s != ""; s = strings.TrimSpace(s) {
		if s[0] == '"' {
			c.hasReason = true
			c.reason, err = parseAtoms(s)
			return c, err
		}
		word, rest, _ := strings.Cut(s, " ")
		s = rest
		if word == "without" {
			c.without, err = parseAtomList(s)
			return c, err
		}
		list := &c.strict
		if w, ok := strings.CutPrefix(word, "~"); ok {
			word, list = w, &c.tolerated
		}
		for v := range strings.SplitSeq(word, "|") {
			if v == "any" {
				c.any = true
				continue
			}
			r, err := parseCodeRange(v)
			if err != nil {
				return c, err
			}
			*list = append(*list, r)
		}
	}
	return c, nil
}

func parseCodeRange(s string) (r codeRange, err error) {
	if s == "none" {
		return r, nil
	}
	from, to, isRange := strings.Cut(s, "-")
	if r.from, err = strconv.Atoi(from); err == nil {
		if r.to = r.from; isRange {
			r.to, err = strconv.Atoi(to)
		}
	}
	if err != nil {
		err = fmt.Errorf("%q is no close code", s)
	}
	return r, err
}

func among(list []codeRange, code int) bool {
	return slices.ContainsFunc(list, func(r codeRange) bool { return r.from <= code && code <= r.to })
}

// judge holds a Close against them.
func (c *codes) judge(p *play, a *arrival) error {
	switch {
	case a.kind != gotClose:
		return fmt.Errorf("got %s", a)
	case c.hasReason && !bytes.Equal(a.data, c.reason):
		return fmt.Errorf("got %s", a)
	case slices.ContainsFunc(c.without, func(b []byte) bool { return bytes.Contains(a.data, b) }):
		return fmt.Errorf("got %s", a)
	case c.any || among(c.strict, a.code):
		return nil
	case among(c.tolerated, a.code) && !p.run.o.Strict:
		p.tolerate("%s", a)
		return nil
	}
	return fmt.Errorf("got %s", a)
}
