package main

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
)

// measured is a table of a row with two figures.
func measured(values map[string][][]float64, promises ...promise) *table {
	t := &table{row: &row{name: "r", what: "a row", figures: []figure{{"cost", 1}, {"cut after s", 2}}, promises: promises}, values: make(map[string][][]float64)}
	for _, name := range []string{openline, nchan, variantOf(allRead), variantOf(someStop)} {
		for _, round := range values[name] {
			t.add(name, round)
		}
	}
	return t
}

func TestTable(t *testing.T) {
	var b strings.Builder
	table := measured(map[string][][]float64{
		openline: {{1, 0.5}, {3, 0.5}, {2, 0.5}},
		nchan:    {{4, never}, {6, never}, {4, never}},
	})
	table.print(&b)
	want := "\nr: a row\n" +
		"          cost           × ours  cut after s\n" +
		"openline  2.0 (1.0–3.0)  1.00    0.50\n" +
		"nchan     4.0 (4.0–6.0)  2.00    never\n"
	if b.String() != want {
		t.Errorf("%s\nwant%s", b.String(), want)
	}
	b.Reset()
	table.markdown(&b)
	want = "a row:\n\n" +
		"|  | cost | × ours | cut after s |\n" +
		"| --- | --- | --- | --- |\n" +
		"| openline | 2.0 (1.0–3.0) | 1.00 | 0.50 |\n" +
		"| nchan | 4.0 (4.0–6.0) | 2.00 | never |\n\n"
	if b.String() != want {
		t.Errorf("%s\nwant%s", b.String(), want)
	}
}

func TestPromises(t *testing.T) {
	missing := map[string]error{socketIO: errors.New("there is no Node.js here")}
	two := map[string][][]float64{openline: {{4, 0}, {6, 0}}, nchan: {{8, 0}, {8, 0}}}
	variants := map[string][][]float64{variantOf(allRead): {{10, 0}}, variantOf(someStop): {{8, 1.2}}}
	for _, c := range []struct {
		values  map[string][][]float64
		promise promise
		want    string // result, ours, peer's, ratio
	}{
		{two, atMost("a", 0, nchan, 0.7), "pass|5.0 (4.0–6.0)|8.0 nchan|0.62"},
		{two, atMost("a", 0, nchan, 0.6), "fail|5.0 (4.0–6.0)|8.0 nchan|0.62"},
		{two, atLeast("a", 0, nchan, 0.6), "pass|5.0 (4.0–6.0)|8.0 nchan|0.62"},
		{two, atLeast("a", 0, nchan, 1.5), "fail|5.0 (4.0–6.0)|8.0 nchan|0.62"},
		{two, shown("a", 0, nchan), "pass|5.0 (4.0–6.0)|8.0 nchan|0.62"},
		{two, atMost("a", 0, socketIO, 1), "skip||there is no Node.js here|"},
		{map[string][][]float64{openline: {{1, 0}}}, atMost("a", 0, nchan, 1), "skip||it was not measured|"},
		{map[string][][]float64{nchan: {{1, 0}}}, none("a", 0), "skip||openline was not measured|"},
		{two, none("a", 0), "fail|6||"},
		{two, none("a", 1), "pass|0||"},
		{two, below("a", 0, "", 5), "pass|5.0||"},
		{two, below("a", 0, "", 4.9), "fail|5.0||"},
		{variants, below("a", 1, someStop, 1.5), "pass|1.20||"},
		{variants, notMore("a", 0, 0), "pass|-2.0||"},
		{variants, keeps("a", 0, 0.9, true), "fail|8.0|10.0 when all read|0.80"},
		{variants, keeps("a", 0, 0.9, false), "pass|8.0|10.0 when all read|0.80"},
	} {
		table := measured(c.values, c.promise)
		lines := table.row.bars(table, missing)
		if len(lines) != 1 {
			t.Fatalf("%s: %d lines", c.want, len(lines))
		}
		l := lines[0]
		if got := strings.Join([]string{l.Result, l.Ours, l.Peer, l.Ratio}, "|"); got != c.want {
			t.Errorf("%s, want %s", got, c.want)
		}
	}
}

// A round in which a server fails is an error, and the others' figures stay.
func TestMeasureGoesOn(t *testing.T) {
	var turns []string
	r := &row{figures: []figure{{"cost", 0}}, peers: []string{openline, nchan}, measure: func(_ context.Context, _ *meter, p *peer, _ string) ([]float64, error) {
		turns = append(turns, p.name)
		if len(turns) == 2 {
			return nil, errors.New("it fell over")
		}
		return []float64{1}, nil
	}}
	table, err := (&meter{rounds: 2}).measure(t.Context(), r, peers)
	if err == nil || !strings.Contains(err.Error(), "nchan: it fell over") {
		t.Errorf("the error is %v", err)
	}
	r.promises = []promise{none("a", 0), atMost("b", 0, nchan, 1)}
	if lines := r.bars(table, nil); lines[0].Result != "fail" || lines[1].Result != "fail" || lines[1].Peer != "nchan: it fell over" {
		t.Errorf("%q", lines)
	}
	if !slices.Equal(turns, []string{openline, nchan, nchan, openline}) {
		t.Errorf("the turns are %v", turns)
	}
	if !slices.Equal(table.figure(nchan, 0), []float64{0, 1}) || !slices.Equal(table.figure(openline, 0), []float64{1, 1}) {
		t.Errorf("%v", table.values)
	}
}

func TestPick(t *testing.T) {
	list, err := pickRows("users, idle")
	if err != nil || len(list) != 2 || list[1].name != "idle" {
		t.Errorf("%v, %v", list, err)
	}
	if _, err := pickRows("user"); err == nil || !strings.Contains(err.Error(), "only fanout, flood") {
		t.Errorf("%v", err)
	}
	if list, _ := pickRows(""); len(list) != len(rows) {
		t.Errorf("%d rows", len(list))
	}
}

// Every promise is about a figure that its row has.
func TestRowsAreWhole(t *testing.T) {
	for _, r := range rows {
		full := &table{row: r, values: make(map[string][][]float64)}
		for _, e := range r.entrants(peers, true) {
			full.add(e.name(), make([]float64, len(r.figures)))
		}
		if lines := r.bars(full, nil); len(lines) != len(r.promises) || len(lines) == 0 {
			t.Errorf("%s: %d lines", r.name, len(lines))
		}
	}
}
