package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/openline/openline/bench/internal/stat"
)

// table is what was measured of a row.
type table struct {
	row    *row
	names  []string               // of the entrants, in the order in which they came
	values map[string][][]float64 // of each entrant and figure, a value a round
	failed map[string]error       // of each server that failed in a round: why
}

// add takes what an entrant had in a round.
func (t *table) add(name string, values []float64) {
	if t.values[name] == nil {
		t.names = append(t.names, name)
		t.values[name] = make([][]float64, len(t.row.figures))
	}
	for i, v := range values {
		t.values[name][i] = append(t.values[name][i], v)
	}
}

// figure returns the rounds of a figure; nil if the entrant was not there.
func (t *table) figure(name string, i int) []float64 {
	if t.values[name] == nil {
		return nil
	}
	return t.values[name][i]
}

// cells are the table's texts, the heads first.
func (t *table) cells() [][]string {
	heads := []string{"", t.row.figures[0].name, "× ours"}
	for _, f := range t.row.figures[1:] {
		heads = append(heads, f.name)
	}
	list := [][]string{heads}
	for _, name := range t.names {
		cells := []string{name}
		for i, f := range t.row.figures {
			cells = append(cells, f.text(t.figure(name, i)))
			if i == 0 {
				cells = append(cells, t.ratio(name))
			}
		}
		list = append(list, cells)
	}
	return list
}

// markdown writes what print does for a document.
func (t *table) markdown(w io.Writer) {
	fmt.Fprintf(w, "%s:\n\n", t.row.what)
	for i, cells := range t.cells() {
		fmt.Fprintf(w, "| %s |\n", strings.Join(cells, " | "))
		if i == 0 {
			fmt.Fprintln(w, "|"+strings.Repeat(" --- |", len(cells)))
		}
	}
	fmt.Fprintln(w)
}

// print writes the medians with their spread, and beside the first figure its ratio
// to ours.
func (t *table) print(w io.Writer) {
	fmt.Fprintf(w, "\n%s: %s\n", t.row.name, t.row.what)
	tab := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, cells := range t.cells() {
		fmt.Fprintln(tab, strings.Join(cells, "\t"))
	}
	_ = tab.Flush()
}

// ratio is an entrant's first figure in ours.
func (t *table) ratio(name string) string {
	ours := t.names[0]
	for _, n := range t.names {
		if strings.HasPrefix(n, openline) {
			ours = n
			break
		}
	}
	if v := stat.Ratio(t.figure(name, 0), t.figure(ours, 0)); v > 0 {
		return strconv.FormatFloat(v, 'f', 2, 64)
	}
	return ""
}

// text is a median, and the spread if there is one.
func (f figure) text(list []float64) string {
	if len(list) == 0 {
		return ""
	}
	number := func(v float64) string {
		if v == never && strings.Contains(f.name, "after s") {
			return "never"
		}
		return strconv.FormatFloat(v, 'f', f.digits, 64)
	}
	text := number(stat.Median(list))
	if least, greatest := stat.Spread(list); number(least) != number(greatest) {
		text += " (" + number(least) + "–" + number(greatest) + ")"
	}
	return text
}
