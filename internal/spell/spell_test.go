package spell

import "testing"

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"", "", 0},
		{"ping", "ping", 0},
		{"", "ping", 4},
		{"pign", "ping", 2},
		{"pin", "ping", 1},
		{"pingg", "ping", 1},
		{"pang", "ping", 1},
		{"kitten", "sitting", 3},
		{"abc", "xyz", 3},
		{"", "ab", 2},
		{"ab", "ba", 2},
		{"listen", "lisen", 1},
	} {
		if got := Distance(c.a, c.b); got != c.want {
			t.Errorf("Distance(%q, %q) = %d, want %d", c.a, c.b, got, c.want)
		}
		if got := Distance(c.b, c.a); got != c.want {
			t.Errorf("Distance(%q, %q) = %d, want %d", c.b, c.a, got, c.want)
		}
	}
}
