package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openline/openline/websocket/conformance"
)

func TestRanges(t *testing.T) {
	got := ranges([]string{"1", "2", "3", "5", "8", "9"})
	if want := []string{"1–3", "5", "8", "9"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAlike(t *testing.T) {
	same := [][2]string{
		{`expected fail 1007: a text that is not UTF-8; the frame's header is 81 01`, `expected fail 1007: a text that is not UTF-8; the frame's header is 81 7f 00`},
		{`expected open: the answer "a=8" is none`, `expected open: the answer "a=\"9\"" is none`},
		{`expected dial-error: the client took the connection for open and sent 8a 85 01`, `expected dial-error: the client took the connection for open and sent 8a 85 02`},
		{`at > text "a": the connection does not open`, `at > ping: the connection does not open`},
		{"expected opened: got the end of the stream", "expected opened: got a reset of the connection"},
	}
	for _, pair := range same {
		if alike(pair[0]) != alike(pair[1]) {
			t.Errorf("%q and %q differ: %q, %q", pair[0], pair[1], alike(pair[0]), alike(pair[1]))
		}
	}
	if a, b := "expected end: got Close 1000", "expected end: nothing came in time"; alike(a) == alike(b) {
		t.Errorf("%q and %q are alike: %q", a, b, alike(a))
	}
}

func TestEscape(t *testing.T) {
	if got, want := escape("a|b <i> `c`\x00\r\n*_d"), `a\|b &lt;i> 'c'   \*\_d.`; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestMatrix(t *testing.T) {
	group := &conformance.Group{ID: "WS-5.4", Section: "RFC 6455 §5.4", Title: "Fragmentation"}
	item := &conformance.Item{Group: group, ID: "WS-5.4-01", Rule: "A rule."}
	limit := &conformance.Item{Group: group, ID: "WS-10.4-01", Rule: "A limit."}
	report := &conformance.Report{Actor: conformance.ServerActor, Results: []conformance.Result{
		{Case: &conformance.Case{Item: item, ID: "WS-5.4-01/1"}, Verdict: conformance.Passed},
		{Case: &conformance.Case{Item: item, ID: "WS-5.4-01/2"}, Verdict: conformance.Failed, Reason: `expected text "a": got "b"`},
		{Case: &conformance.Case{Item: item, ID: "WS-5.4-01/3"}, Verdict: conformance.Failed, Reason: `expected text "c": got "d"`},
		{Case: &conformance.Case{Item: item, ID: "WS-5.4-01/4"}, Verdict: conformance.Failed, Reason: cutOff},
		{Case: &conformance.Case{Item: limit, ID: "WS-10.4-01/1"}, Verdict: conformance.Failed, Reason: "got what nobody is told"},
		{Case: &conformance.Case{Item: item, ID: "WS-5.4-01/5"}, Verdict: conformance.Skipped},
	}}
	text := matrix([]*column{{peer: &peer{name: "peer", actor: conformance.ServerActor}, version: "1.2", interop: report}}, []string{"Node 1"}, time.Unix(0, 0))
	for _, want := range []string{
		"Played on 1 January 1970",
		", Node 1.\n",
		"| WS-5.4 Fragmentation | 1 / **4** / 1 |\n",
		`WS-5.4-01/2, 3: A rule. Seen: expected text "a": got "b".`,
		"WS-5.4-01/4: A rule.\n",
		"WS-10.4-01/1: A limit.\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("there is no %q in\n%s", want, text)
		}
	}
}

func TestInsert(t *testing.T) {
	name := filepath.Join(t.TempDir(), "page.md")
	if err := os.WriteFile(name, []byte("a\n<!-- matrix -->\nold\n<!-- /matrix -->\nb\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := insert(name, "new\n"); err != nil {
		t.Fatal(err)
	}
	data, _ := os.ReadFile(name)
	if got, want := string(data), "a\n<!-- matrix -->\nnew\n<!-- /matrix -->\nb\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if err := os.WriteFile(name, []byte("a\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if insert(name, "new\n") == nil {
		t.Error("there is no marker, and no error")
	}
}
