package main

import (
	"strings"
	"testing"

	"github.com/openline/openline/bench/internal/bar"
)

func TestReport(t *testing.T) {
	lines, err := read(strings.NewReader("pass\techo\t4 µs\t6 µs gws\t0.67\t≤ 0.70\nskip\tsecond\t\tno compiler\t\t\n"))
	if err != nil || len(lines) != 2 {
		t.Fatalf("%d lines, %v", len(lines), err)
	}
	var b strings.Builder
	if report(&b, lines) {
		t.Error("it failed without a line that did")
	}
	got := strings.Split(b.String(), "\n")
	if len(got) != 5 || strings.Index(got[0], "what") != strings.Index(got[1], "echo") || got[3] != "1 pass, 0 fail, 1 skip" {
		t.Errorf("printed\n%s", b.String())
	}
	if !report(&b, append(lines, bar.Fail("third", "why"))) {
		t.Error("a line that failed was overlooked")
	}
}
