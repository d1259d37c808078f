package conformance

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// junitBudget bounds the exchanges of one document, in octets: GitLab reads files
// of up to 30 MB.
const junitBudget = 16 << 20

// WriteJUnit writes reports as JUnit XML, of the form that Jenkins' schema and
// GitLab's reader have in common: a testsuite for each group of each report, a
// testcase for each result. Its classname tells the reports apart, so that no
// two testcases of a document have the same classname and name. A failure's
// text has the requirement, the line of the case, and the exchange; a remark is
// in system-out. What XML cannot hold is written as an escape.
func WriteJUnit(w io.Writer, reports []*Report) error {
	doc := newJUnit(reports, junitBudget)
	var b bytes.Buffer
	b.WriteString(xml.Header)
	enc := xml.NewEncoder(&b)
	enc.Indent("", " ")
	if err := enc.Encode(doc); err != nil {
		return fmt.Errorf("conformance: write the report: %w", err)
	}
	b.WriteByte('\n')
	_, err := w.Write(b.Bytes())
	return err
}

func newJUnit(reports []*Report, budget int) *junitSuites {
	var all Counts
	var took time.Duration
	doc := &junitSuites{Name: "openline conform"}
	names := labels(reports)
	packages := packageNames(names)
	for i, r := range reports {
		took += r.Took
		for _, s := range r.sections() {
			all.Passed += s.Passed
			all.Failed += s.Failed
			all.Skipped += s.Skipped
			doc.Suites = append(doc.Suites, newJUnitSuite(r, names[i], packages[i], s, &budget))
		}
	}
	doc.Tests, doc.Failures, doc.Time = all.Total(), all.Failed, seconds(took)
	return doc
}

type junitSuites struct {
	XMLName  xml.Name     `xml:"testsuites"`
	Name     string       `xml:"name,attr"`
	Tests    int          `xml:"tests,attr"`
	Failures int          `xml:"failures,attr"`
	Errors   int          `xml:"errors,attr"`
	Time     string       `xml:"time,attr"`
	Suites   []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name       string          `xml:"name,attr"`
	Tests      int             `xml:"tests,attr"`
	Failures   int             `xml:"failures,attr"`
	Errors     int             `xml:"errors,attr"`
	Skipped    int             `xml:"skipped,attr"`
	Time       string          `xml:"time,attr"`
	Timestamp  string          `xml:"timestamp,attr"`
	Properties []junitProperty `xml:"properties>property"`
	Cases      []junitCase     `xml:"testcase"`
}

type junitProperty struct {
	Name  string `xml:"name,attr"`
	Value string `xml:"value,attr"`
}

type junitCase struct {
	Classname string       `xml:"classname,attr"`
	Name      string       `xml:"name,attr"`
	Time      string       `xml:"time,attr"`
	Failure   *junitReason `xml:"failure"`
	Skipped   *junitReason `xml:"skipped"`
	Output    string       `xml:"system-out,omitempty"`
}

type junitReason struct {
	Type    string `xml:"type,attr,omitempty"`
	Message string `xml:"message,attr"`
	Text    string `xml:",cdata"`
}

func newJUnitSuite(r *Report, label, pkg string, s *section, left *int) junitSuite {
	g := s.Group
	suite := junitSuite{
		Name:  label + ": " + g.ID + " " + visible(g.Title),
		Tests: s.Total(), Failures: s.Failed, Skipped: s.Skipped,
		Timestamp: r.Started.UTC().Format("2006-01-02T15:04:05"),
		Properties: []junitProperty{
			{"target", visible(r.Target)},
			{"actor", r.Actor.String()},
			{"mode", r.mode()},
			{"section", g.Section},
		},
	}
	if r.Driver != "" {
		suite.Properties = append(suite.Properties, junitProperty{"driver", visible(r.Driver)})
	}
	var took time.Duration
	class := pkg + "." + classWord.Replace(g.ID)
	for _, result := range s.results {
		took += result.Took
		suite.Cases = append(suite.Cases, newJUnitCase(result, class, left))
	}
	suite.Time = seconds(took)
	return suite
}

// classWord makes a word of a label: a classname is of the form PACKAGE.CLASS
// with one dot, because Jenkins cuts at the last one, which would otherwise lie
// inside WS-5.4.
var classWord = strings.NewReplacer(".", "_", " ", "-", "/", "_")

// packageNames makes the first half of classnames of the reports' labels.
func packageNames(labels []string) []string {
	names := make([]string, len(labels))
	for i, label := range labels {
		names[i] = classWord.Replace(label)
	}
	distinguish(names, func(i int) string { return strconv.Itoa(i + 1) })
	return names
}

func newJUnitCase(r *Result, class string, left *int) junitCase {
	c := junitCase{Classname: class, Name: r.Case.ID + " " + visible(r.Case.Name), Time: seconds(r.Took)}
	switch r.Verdict {
	case Failed:
		t := &textReport{ascii: true, verbose: *left > 0}
		t.failure(r)
		if !t.verbose {
			t.line("    the exchange is left out, or this document would be too large; the JSON report has it")
		}
		*left -= t.out.Len()
		message, _, _ := strings.Cut(r.Reason, "\n")
		c.Failure = &junitReason{Type: r.Case.Level.String(), Message: visible(message), Text: "\n" + t.out.String()}
	case Skipped:
		c.Skipped = &junitReason{Message: visible(skipReason(r))}
	}
	if r.Remark != "" {
		c.Output = "tolerated: " + visible(r.Remark)
	}
	return c
}

// seconds writes a duration as a decimal number.
func seconds(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', 3, 64) }
