package conformance

import (
	"embed"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

//go:embed cases/*.txt
var caseFiles embed.FS

// Cases returns all groups with their items and cases. They are shared; the
// caller does not change them.
func Cases() ([]*Group, error) { return allCases() }

var allCases = sync.OnceValues(func() ([]*Group, error) {
	names, err := fs.Glob(caseFiles, "cases/*.txt")
	if err != nil {
		return nil, err
	}
	l := library{groups: map[string]*Group{}}
	for _, name := range names {
		text, err := caseFiles.ReadFile(name)
		if err != nil {
			return nil, err
		}
		if err := l.parse(path.Base(name), string(text)); err != nil {
			return nil, fmt.Errorf("conformance: %w", err)
		}
	}
	return l.sorted(), nil
})

// library is what has been read so far.
type library struct {
	groups map[string]*Group
	file   string
	group  *Group
	item   *Item
	open   *draft // the case that is being read
}

// draft is a case before its names are replaced by their values.
type draft struct {
	line   int
	lines  []sourceLine
	eaches []each
}

type sourceLine struct {
	n    int
	text string
}

// each is the values of one name, or of several at once.
type each struct {
	names  []string
	values [][]string
}

func (l *library) sorted() []*Group {
	list := slices.Collect(maps.Values(l.groups))
	slices.SortFunc(list, func(a, b *Group) int { return naturally(a.ID, b.ID) })
	for _, g := range list {
		slices.SortStableFunc(g.Items, func(a, b *Item) int { return naturally(a.ID, b.ID) })
	}
	return list
}

// naturally orders names as people do: WS-5.2 before WS-10.4, and the frames
// before the compression.
func naturally(a, b string) int {
	rank := func(id string) int { return slices.Index([]string{"WS", "HM", "HS", "BR", "PD"}, id[:min(2, len(id))]) }
	if c := rank(a) - rank(b); c != 0 {
		return c
	}
	x, y := strings.FieldsFunc(a, notDigit), strings.FieldsFunc(b, notDigit)
	for i := range min(len(x), len(y)) {
		m, _ := strconv.Atoi(x[i])
		n, _ := strconv.Atoi(y[i])
		if m != n {
			return m - n
		}
	}
	if len(x) != len(y) {
		return len(x) - len(y)
	}
	return strings.Compare(a, b)
}

func notDigit(r rune) bool { return r < '0' || r > '9' }

// parse reads one file.
func (l *library) parse(file, text string) error {
	l.file, l.group, l.item = file, nil, nil
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		if err := l.line(n, line); err != nil {
			return fmt.Errorf("%s:%d: %w", file, n, err)
		}
	}
	return l.finish()
}

func (l *library) line(n int, line string) error {
	word, rest, _ := strings.Cut(line, " ")
	rest = strings.TrimSpace(rest)
	switch word {
	case "group":
		if err := l.finish(); err != nil {
			return err
		}
		id, section, _ := strings.Cut(rest, " ")
		if l.group = l.groups[id]; l.group == nil {
			l.group = &Group{ID: id, Section: section}
			l.groups[id] = l.group
		}
		l.item = nil
	case "item":
		return l.newItem(rest)
	case "case":
		if err := l.finish(); err != nil {
			return err
		}
		if l.item == nil {
			return fmt.Errorf("a case belongs to an item")
		}
		l.open = &draft{line: n, lines: []sourceLine{{n, "case " + rest}}}
	default:
		if l.open == nil {
			return l.headLine(word, rest)
		}
		if word == "each" {
			e, err := parseEach(rest)
			l.open.eaches = append(l.open.eaches, e)
			return err
		}
		l.open.lines = append(l.open.lines, sourceLine{n, line})
	}
	return nil
}

// headLine is a line of a group or of an item.
func (l *library) headLine(word, rest string) error {
	switch {
	case l.group == nil:
		return fmt.Errorf("a file begins with its group")
	case word == "title" && l.item == nil:
		l.group.Title = rest
	case l.item == nil:
		return fmt.Errorf("%q belongs to an item", word)
	case word == "rule":
		l.item.Rule = strings.TrimSpace(l.item.Rule + " " + rest)
	case word == "section":
		l.item.Section = rest
	case word == "outside":
		l.item.Outside = strings.TrimSpace(l.item.Outside + " " + rest)
	default:
		return fmt.Errorf("an item has no line %q", word)
	}
	return nil
}

func (l *library) newItem(rest string) error {
	if err := l.finish(); err != nil {
		return err
	}
	f := strings.Fields(rest)
	if l.group == nil || len(f) != 3 {
		return fmt.Errorf("an item is written: item ID server|client|both LEVEL, inside a group")
	}
	level, err := ParseLevel(f[2])
	if err != nil {
		return err
	}
	if !slices.Contains([]string{"server", "client", "both"}, f[1]) {
		return fmt.Errorf("%q is no end; there are server, client and both", f[1])
	}
	for _, i := range l.group.Items {
		if i.ID == f[0] { // the other half of an item in two files
			l.item = i
			i.Server = i.Server || f[1] != "client"
			i.Client = i.Client || f[1] != "server"
			return nil
		}
	}
	l.item = &Item{Group: l.group, ID: f[0], Section: l.group.Section, Level: level, Server: f[1] != "client", Client: f[1] != "server"}
	l.group.Items = append(l.group.Items, l.item)
	return nil
}

