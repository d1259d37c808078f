package conformance

import (
	"bytes"
	"encoding/xml"
	"html"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestWriteHTML(t *testing.T) {
	golden(t, "report.html", func(w io.Writer) error { return WriteHTML(w, fixtureReports()) })
}

var inlineParts = regexp.MustCompile(`(?s)<(style|script)>(.*?)</(?:style|script)>`)

// The policy names the page's style and script as they stand in it, and nothing
// in the page needs anything else.
func TestHTMLPolicy(t *testing.T) {
	text := html.UnescapeString(written(t, WriteHTML, fixtureReports()))
	parts := inlineParts.FindAllStringSubmatch(text, -1)
	if len(parts) != 2 {
		t.Fatalf("%d styles and scripts", len(parts))
	}
	for _, part := range parts {
		if want := part[1] + "-src '" + hashSource(part[2]) + "'"; !strings.Contains(text, want) {
			t.Errorf("the policy lacks %s", want)
		}
	}
	rest := inlineParts.ReplaceAllString(text, "")
	for _, no := range []string{`\son\w+=`, `\sstyle=`, `\ssrc=`, `https?://(?:[^"]*\.)?(?:org|com|net)`, `<(?:img|iframe|object|embed|base)\b`, `javascript:`} {
		if found := regexp.MustCompile(no).FindString(rest); found != "" {
			t.Errorf("the page has %q", found)
		}
	}
}

var (
	idPattern   = regexp.MustCompile(` id="([^"]*)"`)
	linkPattern = regexp.MustCompile(` href="#([^"]*)"`)
)

// Each link leads somewhere, and nowhere else.
func TestHTMLLinks(t *testing.T) {
	text := written(t, WriteHTML, append(fixtureReports(), fixtureReports()...))
	var ids []string
	for _, found := range idPattern.FindAllStringSubmatch(text, -1) {
		if slices.Contains(ids, found[1]) {
			t.Errorf("id %s is there twice", found[1])
		}
		ids = append(ids, found[1])
	}
	links := linkPattern.FindAllStringSubmatch(text, -1)
	for _, found := range links {
		if !slices.Contains(ids, found[1]) {
			t.Errorf("nothing has the id %s", found[1])
		}
	}
	if len(links) < 20 {
		t.Errorf("only %d links", len(links))
	}
}

// What comes from the wire opens no tag and closes none: the tags are those of
// reports whose texts are plain.
func TestWriteHTMLHostile(t *testing.T) {
	tags := func(reports []*Report) []string {
		text := inlineParts.ReplaceAllString(written(t, WriteHTML, reports), "")
		harmless(t, text)
		dec := xml.NewDecoder(strings.NewReader(text))
		dec.Strict, dec.AutoClose, dec.Entity = false, []string{"meta", "link", "input"}, xml.HTMLEntity
		var list []string
		for {
			token, err := dec.Token()
			if err == io.EOF {
				return list
			}
			if err != nil {
				t.Fatal(err)
			}
			switch token := token.(type) {
			case xml.StartElement:
				list = append(list, token.Name.Local)
			case xml.EndElement:
				list = append(list, "/"+token.Name.Local)
			}
		}
	}
	hostile, plain := hostileReports(6), hostileReports(6)
	for _, r := range plain {
		r.Target, r.Driver = "ws://plain", "plain"
		for i := range r.Results {
			result := &r.Results[i]
			result.Case.Name, result.Case.Knobs[0].Value = "plain", "plain"
			for n := range result.Case.Steps {
				result.Case.Steps[n].Text = "plain"
			}
			for _, text := range []*string{&result.Reason, &result.Remark} {
				if *text != "" {
					*text = "plain"
				}
			}
			for n := range result.Exchange {
				result.Exchange[n].What = "plain"
			}
		}
	}
	if got, want := tags(hostile), tags(plain); !slices.Equal(got, want) {
		t.Errorf("%d tags, want %d", len(got), len(want))
	}
}

// The exchanges of very many results stay within the budget, and what passed
// gives way to what failed.
func TestHTMLBudget(t *testing.T) {
	reports := hostileReports(60)[:1]
	size := func(budget int) int {
		var b bytes.Buffer
		if err := pageTemplate.Execute(&b, newPage(reports, budget)); err != nil {
			t.Fatal(err)
		}
		return b.Len()
	}
	const budget = 256 << 10
	if got := size(budget) - size(0); got > budget || got < budget/2 {
		t.Errorf("the exchanges have %d octets, of at most %d", got, budget)
	}
	cases := newPage(reports, budget).Reports[0].Groups[0].Items[0].Cases
	if first := cases[1]; first.Kind != "fail" || len(first.Events) == 0 || first.LeftOut != "" {
		t.Errorf("the first failing case lacks its exchange: %q", first.LeftOut)
	}
	if last := cases[len(cases)-3]; last.Kind != "note" || last.LeftOut == "" {
		t.Errorf("the last case, %s, has its exchange", last.Kind)
	}
}

func TestHTMLVerdicts(t *testing.T) {
	failed, passed := fixtureReports()[:1], fixtureReports()[1:]
	nothing := []*Report{{Actor: ClientActor, Started: fixtureStart}}
	for want, reports := range map[string][]*Report{
		"2 of 3 cases failed":         failed,
		"3 cases passed, none failed": passed,
		"No case was played":          nothing,
	} {
		if text := written(t, WriteHTML, reports); !strings.Contains(text, ">"+want+"</p>") {
			t.Errorf("the verdict is not %q", want)
		}
	}
}

// Groups that only some reports have stand where each report's order has them.
func TestHTMLRows(t *testing.T) {
	report := func(ids ...string) *pageReport {
		r := &pageReport{}
		for _, id := range ids {
			r.Groups = append(r.Groups, &pageGroup{section: &section{GroupCount: GroupCount{Group: &Group{ID: id}}}})
		}
		return r
	}
	var got []string
	for _, row := range pageRows([]*pageReport{report("b", "d"), report("a", "b", "c", "d", "e")}) {
		got = append(got, row.ID)
	}
	if strings.Join(got, "") != "abcde" {
		t.Errorf("got %v", got)
	}
}
