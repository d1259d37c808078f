package conformance

import (
	"bytes"
	"crypto/sha256"
	_ "embed" // the page's parts
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"
)

var (
	//go:embed page/report.html
	pageText string
	//go:embed page/report.css
	pageStyle string
	//go:embed page/report.js
	pageScript string
)

var pageTemplate = template.Must(template.New("report").Parse(pageText))

// The exchanges of the cases of one page are bounded, those that passed more
// tightly than those that failed, so that a browser can open the page.
const (
	pageBudget   = 16 << 20 // octets of HTML that all exchanges make
	passedEvents = 24
	passedRows   = 8  // of eight octets, of each event
	unfolded     = 50 // failing cases of a report that stand open; the others fold
)

// WriteHTML writes reports as one page that needs nothing else: no other file,
// no server, and no script but for its filter. It works from a file and under a
// Content-Security-Policy that allows inline styles and scripts by their hashes,
// which its own policy names.
//
// The page has the counts of each group and report side by side, and then, for
// each report, what failed, what was skipped and why, what was tolerated, and
// every case: its requirement, its lines with the one at which it failed, and
// what went over the wire. Exchanges of cases that passed are shortened, and left
// out, those that passed first, once the page would become too large to be read.
func WriteHTML(w io.Writer, reports []*Report) error {
	var b bytes.Buffer
	if err := pageTemplate.Execute(&b, newPage(reports, pageBudget)); err != nil {
		return fmt.Errorf("conformance: write the report: %w", err)
	}
	_, err := w.Write(b.Bytes())
	return err
}

// page is what the template shows. Everything in it that may have come over the
// wire is visible, and escaped by the template.
type page struct {
	Title   string
	Policy  string
	Style   template.CSS
	Script  template.JS
	Verdict string
	Failed  bool
	Reports []*pageReport
	Totals  []pageCell
	Groups  []*pageRow
	Counts  Counts
	Plain   int // passed without a remark
}

// pageRow is a group in the table of counts.
type pageRow struct {
	ID, Section, Title string
	Cells              []pageCell
}

// pageCell is a group's counts in one report.
type pageCell struct {
	Link string // empty if the report has nothing of the group
	Counts
}

// Played is the number of cases that were not skipped.
func (c pageCell) Played() int { return c.Passed + c.Failed }

// Class is how the cell looks.
func (c pageCell) Class() string {
	switch {
	case c.Failed > 0:
		return "fail"
	case c.Passed > 0:
		return "pass"
	}
	return "skip"
}

type pageReport struct {
	*Report
	Link     string
	Label    string
	Named    bool // the label has the target
	Mode     string
	Target   string
	Driver   string
	When     string
	Took     string
	Counts   Counts
	Failures []*pageCase
	Skips    []*pageBundle
	Remarks  []*pageBundle
	Outside  []*Item
	Groups   []*pageGroup
}

// pageBundle is cases that were skipped, or tolerated, for one reason.
type pageBundle struct {
	Word  string
	Cases []*pageCase
}

type pageGroup struct {
	*section
	Link  string
	Items []*pageItem
}

type pageItem struct {
	*Item
	Cases []*pageCase
}

type pageCase struct {
	*Result
	Link     string
	Name     string
	Kind     string // fail, skip, note (passed with a remark) or pass
	Badge    string
	Took     string
	Open     bool
	Where    string
	Reasons  []string
	Remark   string
	Settings []string
	Steps    []pageStep
	Several  bool // connections
	Events   []pageEvent
	Plainly  string // the events as text, of a case that passed
	LeftOut  string // what is not shown of the exchange
}

type pageStep struct {
	Line  int
	Text  string
	Edits []string
	Here  bool // it failed at this line
}

type pageEvent struct {
	At, Class, From, Words string
	Conn                   int
	Hex                    []string
	More                   int
}

