package conformance

import (
	"io"
	"strings"
	"testing"
)

func TestWriteText(t *testing.T) {
	for name, verbose := range map[string]bool{"report.txt": false, "verbose.txt": true} {
		golden(t, name, func(w io.Writer) error { return WriteText(w, fixtureReports(), verbose) })
	}
	golden(t, "passed.txt", func(w io.Writer) error { return WriteText(w, fixtureReports()[1:], false) })
}

func TestWriteTextHostile(t *testing.T) {
	text := written(t, func(w io.Writer, r []*Report) error { return WriteText(w, r, true) }, hostileReports(6))
	harmless(t, text)
	if i := strings.IndexFunc(text, notASCII); i >= 0 {
		t.Errorf("not ASCII: %.40q", text[i:])
	}
}

// A terminal is given the characters of the text, others their ASCII.
func TestWriteTextASCII(t *testing.T) {
	terminal, file := &textReport{}, &textReport{ascii: true}
	for _, r := range []*textReport{terminal, file} {
		r.report(fixtureReports()[0])
	}
	for text, want := range map[string]string{
		terminal.out.String(): "RFC 6455 §4.2: A request without “websocket” in",
		file.out.String():     `RFC 6455 section 4.2: A request without "websocket" in`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
}

func TestWriteTextOfNothing(t *testing.T) {
	none := []*Report{{Actor: ServerActor, Started: fixtureStart}}
	if text := written(t, func(w io.Writer, r []*Report) error { return WriteText(w, r, false) }, none); !strings.Contains(text, "nothing was played") {
		t.Errorf("got\n%s", text)
	}
	if text := written(t, func(w io.Writer, r []*Report) error { return WriteText(w, r, false) }, nil); text != "" {
		t.Errorf("got %q", text)
	}
}
