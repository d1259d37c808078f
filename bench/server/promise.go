package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/openline/openline/bench/internal/bar"
	"github.com/openline/openline/bench/internal/stat"
)

// promise is what one figure of ours is held to.
type promise struct {
	what string
	peer string // that it is compared with; empty: none
	hold func(t *table, what string) bar.Line
}

// bars are the promises of a row, kept or not.
func (r *row) bars(t *table, missing map[string]error) (lines []bar.Line) {
	for _, p := range r.promises {
		switch {
		case p.peer != "" && missing[p.peer] != nil:
			lines = append(lines, bar.Skip(p.what+", beside "+p.peer, oneLine(missing[p.peer])))
		case p.peer != "" && t.values[p.peer] == nil:
			lines = append(lines, bar.Skip(p.what+", beside "+p.peer, "it was not measured"))
		case !t.has(openline):
			lines = append(lines, bar.Skip(p.what, "openline was not measured"))
		case t.failed[openline] != nil:
			lines = append(lines, bar.Fail(p.what, openline+": "+oneLine(t.failed[openline])))
		case t.failed[p.peer] != nil:
			lines = append(lines, bar.Fail(p.what, p.peer+": "+oneLine(t.failed[p.peer])))
		default:
			lines = append(lines, p.hold(t, p.what))
		}
	}
	return lines
}

// oneLine is an error as a field of a line.
func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }

// has says that an entrant of a server is there.
func (t *table) has(peer string) bool {
	for _, name := range t.names {
		if strings.HasPrefix(name, peer) {
			return true
		}
	}
	return false
}

// both are the texts of a figure: ours and the peer's with its name.
func (t *table) both(i int, ours, other string) (a, b string) {
	f := t.row.figures[i]
	return f.text(t.figure(ours, i)), f.text(t.figure(other, i)) + " " + other
}

// atMost holds our figure to a share of the peer's.
func atMost(what string, i int, peer string, limit float64) promise {
	return promise{what, peer, func(t *table, what string) bar.Line {
		a, b := t.both(i, openline, peer)
		return bar.AtMost(what, a, b, stat.Ratio(t.figure(openline, i), t.figure(peer, i)), limit)
	}}
}

// atLeast holds our figure to a multiple of the peer's.
func atLeast(what string, i int, peer string, limit float64) promise {
	return promise{what, peer, func(t *table, what string) bar.Line {
		a, b := t.both(i, openline, peer)
		return bar.AtLeast(what, a, b, stat.Ratio(t.figure(openline, i), t.figure(peer, i)), limit)
	}}
}

// shown shows a figure that has no bar.
func shown(what string, i int, peer string) promise {
	return promise{what, peer, func(t *table, what string) bar.Line {
		a, b := t.both(i, openline, peer)
		ratio := strconv.FormatFloat(stat.Ratio(t.figure(openline, i), t.figure(peer, i)), 'f', 2, 64)
		return bar.Line{Result: "pass", What: what, Ours: a, Peer: b, Ratio: ratio, Bar: "shown"}
	}}
}

// ourNames are the entrants that are ours.
func (t *table) ourNames() (list []string) {
	for _, name := range t.names {
		if strings.HasPrefix(name, openline) {
			list = append(list, name)
		}
	}
	return list
}

// none holds the greatest of our figures of all rounds to zero.
func none(what string, i int) promise {
	return promise{what, "", func(t *table, what string) bar.Line {
		worst := 0.0
		for _, name := range t.ourNames() {
			_, greatest := stat.Spread(t.figure(name, i))
			worst = max(worst, greatest)
		}
		return absolute(what, worst, 0, 0)
	}}
}

// below holds the median of our figure to a limit.
func below(what string, i int, variant string, limit float64) promise {
	return promise{what, "", func(t *table, what string) bar.Line {
		return absolute(what, stat.Median(t.figure(variantOf(variant), i)), limit, t.row.figures[i].digits)
	}}
}

// notMore holds what readers that stop add to a limit.
func notMore(what string, i int, limit float64) promise {
	return promise{what, "", func(t *table, what string) bar.Line {
		more := stat.Median(t.figure(variantOf(someStop), i)) - stat.Median(t.figure(variantOf(allRead), i))
		return absolute(what, more, limit, t.row.figures[i].digits)
	}}
}

// keeps holds a figure with readers that stop to the same without.
func keeps(what string, i int, limit float64, least bool) promise {
	return promise{what, "", func(t *table, what string) bar.Line {
		stop, read := variantOf(someStop), variantOf(allRead)
		f := t.row.figures[i]
		ratio := stat.Ratio(t.figure(stop, i), t.figure(read, i))
		a, b := f.text(t.figure(stop, i)), f.text(t.figure(read, i))+" when all read"
		if least {
			return bar.AtLeast(what, a, b, ratio, limit)
		}
		return bar.AtMost(what, a, b, ratio, limit)
	}}
}

// variantOf is the name of our entrant in a variant.
func variantOf(variant string) string { return entrant{&peer{name: openline}, variant}.name() }

// absolute is a promise that a figure is not above a limit.
func absolute(what string, v, limit float64, digits int) bar.Line {
	line := bar.Line{Result: "fail", What: what, Ours: strconv.FormatFloat(v, 'f', digits, 64), Bar: fmt.Sprintf("≤ %g", limit)}
	if v <= limit {
		line.Result = "pass"
	}
	return line
}