func newPage(reports []*Report, budget int) *page {
	p := &page{
		Style: template.CSS(pageStyle), Script: template.JS(pageScript), //nolint:gosec // embedded files, not input
		Policy: fmt.Sprintf("default-src 'none'; style-src '%s'; script-src '%s'; img-src data:; base-uri 'none'; form-action 'none'",
			hashSource(pageStyle), hashSource(pageScript)),
	}
	names := labels(reports)
	for i, r := range reports {
		p.Reports = append(p.Reports, newPageReport(r, names[i], fmt.Sprintf("r%d", i+1)))
		c := p.Reports[i].Counts
		p.Counts.Passed += c.Passed
		p.Counts.Failed += c.Failed
		p.Counts.Skipped += c.Skipped
		p.Counts.Remarked += c.Remarked
		p.Totals = append(p.Totals, pageCell{p.Reports[i].Link, c})
	}
	p.Plain = p.Counts.Passed - p.Counts.Remarked
	p.Groups = pageRows(p.Reports)
	p.Title = "WebSocket conformance"
	if len(reports) == 1 {
		p.Title += ": " + names[0] + " " + p.Reports[0].Target
	}
	p.Failed = p.Counts.Failed > 0
	switch played := p.Counts.Passed + p.Counts.Failed; {
	case p.Failed:
		p.Verdict = fmt.Sprintf("%d of %s failed", p.Counts.Failed, plural(played, "case"))
	case played == 0:
		p.Verdict = "No case was played"
	default:
		p.Verdict = plural(played, "case") + " passed, none failed"
	}
	spendBudget(p.Reports, budget)
	return p
}

