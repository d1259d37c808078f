package main

import "testing"

func TestView(t *testing.T) {
	l := &ledger{channel: "c"}
	l.started.Store(5)
	for _, test := range []struct {
		seen []int64
		ok   bool
	}{
		{nil, true},
		{[]int64{6, 7, 8}, true},
		{[]int64{4, 5, 6}, true}, // the subscription took effect before it was known
		{[]int64{7}, false},
		{[]int64{6, 8}, false},
		{[]int64{6, 6}, false},
		{[]int64{6, 5}, false},
	} {
		v, err := l.from(), error(nil)
		for _, n := range test.seen {
			if err == nil {
				err = v.see(n)
			}
		}
		if (err == nil) != test.ok {
			t.Errorf("%d: %v", test.seen, err)
		}
	}
	v := l.from()
	if !v.complete(5) || v.complete(6) {
		t.Error("before the first message")
	}
	_ = v.see(6)
	if !v.complete(6) || v.complete(7) {
		t.Error("after the first message")
	}
}

func TestOrder(t *testing.T) {
	for _, test := range []struct {
		ids []string
		ok  bool
	}{
		{[]string{"a-1", "", "a-2", "a-10"}, true},
		{[]string{"a-2", "a-2"}, false},
		{[]string{"a-2", "a-1"}, false},
		{[]string{"a-1", "b-2"}, false},
		{[]string{"a"}, false},
		{[]string{"a-x"}, false},
	} {
		var o order
		var err error
		for _, id := range test.ids {
			if err == nil {
				err = o.see(id)
			}
		}
		if (err == nil) != test.ok {
			t.Errorf("%q: %v", test.ids, err)
		}
	}
}
