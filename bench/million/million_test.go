package main

import (
	"slices"
	"testing"
)

func TestPlan(t *testing.T) {
	for _, test := range []struct {
		o    options
		want []int
	}{
		{options{sessions: 10, each: 4, atOnce: 1}, []int{4, 3, 3}},
		{options{sessions: 10, each: 10, atOnce: 1}, []int{10}},
		{options{sessions: 11, each: 10, atOnce: 1, processes: 3}, []int{4, 4, 3}},
		{options{sessions: 11, each: 3, atOnce: 1, processes: 3}, nil},
		{options{sessions: 0, each: 3, atOnce: 1}, nil},
	} {
		got, err := test.o.plan()
		if !slices.Equal(got, test.want) || (err == nil) != (test.want != nil) {
			t.Errorf("%+v: got %d, %v", test.o, got, err)
		}
	}
}

func TestSystem(t *testing.T) {
	s, err := parseMeminfo([]byte("MemTotal:  2 kB\nMemFree: 9 kB\nMemAvailable:   1 kB\nSlab: 3 kB\n"))
	if err != nil || s.total != 2<<10 || s.available != 1<<10 || s.slab != 3<<10 {
		t.Errorf("got %+v, %v", s, err)
	}
	if _, err := parseMeminfo([]byte("MemTotal: 2 kB\n")); err == nil {
		t.Error("a file without the available memory was taken")
	}
	if got := parseSockstat([]byte("sockets: used 4\nTCP: inuse 3 orphan 0\n")); got != "inuse 3 orphan 0" {
		t.Errorf("got %q", got)
	}
	if s, err := look(); err != nil || s.available <= 0 || s.sockets == "" {
		t.Errorf("this machine: %+v, %v", s, err)
	}
}
