// Package bar writes what the benchmarks promise, a line each: what was measured,
// for this project and for the best of those it is held against, and whether their
// ratio is within its bar.
package bar

import (
	"fmt"
	"io"
	"strings"
)

// Line is one promise. In a program's output its fields are separated by tabs, which
// package smoke aligns.
type Line struct {
	Result string // pass, fail or skip
	What   string
	Ours   string
	Peer   string // the peer's figure and its name; the reason of a skip
	Ratio  string
	Bar    string
}

// Write writes the line. What would end a field or a line inside one becomes a space.
func (l Line) Write(w io.Writer) {
	fields := []string{l.Result, l.What, l.Ours, l.Peer, l.Ratio, l.Bar}
	for i, f := range fields {
		fields[i] = strings.NewReplacer("\t", " ", "\n", " ").Replace(f)
	}
	fmt.Fprintln(w, strings.Join(fields, "\t"))
}

// Parse reads a line that Write wrote.
func Parse(s string) (Line, bool) {
	f := strings.Split(s, "\t")
	if len(f) != 6 || f[0] != "pass" && f[0] != "fail" && f[0] != "skip" {
		return Line{}, false
	}
	return Line{f[0], f[1], f[2], f[3], f[4], f[5]}, true
}

// AtMost is a promise that ratio is not above limit.
func AtMost(what, ours, peer string, ratio, limit float64) Line {
	return Line{result(ratio > 0 && ratio <= limit), what, ours, peer, figure(ratio), "≤ " + figure(limit)}
}

// AtLeast is a promise that ratio is not below limit.
func AtLeast(what, ours, peer string, ratio, limit float64) Line {
	return Line{result(ratio >= limit), what, ours, peer, figure(ratio), "≥ " + figure(limit)}
}

// Skip is a promise that cannot be looked at here.
func Skip(what, reason string) Line { return Line{"skip", what, "", reason, "", ""} }

// Fail is a promise whose measurement failed.
func Fail(what, reason string) Line { return Line{"fail", what, "", reason, "", ""} }

func result(ok bool) string {
	if ok {
		return "pass"
	}
	return "fail"
}

func figure(v float64) string {
	if v >= 100 {
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.2f", v)
}
