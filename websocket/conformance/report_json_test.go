package conformance

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"reflect"
	"strings"
	"testing"
)

func TestWriteJSON(t *testing.T) {
	golden(t, "report.json", func(w io.Writer) error { return WriteJSON(w, fixtureReports()) })
}

// What is written can be read into the schema, has nothing besides it, and
// makes the same document again.
func TestJSONRoundTrip(t *testing.T) {
	for _, reports := range [][]*Report{fixtureReports(), hostileReports(3), nil} {
		text := written(t, WriteJSON, reports)
		dec := json.NewDecoder(strings.NewReader(text))
		dec.DisallowUnknownFields()
		var doc jsonDocument
		if err := dec.Decode(&doc); err != nil {
			t.Fatal(err)
		}
		if doc.Version != 1 || len(doc.Reports) != len(reports) {
			t.Fatalf("version %d with %d reports", doc.Version, len(doc.Reports))
		}
		var again bytes.Buffer
		b := bufio.NewWriter(&again)
		b.WriteString(`{"version":1,"reports":[`)
		for i, r := range doc.Reports {
			if i > 0 {
				b.WriteByte(',')
			}
			if err := writeJSONReport(b, r); err != nil {
				t.Fatal(err)
			}
		}
		b.WriteString("\n]}\n")
		if err := b.Flush(); err != nil {
			t.Fatal(err)
		}
		if diff := firstDifference(again.String(), text); diff != "" {
			t.Errorf("written again, %s", diff)
		}
	}
}

func TestJSONFacts(t *testing.T) {
	reports := fixtureReports()
	var doc jsonDocument
	if err := json.Unmarshal([]byte(written(t, WriteJSON, reports)), &doc); err != nil {
		t.Fatal(err)
	}
	closing := doc.Reports[0].Results[1]
	want := jsonEvent{AtMS: 0.6, From: "suite", Kind: "octets", Octets: "018312345678" + "5a513a", Total: 9, What: `text, no FIN, masked: "Hel"`}
	if got := closing.Exchange[1]; !reflect.DeepEqual(got, want) {
		t.Errorf("the event is %+v, want %+v", got, want)
	}
	if closing.TookMS != 5002 || closing.FailedAt != 11 || closing.Verdict != "fail" {
		t.Errorf("the result is %+v", closing)
	}
	if got, want := doc.Reports[1].Counts, (jsonCounts{Passed: 3, Remarked: 1}); got != want {
		t.Errorf("counts are %+v, want %+v", got, want)
	}
}

func TestWriteJSONHostile(t *testing.T) {
	text := written(t, WriteJSON, hostileReports(6))
	harmless(t, text)
	if !json.Valid([]byte(text)) {
		t.Error("not JSON")
	}
	var doc jsonDocument
	if err := json.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatal(err)
	}
	if got, want := doc.Reports[0].Driver, strings.ReplaceAll(hostileText, "\xff\xfe", "\ufffd\ufffd"); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestEscapeControls(t *testing.T) {
	if got, want := string(escapeControls([]byte("{\"\u009b\u202e\U000e0041é\"}"))), "{\"\\u009b\\u202e\\udb40\\udc41é\"}"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
