package bar

import (
	"strings"
	"testing"
)

func TestLines(t *testing.T) {
	for _, test := range []struct {
		line Line
		want string
	}{
		{AtMost("echo", "4 µs", "6 µs gws", 0.67, 0.7), "pass\techo\t4 µs\t6 µs gws\t0.67\t≤ 0.70"},
		{AtMost("echo", "5 µs", "6 µs gws", 0.83, 0.7), "fail\techo\t5 µs\t6 µs gws\t0.83\t≤ 0.70"},
		{AtMost("echo", "", "", 0, 0.7), "fail\techo\t\t\t0.00\t≤ 0.70"}, // nothing was measured
		{AtLeast("idle", "", "", 8, 8), "pass\tidle\t\t\t8.00\t≥ 8.00"},
		{AtLeast("idle", "", "", 7.9, 8), "fail\tidle\t\t\t7.90\t≥ 8.00"},
		{Skip("echo", "no C compiler"), "skip\techo\t\tno C compiler\t\t"},
	} {
		var b strings.Builder
		test.line.Write(&b)
		if got := strings.TrimSuffix(b.String(), "\n"); got != test.want {
			t.Errorf("got %q, want %q", got, test.want)
		}
		if back, ok := Parse(strings.TrimSuffix(b.String(), "\n")); !ok || back != test.line {
			t.Errorf("read back as %+v", back)
		}
	}
	var b strings.Builder
	Fail("echo", "first\nand\tsecond").Write(&b)
	if got := b.String(); got != "fail\techo\t\tfirst and second\t\t\n" {
		t.Errorf("got %q", got)
	}
	for _, s := range []string{"", "pass", "round 1\ta\tb\tc\td\te"} {
		if _, ok := Parse(s); ok {
			t.Errorf("%q was taken for a line", s)
		}
	}
}
