package conformance

import (
	"fmt"
	"regexp"
	"strings"
)

// loop is what a step "for" begins: the steps up to its "next" are played once
// for each value.
type loop struct {
	each
	next int // the step that ends it
}

// loop finds the loop that begins at step i; nil if none does.
func (c *Case) loop(i int) (*loop, error) {
	rest, ok := strings.CutPrefix(c.Steps[i].Text, "for ")
	if !ok {
		return nil, nil
	}
	values, err := parseEach(rest)
	if err != nil {
		return nil, err
	}
	for at := i + 1; at < len(c.Steps); at++ {
		switch text := c.Steps[at].Text; {
		case text == "next":
			return &loop{values, at}, nil
		case strings.HasPrefix(text, "for "):
			return nil, fmt.Errorf("a loop inside a loop")
		}
	}
	return nil, fmt.Errorf("a loop ends with next")
}

// pairs are the names, as they stand in a text, with their values.
func (e *each) pairs(values []string) []string {
	var list []string
	for i, name := range e.names {
		list = append(list, "{"+name+"}", values[i])
	}
	return list
}

// with is a step with names replaced.
func (s Step) with(pairs []string) Step {
	if len(pairs) == 0 {
		return s
	}
	replace := strings.NewReplacer(pairs...)
	s.Text = replace.Replace(s.Text)
	edits := make([]string, len(s.Edits))
	for i, e := range s.Edits {
		edits[i] = replace.Replace(e)
	}
	s.Edits = edits
	return s
}

// large is what makes a payload large.
var large = regexp.MustCompile(`\*\d+|@hash\[\d+:\d+\]`)

// small is a step with small payloads, to be looked at and not to be played.
func (s Step) small() Step {
	s.Text = large.ReplaceAllStringFunc(s.Text, func(m string) string {
		if m[0] == '*' {
			return "*1"
		}
		return "@hash[0:1]"
	})
	return s
}

// check compiles all steps, so that a case that can be played is known to be
// right. Payloads come to hundreds of megabytes, so they are made when the case is
// played.
func (c *Case) check() (line int, err error) {
	for i := 0; i < len(c.Steps); i++ {
		l, err := c.loop(i)
		if err != nil {
			return c.Steps[i].Line, err
		}
		if l == nil {
			if _, err := c.compile(c.Steps[i].small()); err != nil {
				return c.Steps[i].Line, err
			}
			continue
		}
		for _, values := range [][]string{l.values[0], l.values[len(l.values)-1]} {
			for j := i + 1; j < l.next; j++ {
				if _, err := c.compile(c.Steps[j].with(l.pairs(values)).small()); err != nil {
					return c.Steps[j].Line, err
				}
			}
		}
		i = l.next
	}
	return 0, nil
}

// steps plays the steps. The line is that of the one that failed.
func (p *play) steps() (line int, err error) {
	for i := 0; i < len(p.c.Steps); i++ {
		l, err := p.c.loop(i)
		if err != nil {
			return p.c.Steps[i].Line, err
		}
		if l == nil {
			if err := p.step(p.c.Steps[i]); err != nil {
				return p.c.Steps[i].Line, err
			}
			continue
		}
		for _, values := range l.values {
			for j := i + 1; j < l.next; j++ {
				if err := p.step(p.c.Steps[j].with(l.pairs(values))); err != nil {
					return p.c.Steps[j].Line, err
				}
			}
		}
		i = l.next
	}
	return 0, p.leftOver()
}

func (p *play) step(s Step) error {
	if p.ctx.Err() != nil {
		return errOver
	}
	c := *p.c // compiling narrows the ends that a case is for, and others play it too
	run, err := c.compile(s)
	if err == nil {
		err = run(p)
	}
	if (err == nil || err == errDone) && p.ctx.Err() != nil { // the end that was seen may be the suite's own
		err = errOver
	}
	if err != nil {
		return p.explain(&s, err)
	}
	return nil
}
