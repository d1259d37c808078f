package conformance

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// WriteText writes reports for people: for each the counts of its groups, what
// failed and at which line of which case, and what was skipped or tolerated, by
// reasons; at the end one line for each report. Verbose adds the exchange of the
// cases that failed, decoded and in hexadecimal, and the names of the cases that
// were skipped or tolerated.
//
// There are no colours, and nothing from the wire reaches a terminal unescaped.
// Where w is not a terminal, all is ASCII.
func WriteText(w io.Writer, reports []*Report, verbose bool) error {
	t := &textReport{ascii: !isTerminal(w), verbose: verbose}
	for _, r := range reports {
		t.report(r)
	}
	t.verdicts(reports)
	_, err := w.Write(t.out.Bytes())
	return err
}

// isTerminal reports whether w is a character device, which a file or a pipe
// is not.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

type textReport struct {
	out     bytes.Buffer
	ascii   bool
	verbose bool
}

// line writes a line; what comes from the wire has to be visible already.
func (t *textReport) line(format string, args ...any) {
	fmt.Fprintln(&t.out, strings.TrimRight(t.plain(fmt.Sprintf(format, args...)), " "))
}

func (t *textReport) report(r *Report) {
	c := r.Counts()
	t.line("%s %s", r.Actor, visible(r.Target))
	driver := ""
	if r.Driver != "" {
		driver = ", driver " + visible(r.Driver)
	}
	t.line("%s mode%s, %s in %s, %s", r.mode(), driver, plural(c.Total(), "case"), humanly(r.Took), r.Started.UTC().Format("2006-01-02 15:04:05 UTC"))
	t.line("")
	t.groups(r, c)
	t.failures(r, c.Failed)
	t.bundles("Skipped", c.Skipped, r.bundles(skipReason))
	t.bundles("Tolerated, though strict mode does not", c.Remarked, r.bundles(remark))
	t.outside(r)
	t.line("")
}

// groups writes the table of counts.
func (t *textReport) groups(r *Report, total Counts) {
	rows := [][]string{{"group", "section", "passed", "failed", "skipped", "remarks", ""}}
	add := func(id, section, title string, c Counts) {
		rows = append(rows, []string{id, section, number(c.Passed), number(c.Failed), number(c.Skipped), number(c.Remarked), title})
	}
	for _, g := range r.GroupCounts() {
		add(g.Group.ID, g.Group.Section, g.Group.Title, g.Counts)
	}
	add("total", "", "", total)
	t.table(rows, 2)
}

// number writes a count; those that are not there do not catch the eye.
func number(n int) string {
	if n == 0 {
		return "-"
	}
	return strconv.Itoa(n)
}

// table writes rows with their columns aligned: so many of them and the last one
// to the left, the others to the right.
func (t *textReport) table(rows [][]string, left int) {
	width := make([]int, len(rows[0]))
	for _, row := range rows {
		for i := range row {
			row[i] = t.plain(row[i])
			width[i] = max(width[i], utf8.RuneCountInString(row[i]))
		}
	}
	for _, row := range rows {
		var b strings.Builder
		for i, cell := range row {
			pad := strings.Repeat(" ", width[i]-utf8.RuneCountInString(cell))
			if i < left || i == len(row)-1 {
				cell += pad
			} else {
				cell = pad + cell
			}
			b.WriteString("  " + cell)
		}
		t.line("%s", b.String())
	}
}

func (t *textReport) failures(r *Report, n int) {
	if n == 0 {
		return
	}
	t.line("")
	t.line("Failed (%d)", n)
	for i := range r.Results {
		if r.Results[i].Verdict == Failed {
			t.line("")
			t.failure(&r.Results[i])
		}
	}
}

func (t *textReport) failure(r *Result) {
	c := r.Case
	t.line("  %s  %s", c.ID, visible(c.Name))
	t.line("    %s, %s: %s", c.Level, c.Item.Section, c.Item.Rule)
	where, text := r.failingLine()
	if text == "" {
		t.line("    at %s", where)
	} else {
		t.line("    at %s:  %s", where, text)
	}
	for _, line := range visibleLines(r.Reason) {
		t.line("      %s", line)
	}
	if t.verbose {
		t.exchange(r, "    ")
	}
}

