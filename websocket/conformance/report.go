package conformance

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// What the documents made of reports have in common.

// maxWords bounds a text that may have come over the wire, in octets.
const maxWords = 4096

// mode names what a report was played as.
func (r *Report) mode() string {
	if r.Strict {
		return "strict"
	}
	return "interop"
}

// labels returns a short name for each report, no two of them the same: the end
// under test, and of the rest what tells the reports apart.
func labels(reports []*Report) []string {
	names := make([]string, len(reports))
	for i, r := range reports {
		names[i] = r.Actor.String()
		if r.Driver != "" {
			names[i] += " " + visible(r.Driver)
		}
	}
	distinguish(names, func(i int) string { return visible(reports[i].Target) })
	distinguish(names, func(i int) string { return reports[i].mode() })
	n := 0
	distinguish(names, func(int) string { n++; return "#" + strconv.Itoa(n) })
	return names
}

// distinguish adds a word to the names that occur more than once, if that helps.
func distinguish(names []string, word func(i int) string) {
	same := map[string][]int{}
	for i, name := range names {
		same[name] = append(same[name], i)
	}
	words := make([]string, len(names))
	for i, name := range names {
		if len(same[name]) > 1 {
			words[i] = word(i)
		}
	}
	for name, list := range same {
		differ := slices.ContainsFunc(list, func(i int) bool { return words[i] != words[list[0]] })
		for _, i := range list {
			if differ {
				names[i] = name + " " + words[i]
			}
		}
	}
}

// section is a group of a report with its results.
type section struct {
	GroupCount
	results []*Result
	outside []*Item // bind the end, and have no case
}

// sections returns the groups of a report, in the order of GroupCounts.
func (r *Report) sections() []*section {
	var list []*section
	by := map[*Group]*section{}
	for _, g := range r.GroupCounts() {
		s := &section{GroupCount: g}
		for _, item := range g.Group.Items {
			if item.Outside != "" && (r.Actor == ServerActor && item.Server || r.Actor == ClientActor && item.Client) {
				s.outside = append(s.outside, item)
			}
		}
		by[g.Group] = s
		list = append(list, s)
	}
	for i := range r.Results {
		s := by[r.Results[i].Case.Item.Group]
		s.results = append(s.results, &r.Results[i])
	}
	return list
}

// bundle is the results that share a word: a reason or a remark.
type bundle struct {
	word    string
	results []*Result
}

// bundles returns the results whose word is not empty by their words, those with
// the most results first.
func (r *Report) bundles(word func(*Result) string) []*bundle {
	var list []*bundle
	by := map[string]*bundle{}
	for i := range r.Results {
		w := word(&r.Results[i])
		if w == "" {
			continue
		}
		b := by[w]
		if b == nil {
			b = &bundle{word: w}
			by[w] = b
			list = append(list, b)
		}
		b.results = append(b.results, &r.Results[i])
	}
	slices.SortStableFunc(list, func(a, b *bundle) int { return len(b.results) - len(a.results) })
	return list
}

func skipReason(r *Result) string {
	switch {
	case r.Verdict != Skipped:
		return ""
	case r.Reason == "":
		return "no reason was given"
	}
	return r.Reason
}

func remark(r *Result) string { return r.Remark }

// failingLine is the text of the line at which the case failed, and where it
// stands. The text is empty if that line is none of the steps.
func (r *Result) failingLine() (where, text string) {
	n := r.Line
	if n == 0 {
		n = r.Case.Line
	}
	for i := range r.Case.Steps {
		if s := &r.Case.Steps[i]; s.Line == r.Line {
			text = visible(s.Text)
			break
		}
	}
	return fmt.Sprintf("%s:%d", r.Case.File, n), text
}

// from says who did what the event tells of. It is the client that opens a
// connection, and a note is the suite's own.
func (e *Event) from(underTest Actor) string {
	if e.Kind == Note || e.Kind == Opened && underTest == ServerActor || e.Kind != Opened && e.Sent {
		return "suite"
	}
	return underTest.String()
}