// hashSource is how a Content-Security-Policy names an inline text.
func hashSource(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

// pageRows merges the groups of all reports in an order that fits each of them.
func pageRows(reports []*pageReport) []*pageRow {
	var rows []*pageRow
	for n, r := range reports {
		next := 0 // where the report's next group belongs if it is new
		for _, g := range r.Groups {
			at := slices.IndexFunc(rows, func(row *pageRow) bool { return row.ID == g.Group.ID })
			if at < 0 {
				at = next
				row := &pageRow{g.Group.ID, g.Group.Section, g.Group.Title, make([]pageCell, len(reports))}
				rows = slices.Insert(rows, at, row)
			}
			rows[at].Cells[n] = pageCell{g.Link, g.GroupCount.Counts}
			next = at + 1
		}
	}
	return rows
}

func newPageReport(r *Report, label, link string) *pageReport {
	p := &pageReport{
		Report: r, Link: link, Label: label, Named: strings.Contains(label+" ", " "+visible(r.Target)+" "), Mode: r.mode(), Target: visible(r.Target), Driver: visible(r.Driver),
		When: r.Started.UTC().Format("2006-01-02 15:04:05 UTC"), Took: humanly(r.Took), Counts: r.Counts(),
	}
	cases := map[*Result]*pageCase{}
	for _, s := range r.sections() {
		g := &pageGroup{section: s, Link: link + "." + s.Group.ID}
		items := map[*Item]*pageItem{}
		for _, result := range s.results {
			c := newPageCase(result, link)
			cases[result] = c
			if result.Verdict == Failed {
				c.Open = len(p.Failures) < unfolded
				p.Failures = append(p.Failures, c)
			}
			item := items[result.Case.Item]
			if item == nil {
				item = &pageItem{Item: result.Case.Item}
				items[result.Case.Item] = item
				g.Items = append(g.Items, item)
			}
			item.Cases = append(item.Cases, c)
		}
		p.Outside = append(p.Outside, s.outside...)
		p.Groups = append(p.Groups, g)
	}
	bundled := func(word func(*Result) string) []*pageBundle {
		var list []*pageBundle
		for _, b := range r.bundles(word) {
			shown := &pageBundle{Word: visible(b.word)}
			for _, result := range b.results {
				shown.Cases = append(shown.Cases, cases[result])
			}
			list = append(list, shown)
		}
		return list
	}
	p.Skips, p.Remarks = bundled(skipReason), bundled(remark)
	return p
}

func newPageCase(r *Result, report string) *pageCase {
	where, _ := r.failingLine()
	c := &pageCase{
		Result: r, Link: report + "." + strings.ReplaceAll(r.Case.ID, "/", "."), Name: visible(r.Case.Name), Kind: r.Verdict.String(), Badge: r.Verdict.String(), Took: humanly(r.Took),
		Where: where, Remark: visible(r.Remark), Settings: r.Case.settings(), Several: severalConns(r.Exchange),
	}
	if r.Remark != "" && r.Verdict == Passed {
		c.Kind = "note"
	}
	if r.Reason != "" {
		c.Reasons = visibleLines(r.Reason)
	}
	for _, s := range r.Case.Steps {
		step := pageStep{Line: s.Line, Text: visible(s.Text), Here: r.Verdict == Failed && s.Line == r.Line}
		for _, edit := range s.Edits {
			step.Edits = append(step.Edits, visible(edit))
		}
		c.Steps = append(c.Steps, step)
	}
	return c
}

// spendBudget gives the cases their exchanges until the budget is spent, those
// that did not pass first.
func spendBudget(reports []*pageReport, left int) {
	for _, wantPassed := range []bool{false, true} {
		for _, r := range reports {
			for _, g := range r.Groups {
				for _, item := range g.Items {
					for _, c := range item.Cases {
						if (c.Verdict == Passed) == wantPassed {
							c.showExchange(&left)
						}
					}
				}
			}
		}
	}
}

// showExchange gives the case its events, if the budget has so much left. Those
// of a case that passed are shortened, and a text: elements cost a browser more
// than characters do, and most cases pass.
func (c *pageCase) showExchange(left *int) {
	if len(c.Exchange) == 0 {
		return
	}
	var shown []pageEvent
	plainly := ""
	cost := 0
	events := c.Exchange
	if c.Verdict == Passed {
		events = events[:min(len(events), passedEvents)]
		plainly = plainEvents(events, c.Actor, c.Several)
		cost = len(template.HTMLEscapeString(plainly))
	} else {
		for i := range events {
			e := newPageEvent(&events[i], c.Actor)
			shown = append(shown, e)
			cost += 150 + len(template.HTMLEscapeString(e.Words)) + 70*len(e.Hex)
		}
	}
	if cost > *left {
		c.LeftOut = "The exchange is left out, or this page would be too large. Run this case alone, or look at the JSON report."
		return
	}
	*left -= cost
	c.Events, c.Plainly = shown, plainly
	if more := len(c.Exchange) - len(events); more > 0 {
		c.LeftOut = "And " + plural(more, "event") + " more, which the JSON report has."
	}
}

// plainEvents is the events as text.
func plainEvents(events []Event, underTest Actor, several bool) string {
	var b strings.Builder
	for i := range events {
		e := newPageEvent(&events[i], underTest)
		conn := ""
		if several {
			conn = fmt.Sprintf(" [%d]", e.Conn)
		}
		fmt.Fprintf(&b, "%-7s %s%s  %s\n", e.At, e.From, conn, e.Words)
		rows := e.Hex[:min(len(e.Hex), passedRows)]
		for _, row := range rows {
			b.WriteString("  " + row + "\n")
		}
		if more := events[i].total() - min(len(events[i].Octets), 8*len(rows)); more > 0 {
			fmt.Fprintf(&b, "  … and %d more\n", more)
		}
	}
	return b.String()
}

func newPageEvent(e *Event, underTest Actor) pageEvent {
	p := pageEvent{
		At: millis(e.At), Class: "got", From: e.from(underTest), Words: e.words(), Conn: e.Conn,
		Hex: hexLines(e.Octets, 8), More: e.total() - len(e.Octets),
	}
	switch {
	case e.Kind == Note:
		p.Class = "said"
	case p.From == underTest.String():
		p.From = "← " + p.From
	default:
		p.Class = "sent"
		p.From += " →"
	}
	return p
}