// exchange writes what went over the wire.
func (t *textReport) exchange(r *Result, indent string) {
	if len(r.Exchange) == 0 {
		t.line("%snothing went over the wire", indent)
		return
	}
	t.line("%son the wire, in ms (> by the suite, < by the %s):", indent, r.Actor)
	several := severalConns(r.Exchange)
	for i := range r.Exchange {
		e := &r.Exchange[i]
		sign := "<"
		switch {
		case e.Kind == Note:
			sign = "#"
		case e.from(r.Actor) == "suite":
			sign = ">"
		}
		conn := ""
		if several {
			conn = fmt.Sprintf("[%d] ", e.Conn)
		}
		t.line("%s%10s %s %s%s", indent, millis(e.At), sign, conn, e.words())
		for _, row := range hexLines(e.Octets, 16) {
			t.line("%s%12s %s", indent, "", row)
		}
		if more := e.total() - len(e.Octets); more > 0 {
			t.line("%s%12s ... and %s more", indent, "", plural(more, "octet"))
		}
	}
}

func severalConns(events []Event) bool {
	for i := range events {
		if events[i].Conn != 0 {
			return true
		}
	}
	return false
}

// bundles writes reasons or remarks with the number of cases that have them.
func (t *textReport) bundles(title string, n int, list []*bundle) {
	if len(list) == 0 {
		return
	}
	t.line("")
	t.line("%s (%d)", title, n)
	for _, b := range list {
		t.line("  %5d  %s", len(b.results), visible(b.word))
		if t.verbose {
			ids := make([]string, len(b.results))
			for i, r := range b.results {
				ids[i] = r.Case.ID
			}
			t.wrapped("         ", ids)
		}
	}
}

// outside writes what no case can show.
func (t *textReport) outside(r *Report) {
	var items []*Item
	for _, s := range r.sections() {
		items = append(items, s.outside...)
	}
	if len(items) == 0 {
		return
	}
	t.line("")
	t.line("Not to be seen from outside (%d)", len(items))
	for _, item := range items {
		t.line("  %s  %s", item.ID, item.Outside)
	}
}

// wrapped writes words in lines of at most 100 columns.
func (t *textReport) wrapped(indent string, words []string) {
	line := ""
	for _, word := range words {
		if line != "" && len(indent)+len(line)+1+len(word) > 100 {
			t.line("%s%s", indent, line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	t.line("%s%s", indent, line)
}

// verdicts writes a line for each report.
func (t *textReport) verdicts(reports []*Report) {
	var rows [][]string
	for i, label := range labels(reports) {
		r := reports[i]
		c := r.Counts()
		word := "ok"
		switch {
		case c.Failed > 0:
			word = "FAILED"
		case !r.OK():
			word = "nothing was played"
		}
		said := fmt.Sprintf("%d passed, %d failed, %d skipped", c.Passed, c.Failed, c.Skipped)
		if c.Remarked > 0 {
			said += ", " + plural(c.Remarked, "remark")
		}
		rows = append(rows, []string{word, label, said})
	}
	if len(rows) > 0 {
		t.table(rows, 2)
	}
}

// inASCII has what typography writes in place of what a keyboard has.
var inASCII = strings.NewReplacer("§", "section ", "–", "-", "—", "-", "…", "...", "’", "'", "‘", "'", "“", `"`, "”", `"`,
	"→", "->", "←", "<-", "×", "x", "≤", "<=", "≥", ">=", "‖", "||", "\u00a0", " ")

// plain returns s in ASCII where that is asked for.
func (t *textReport) plain(s string) string {
	if !t.ascii || !strings.ContainsFunc(s, notASCII) {
		return s
	}
	var b strings.Builder
	for _, r := range inASCII.Replace(s) {
		if notASCII(r) {
			b.WriteString(escapeRune(r))
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

func notASCII(r rune) bool { return r > unicode.MaxASCII }
