package main

import (
	"errors"
	"strings"
	"testing"

	"github.com/openline/openline/bench/internal/stat"
)

// found is a result with given costs.
func found(name string, costs map[string][]float64) *result {
	list, err := pickScenarios(name)
	if err != nil {
		panic(err)
	}
	r := &result{scenario: list[0], samples: map[string][]sample{}, missing: map[string]error{}, beside: []float64{1, 2, 1}}
	for _, p := range peers {
		if c, ok := costs[p.name]; ok {
			r.servers = append(r.servers, p.name)
			for _, v := range c {
				r.samples[p.name] = append(r.samples[p.name], sample{cost: v, rate: 1e6 / v, allocs: 0})
			}
		}
	}
	return r
}

func TestPromises(t *testing.T) {
	// In the second round the machine is half as fast.
	costs := map[string][]float64{ourLoop: {2, 4, 2}, ourBlocking: {4, 9, 4}, "gws": {4, 8, 4}, "gorilla": {5, 10, 5}, "nbio": {2, 4, 2}}
	r := found("1000x32", costs)
	r.missing[rawC] = errors.New("no compiler")
	got := map[string]string{}
	for _, p := range promises {
		if p.scenario == "1000x32" {
			l := p.line(r)
			got[p.ours+"/"+p.against[0]] = l.Result + " " + l.Peer + " " + l.Ratio
		}
	}
	for what, want := range map[string]string{
		ourLoop + "/gws":         "pass 4.00 µs gws 0.50",
		ourLoop + "/nbio":        "fail 2.00 µs nbio 1.00",
		ourLoop + "/" + rawC:     "skip raw C was not measured: no compiler ",
		ourBlocking + "/gorilla": "pass 4.00 µs gws 1.00",
	} {
		if got[what] != want {
			t.Errorf("%s: %q, want %q", what, got[what], want)
		}
	}
	r = found("pipelined", map[string][]float64{ourLoop: {1, 1, 1}, "gws": {9, 9, 9}, "gobwas": {7, 7, 7}})
	for _, p := range promises {
		if l := p.line(r); p.scenario == "pipelined" && p.ours == ourLoop && len(p.against) > 1 && (l.Result != "fail" || l.Ratio != "7.00") {
			t.Errorf("messages by CPU: %+v", l)
		}
	}
}

func TestBounds(t *testing.T) {
	r := found("idle", map[string][]float64{ourLoop: {399}, ourBlocking: {4609}})
	for i, want := range []string{"pass 399 B ≤ 400 B", "fail 4,609 B ≤ 4,608 B"} {
		l := bounds[i].line(r)
		if got := l.Result + " " + l.Ours + " " + l.Bar; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	r = found("pipelined", map[string][]float64{ourLoop: {1}, ourBlocking: {1}})
	r.samples[ourBlocking][0].allocs = 2
	for i, want := range []string{"pass", "fail"} {
		if l := bounds[2+i].line(r); l.Result != want {
			t.Errorf("allocations: %+v", l)
		}
	}
	if l := bounds[0].line(found("idle", nil)); l.Result != "fail" {
		t.Errorf("without a measurement: %+v", l)
	}
}

func TestTables(t *testing.T) {
	r := found("1000x32", map[string][]float64{ourLoop: {2, 4, 2}, "gws": {4, 8, 0}})
	if got := r.ratio("gws"); got != 2 {
		t.Errorf("ratio %v", got)
	}
	if got := r.normalised(ourLoop, stat.Median(r.beside)); got != 2 {
		t.Errorf("normalised %v", got)
	}
	var b strings.Builder
	r.print(&b, 1)
	markdown(&b, []*result{r})
	for _, want := range []string{"| openline loop | 2.00 |", "| gws | 6.00 · 2.00 |", "4.00–8.00"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is not in\n%s", want, b.String())
		}
	}
	if p := panels([]*result{r}); len(p) != 1 || len(p[0].Bars) != 2 || p[0].Bars[0].Name != ourLoop || !p[0].Bars[0].Ours {
		t.Errorf("panels %+v", p)
	}
}

func TestEveryPromiseIsMeasured(t *testing.T) {
	measured := map[string]bool{}
	for _, b := range briefs {
		measured[b.scenario] = true
		if _, err := pickScenarios(b.scenario); err != nil {
			t.Error(err)
		}
	}
	for _, p := range promises {
		if !measured[p.scenario] {
			t.Errorf("nobody measures %q", p.what)
		}
	}
	for _, b := range bounds {
		if !measured[b.scenario] {
			t.Errorf("nobody measures %q", b.what)
		}
	}
	if _, err := pickScenarios(usual); err != nil {
		t.Error(err)
	}
}
