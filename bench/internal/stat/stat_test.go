package stat

import "testing"

func TestMedian(t *testing.T) {
	for _, test := range []struct {
		list []float64
		want float64
	}{
		{nil, 0},
		{[]float64{3}, 3},
		{[]float64{4, 1}, 2.5},
		{[]float64{9, 1, 5}, 5},
		{[]float64{8, 2, 4, 6}, 5},
	} {
		if got := Median(test.list); got != test.want {
			t.Errorf("Median(%v) = %v, want %v", test.list, got, test.want)
		}
	}
	list := []float64{3, 1, 2}
	Median(list)
	if list[0] != 3 {
		t.Error("Median sorted its caller's list")
	}
}

func TestSpread(t *testing.T) {
	if least, greatest := Spread([]float64{3, 1, 2}); least != 1 || greatest != 3 {
		t.Errorf("got %v to %v", least, greatest)
	}
	if least, greatest := Spread(nil); least != 0 || greatest != 0 {
		t.Errorf("of nothing: %v to %v", least, greatest)
	}
}

func TestRatioComparesRounds(t *testing.T) {
	// The machine is three times slower in the second round; the ratio is 2 in each.
	if got := Ratio([]float64{2, 6, 2}, []float64{1, 3, 1}); got != 2 {
		t.Errorf("got %v, want 2", got)
	}
	// A round that one of them does not have is left out.
	if got := Ratio([]float64{2, 0, 8}, []float64{1, 5, 2}); got != 3 {
		t.Errorf("got %v, want 3", got)
	}
	if got := Ratio([]float64{1}, nil); got != 0 {
		t.Errorf("without rounds: %v", got)
	}
}

func TestMeasured(t *testing.T) {
	if got := Measured([]float64{0, 2, 0, 1}); len(got) != 2 || got[0] != 2 || got[1] != 1 {
		t.Errorf("got %v", got)
	}
}

func TestSlope(t *testing.T) {
	if got := Slope(5000, 10e6, 19000, 24e6); got != 1000 {
		t.Errorf("got %v, want 1000", got)
	}
	if got := Slope(1, 2, 1, 3); got != 0 {
		t.Errorf("between two points at one place: %v", got)
	}
}
