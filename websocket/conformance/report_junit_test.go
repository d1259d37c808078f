package conformance

import (
	"encoding/xml"
	"io"
	"strings"
	"testing"
)

func TestWriteJUnit(t *testing.T) {
	golden(t, "junit.xml", func(w io.Writer) error { return WriteJUnit(w, fixtureReports()) })
}

// Readers keep one of the testcases that share a classname and a name, and add
// up what a suite says about itself.
func TestJUnitAddsUp(t *testing.T) {
	reports := append(fixtureReports(), fixtureReports()...)
	reports = append(reports, hostileReports(9)...)
	text := written(t, WriteJUnit, reports)
	harmless(t, text)
	var doc junitSuites
	if err := xml.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatal(err)
	}
	seen := map[[2]string]bool{}
	tests, failures := 0, 0
	for _, s := range doc.Suites {
		failed, skipped := 0, 0
		for _, c := range s.Cases {
			key := [2]string{c.Classname, c.Name}
			if seen[key] {
				t.Errorf("%q is there twice", key)
			}
			seen[key] = true
			if strings.Count(c.Classname, ".") != 1 {
				t.Errorf("classname %q is not PACKAGE.CLASS", c.Classname)
			}
			if c.Failure != nil {
				failed++
			}
			if c.Skipped != nil {
				skipped++
			}
		}
		if len(s.Cases) != s.Tests || failed != s.Failures || skipped != s.Skipped {
			t.Errorf("suite %q has %d cases, %d failed, %d skipped; it says %d, %d, %d", s.Name, len(s.Cases), failed, skipped, s.Tests, s.Failures, s.Skipped)
		}
		tests += s.Tests
		failures += s.Failures
	}
	if tests != doc.Tests || failures != doc.Failures || tests != 16+18 {
		t.Errorf("all suites have %d cases, %d failed; the document says %d, %d", tests, failures, doc.Tests, doc.Failures)
	}
}

// Once the document is large, failures keep their reasons and lose their exchanges.
func TestJUnitBudget(t *testing.T) {
	cases := newJUnit(hostileReports(9)[:1], 1).Suites[0].Cases
	if first := cases[1].Failure.Text; !strings.Contains(first, "on the wire") {
		t.Errorf("the first failure is\n%s", first)
	}
	last := cases[7].Failure.Text
	if strings.Contains(last, "on the wire") || !strings.Contains(last, "left out") || !strings.Contains(last, "Nothing from the wire is believed.") {
		t.Errorf("the last failure is\n%s", last)
	}
}
