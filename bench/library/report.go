package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/openline/openline/bench/internal/stat"
	"github.com/openline/openline/internal/chart"
)

// ratio is how many times ours a server's cost is, round by round.
func (r *result) ratio(name string) float64 { return stat.Ratio(r.costs(name), r.costs(ourLoop)) }

// normalised is the median of a server's costs as they would have been, had the
// calibration cost in each round what it costs in the median of the whole run.
func (r *result) normalised(name string, usual float64) float64 {
	var list []float64
	for i, c := range r.costs(name) {
		if c > 0 && r.beside[i] > 0 {
			list = append(list, c*usual/r.beside[i])
		}
	}
	return stat.Median(list)
}

// print writes the scenario's table. usual is the calibration's median in the whole
// run so far.
func (r *result) print(w io.Writer, usual float64) {
	s := r.scenario
	least, greatest := stat.Spread(r.beside)
	fmt.Fprintf(w, "\n%s: %s\ncalibration %.2f µs (%.2f–%.2f), in the whole run so far %.2f µs\n", s.name, s.title, stat.Median(r.beside), least, greatest, usual)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	head := "server\t" + s.unit() + "\tspread\t"
	if s.kind != idle {
		head += "normalised\t"
	}
	head += "× ours\t"
	if s.kind != idle {
		head += "a second\t"
	}
	if s.kind == echoes {
		head += "allocations\t"
	}
	if s.deflate {
		head += "octets on the wire\t"
	}
	fmt.Fprintln(t, head)
	for _, name := range r.servers {
		cost := r.cost(name)
		if cost == 0 {
			continue
		}
		least, greatest := stat.Spread(stat.Measured(r.costs(name)))
		fmt.Fprintf(t, "%s\t%s\t%s–%s\t", name, digits(cost), digits(least), digits(greatest))
		if s.kind != idle {
			fmt.Fprintf(t, "%s\t", digits(r.normalised(name, usual)))
		}
		fmt.Fprintf(t, "%s\t", times(r.ratio(name)))
		if s.kind != idle {
			fmt.Fprintf(t, "%.0f\t", r.of(name, func(s sample) float64 { return s.rate }))
		}
		if s.kind == echoes {
			fmt.Fprintf(t, "%s\t", allocations(r.of(name, func(s sample) float64 { return s.allocs })))
		}
		if s.deflate {
			fmt.Fprintf(t, "%.0f\t", r.of(name, func(s sample) float64 { return s.wire }))
		}
		fmt.Fprintln(t)
	}
	_ = t.Flush()
	for _, name := range r.servers {
		if r.cost(name) == 0 {
			fmt.Fprintf(w, "%s was not measured: %v\n", name, r.missing[name])
		}
	}
}

func allocations(v float64) string {
	if v < 0 {
		return ""
	}
	return fmt.Sprintf("%.2f", v)
}

// digits writes a figure with three digits or so.
func digits(v float64) string {
	switch {
	case v >= 1000:
		return thousands(int(v + 0.5))
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	case v >= 1:
		return fmt.Sprintf("%.2f", v)
	case v == 0:
		return "0"
	}
	return fmt.Sprintf("%.3f", v)
}

// times writes a ratio: as digits, but no finer than hundredths.
func times(v float64) string {
	if v < 1 {
		return fmt.Sprintf("%.2f", v)
	}
	return digits(v)
}

// markdown writes all results as one table: servers below each other, scenarios
// beside each other, in each cell the cost and how many times ours it is.
func markdown(w io.Writer, results []*result) {
	for group := range slices.Chunk(results, 5) { // as many as a page is wide
		fmt.Fprint(w, "| server |")
		for _, r := range group {
			fmt.Fprintf(w, " %s: %s |", r.scenario.title, r.scenario.unit())
		}
		fmt.Fprint(w, "\n| --- |", strings.Repeat(" --- |", len(group)), "\n")
		for _, p := range peers {
			if !slices.ContainsFunc(group, func(r *result) bool { return r.cost(p.name) > 0 }) {
				continue
			}
			fmt.Fprintf(w, "| %s |", p.name)
			for _, r := range group {
				switch cost := r.cost(p.name); {
				case cost == 0:
					fmt.Fprint(w, " |")
				case p.name == ourLoop:
					fmt.Fprintf(w, " %s |", digits(cost))
				default:
					fmt.Fprintf(w, " %s · %s |", digits(cost), times(r.ratio(p.name)))
				}
			}
			fmt.Fprintln(w)
		}
		fmt.Fprintln(w)
	}
}

// panels are the results as charts, the cheapest server first.
func panels(results []*result) (list []chart.Panel) {
	for _, r := range results {
		p := chart.Panel{Title: r.scenario.title, Unit: r.scenario.unit()}
		for _, name := range r.servers {
			if cost := r.cost(name); cost > 0 {
				label := digits(cost)
				if name != ourLoop {
					label += " · " + times(r.ratio(name)) + "×"
				}
				p.Bars = append(p.Bars, chart.Bar{Name: name, Value: cost, Label: label, Ours: strings.HasPrefix(name, "openline"), Bound: isRaw(name)})
			}
		}
		slices.SortStableFunc(p.Bars, func(a, b chart.Bar) int { return cmp.Compare(a.Value, b.Value) })
		list = append(list, p)
	}
	return list
}
