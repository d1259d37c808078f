package chart

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
)

func TestWrite(t *testing.T) {
	var b strings.Builder
	panels := []Panel{
		{Title: `a < b & "c"`, Unit: "µs", Bars: []Bar{{Name: "<us>", Value: 1, Label: "1", Ours: true}, {Name: "them & co", Value: 4, Label: "4 · 4×"}}},
		{Title: "nothing"},
		{Title: "zero", Bars: []Bar{{Name: "x"}}},
	}
	if err := Write(&b, panels, "<title>", "a & b"); err != nil {
		t.Fatal(err)
	}
	var texts []string
	widths := map[string]bool{}
	for d := xml.NewDecoder(strings.NewReader(b.String())); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("what was written is no XML: %v", err)
		}
		switch v := token.(type) {
		case xml.CharData:
			texts = append(texts, string(v))
		case xml.StartElement:
			for _, a := range v.Attr {
				if v.Name.Local == "rect" && a.Name.Local == "width" {
					widths[a.Value] = true
				}
			}
		}
	}
	all := strings.Join(texts, "\n")
	for _, want := range []string{`a < b & "c"`, "<us>", "them & co", "4 · 4×", "<title>", "a & b", "nothing"} {
		if !strings.Contains(all, want) {
			t.Errorf("%q is not in it", want)
		}
	}
	if !widths[fmt.Sprintf("%.1f", float64(barsWidth))] || !widths[fmt.Sprintf("%.1f", float64(barsWidth)/4)] {
		t.Errorf("the bars are not in proportion: %v", widths)
	}
}