func parseEach(s string) (each, error) {
	head, values, ok := strings.Cut(s, ":")
	names, values := strings.Fields(head), strings.TrimSpace(values)
	if !ok || len(names) == 0 || values == "" {
		return each{}, fmt.Errorf("each is written: each NAME: value | value")
	}
	var from, to int
	if n, _ := fmt.Sscanf(values, "%d..%d", &from, &to); n == 2 && values == fmt.Sprintf("%d..%d", from, to) {
		e := each{names: names}
		for i := from; i <= to; i++ {
			e.values = append(e.values, []string{strconv.Itoa(i)})
		}
		return e, nil
	}
	e := each{names: names}
	for v := range strings.SplitSeq(values+" ", " | ") {
		list := []string{strings.TrimSpace(v)}
		if len(names) > 1 {
			list = strings.Fields(v)
		}
		if len(list) != len(names) {
			return each{}, fmt.Errorf("%q is not a value for each of %s", v, head)
		}
		e.values = append(e.values, list)
	}
	return e, nil
}

// finish makes the cases of the draft.
func (l *library) finish() error {
	d := l.open
	l.open = nil
	if d == nil {
		return nil
	}
	combinations := [][]string{nil}
	for _, e := range d.eaches {
		var next [][]string
		for _, c := range combinations {
			for _, v := range e.values {
				next = append(next, slices.Concat(c, e.pairs(v)))
			}
		}
		combinations = next
	}
	for _, values := range combinations {
		if err := l.add(d, values); err != nil {
			return err
		}
	}
	return nil
}

// add makes one case of the draft, with values in place of names.
func (l *library) add(d *draft, values []string) error {
	c := &Case{
		Item: l.item, ID: fmt.Sprintf("%s/%d", l.item.ID, len(l.item.Cases)+1), Mutant: l.item.ID,
		Server: l.item.Server, Client: l.item.Client, Level: l.item.Level, File: l.file, Line: d.line,
	}
	replace := strings.NewReplacer(values...)
	var knobs []Knob
	for _, line := range d.lines {
		text := replace.Replace(line.text)
		fail := func(err error) error { return fmt.Errorf("%s:%d: %w", l.file, line.n, err) }
		if edit, ok := strings.CutPrefix(text, "|"); ok {
			if len(c.Steps) == 0 {
				return fail(fmt.Errorf("an edit belongs to the step in front of it"))
			}
			s := &c.Steps[len(c.Steps)-1]
			s.Edits = append(s.Edits, strings.TrimSpace(edit))
			continue
		}
		isSetting, err := c.setting(text, &knobs)
		if err != nil {
			return fail(err)
		}
		if !isSetting {
			c.Steps = append(c.Steps, Step{Line: line.n, Text: text})
		}
	}
	if len(values) > 0 && !strings.Contains(d.lines[0].text, "{") {
		var shown []string
		for i := 1; i < len(values); i += 2 {
			shown = append(shown, values[i])
		}
		c.Name += ": " + strings.Join(shown, ", ")
	}
	c.Knobs = knobs
	if line, err := c.check(); err != nil {
		return fmt.Errorf("%s:%d: %w", l.file, line, err)
	}
	l.item.Cases = append(l.item.Cases, c)
	return nil
}

// setting reads a line that is about the whole case.
func (c *Case) setting(text string, knobs *[]Knob) (ok bool, err error) {
	word, rest, _ := strings.Cut(text, " ")
	rest = strings.TrimSpace(rest)
	if len(c.Steps) > 0 {
		return false, nil
	}
	switch word {
	case "case":
		c.Name = rest
	case "only":
		switch rest {
		case "server":
			c.Client = false
		case "client":
			c.Server = false
		default:
			err = fmt.Errorf("only server, or only client")
		}
	case "level":
		c.Level, err = ParseLevel(rest)
	case "needs":
		for f := range strings.FieldsSeq(rest) {
			if !slices.Contains(features, f) {
				return true, fmt.Errorf("there is no feature %q", f)
			}
			c.Needs = append(c.Needs, f)
		}
	case "with":
		for f := range strings.FieldsSeq(rest) {
			name, value, ok := strings.Cut(f, "=")
			if !ok || knobFeature[name] == "" {
				return true, fmt.Errorf("%q is no setting NAME=VALUE", f)
			}
			*knobs = append(*knobs, Knob{name, plainText(value)})
		}
	case "offer":
		c.offer = rest
	case "answer":
		c.answer = rest
	case "takeover":
		c.takeover = true
	case "mutant":
		c.Mutant = rest
	case "timeout":
		c.Timeout, err = time.ParseDuration(rest)
	default:
		return false, nil
	}
	return true, err
}