// words says what the event is.
func (e *Event) words() string {
	kind := ""
	switch e.Kind {
	case EndOfWrite:
		kind = "FIN"
	case Reset:
		kind = "RST"
	case Opened:
		kind = "TCP connection opened"
	case Octets:
		if e.What == "" {
			kind = "octets"
		}
	}
	what := visible(e.What)
	if kind == "" || what == "" {
		return kind + what
	}
	return kind + ": " + what
}

// total is how many octets the event stands for.
func (e *Event) total() int { return max(e.Total, len(e.Octets)) }

// visible makes a text that may have come over the wire fit to be shown: what
// is not UTF-8, controls anything, or would reorder or hide what stands beside
// it becomes an escape of Go, and the text is bounded.
func visible(s string) string {
	var b strings.Builder
	for i, size := 0, 0; i < len(s); i += size {
		if i >= maxWords {
			fmt.Fprintf(&b, " ... and %d octets more", len(s)-i)
			break
		}
		var r rune
		r, size = utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case !unicode.IsGraphic(r):
			b.WriteString(escapeRune(r))
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

func escapeRune(r rune) string {
	switch {
	case r < 0x80:
		return fmt.Sprintf(`\x%02x`, r)
	case r > 0xFFFF:
		return fmt.Sprintf(`\U%08x`, r)
	}
	return fmt.Sprintf(`\u%04x`, r)
}

// visibleLines is visible, line by line.
func visibleLines(s string) []string {
	lines := strings.Split(strings.TrimRight(s, "\n"), "\n")
	for i, line := range lines {
		lines[i] = visible(line)
	}
	return lines
}

// hexLines returns octets as a dump of so many in each line: the offset, the
// octets, and what of them is printable ASCII.
func hexLines(octets []byte, perLine int) []string {
	var lines []string
	for at := 0; at < len(octets); at += perLine {
		row := octets[at:min(at+perLine, len(octets))]
		var b strings.Builder
		fmt.Fprintf(&b, "%04x  ", at)
		for i := range perLine {
			switch {
			case i < len(row):
				fmt.Fprintf(&b, "%02x ", row[i])
			default:
				b.WriteString("   ")
			}
			if i%8 == 7 {
				b.WriteByte(' ')
			}
		}
		for _, c := range row {
			if c < ' ' || c > '~' {
				c = '.'
			}
			b.WriteByte(c)
		}
		lines = append(lines, b.String())
	}
	return lines
}

// millis writes a duration in milliseconds.
func millis(d time.Duration) string {
	return strconv.FormatFloat(float64(d.Microseconds())/1000, 'f', 3, 64)
}

// humanly writes a duration as people say it.
func humanly(d time.Duration) string {
	switch {
	case d < 10*time.Millisecond:
		return strconv.FormatFloat(float64(d.Microseconds())/1000, 'f', 1, 64) + " ms"
	case d < time.Second:
		return strconv.FormatInt(d.Milliseconds(), 10) + " ms"
	}
	return strconv.FormatFloat(d.Seconds(), 'f', 1, 64) + " s"
}

// plural is a number with its noun.
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}

// settings are the lines of a case that stand in front of its steps.
func (c *Case) settings() []string {
	var lines []string
	if len(c.Needs) > 0 {
		lines = append(lines, "needs "+strings.Join(c.Needs, " "))
	}
	for _, k := range c.Knobs {
		lines = append(lines, "with "+k.Name+"="+visible(k.Value))
	}
	if c.offer != "" {
		lines = append(lines, "offer "+visible(c.offer))
	}
	if c.answer != "" {
		lines = append(lines, "answer "+visible(c.answer))
	}
	if c.Timeout != 0 {
		lines = append(lines, "timeout "+c.Timeout.String())
	}
	return lines
}
