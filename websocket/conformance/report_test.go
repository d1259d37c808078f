package conformance

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"
)

var update = flag.Bool("update", false, "write the golden files of the reports anew")

// golden compares what write writes with a file.
func golden(t *testing.T, name string, write func(io.Writer) error) {
	t.Helper()
	var b bytes.Buffer
	if err := write(&b); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join("testdata", "report", name)
	if *update {
		if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := firstDifference(b.String(), string(want)); diff != "" {
		t.Errorf("%s is not what is written; if that is meant, run the test with -update: %s", file, diff)
	}
}

// firstDifference says where two texts differ first.
func firstDifference(got, want string) string {
	if got == want {
		return ""
	}
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	n := 0
	for n < min(len(g), len(w)) && g[n] == w[n] {
		n++
	}
	line := func(lines []string) string {
		if n < len(lines) {
			return lines[n]
		}
		return "(the end)"
	}
	return fmt.Sprintf("line %d is\n%.500s\nnot\n%.500s", n+1, line(g), line(w))
}

// written is what write writes of the reports.
func written(t *testing.T, write func(io.Writer, []*Report) error, reports []*Report) string {
	t.Helper()
	var b bytes.Buffer
	if err := write(&b, reports); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// harmless fails the test if a text could do anything to who looks at it.
func harmless(t *testing.T, s string) {
	t.Helper()
	for i, r := range s {
		if _, size := utf8.DecodeRuneInString(s[i:]); r == utf8.RuneError && size == 1 {
			t.Fatalf("no UTF-8 at %d: %.40q", i, s[i:])
		}
		if r != '\n' && !unicode.IsGraphic(r) {
			t.Fatalf("%U at %d: %.40q", r, i, s[i:])
		}
	}
}

func TestVisible(t *testing.T) {
	for in, want := range map[string]string{
		"Grüße, 世界 §5.4":                "Grüße, 世界 §5.4",
		"a\tb\r\nc":                     `a\tb\r\nc`,
		"\x00\x1b[2J\x7f":               `\x00\x1b[2J\x7f`,
		"\u009b \u202e \u2066 \u200b":   `\u009b \u202e \u2066 \u200b`,
		"\xff\xc3\xed\xa0\x80":          `\xff\xc3\xed\xa0\x80`,
		"\U000e0041\ufeff\u2028\ufffe.": `\U000e0041\ufeff\u2028\ufffe.`,
		"\ufffd":                        "\ufffd",
	} {
		if got := visible(in); got != want {
			t.Errorf("visible(%q) = %s, want %s", in, got, want)
		}
	}
	long := visible(strings.Repeat("x", 5000))
	if want := strings.Repeat("x", 4096) + " ... and 904 octets more"; long != want {
		t.Errorf("a long text ends with %q", long[len(long)-40:])
	}
}

func TestHexLines(t *testing.T) {
	got := hexLines([]byte("\x81\x05Hello<>&\x00\xff ~\x7fX!"), 16)
	want := []string{
		"0000  81 05 48 65 6c 6c 6f 3c  3e 26 00 ff 20 7e 7f 58  ..Hello<>&.. ~.X",
		"0010  21                                                !",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestLabels(t *testing.T) {
	report := func(a Actor, driver, target string, strict bool) *Report {
		return &Report{Actor: a, Driver: driver, Target: target, Strict: strict}
	}
	for _, test := range []struct {
		reports []*Report
		want    string
	}{
		{[]*Report{report(ServerActor, "", "x", true)}, "server"},
		{[]*Report{report(ServerActor, "", "x", true), report(ClientActor, "", "x", true)}, "server|client"},
		{[]*Report{report(ServerActor, "read", "x", true), report(ServerActor, "stream", "y", true)}, "server read|server stream"},
		{[]*Report{report(ServerActor, "", "x", true), report(ServerActor, "", "x", false)}, "server strict|server interop"},
		{[]*Report{report(ServerActor, "", "gws", false), report(ServerActor, "", "ws", false)}, "server gws|server ws"},
		{[]*Report{report(ServerActor, "", "x", true), report(ServerActor, "", "x", true)}, "server #1|server #2"},
	} {
		if got := strings.Join(labels(test.reports), "|"); got != test.want {
			t.Errorf("labels are %s, want %s", got, test.want)
		}
	}
}

// The halves of a group may be apart, as cases of two files are.
func TestGroupCounts(t *testing.T) {
	reports := fixtureReports()
	r := reports[0]
	r.Results[1], r.Results[4] = r.Results[4], r.Results[1]
	var got []string
	for _, g := range r.GroupCounts() {
		got = append(got, g.Group.ID+" "+plural(g.Total(), "case"))
	}
	if want := "WS-4.2 1 case, PD-7.2 1 case, WS-5.4 3 cases"; strings.Join(got, ", ") != want {
		t.Errorf("got %s, want %s", strings.Join(got, ", "), want)
	}
	if c, want := reports[1].Counts(), (Counts{Passed: 3, Remarked: 1}); c != want || !reports[1].OK() || r.OK() {
		t.Errorf("counts are %+v, want %+v; OK is %v and %v", c, want, reports[1].OK(), r.OK())
	}
}

func TestHumanly(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0.0 ms", 812 * time.Microsecond: "0.8 ms", 41 * time.Millisecond: "41 ms", 999 * time.Millisecond: "999 ms",
		1340 * time.Millisecond: "1.3 s", 90 * time.Second: "90.0 s",
	} {
		if got := humanly(d); got != want {
			t.Errorf("%v is %q, want %q", d, got, want)
		}
	}
}
