package conformance

import "testing"

// TestCasesCompile compiles each step of each case as it is played, large ones
// too, and each value of each loop.
func TestCasesCompile(t *testing.T) {
	groups, err := Cases()
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range groups {
		for _, item := range g.Items {
			if len(item.Cases) == 0 && item.Outside == "" {
				t.Errorf("%s has no case, and no word about it", item.ID)
			}
			for _, c := range item.Cases {
				compileAll(t, c)
			}
		}
	}
}

func compileAll(t *testing.T, c *Case) {
	t.Helper()
	copied := *c
	compile := func(s Step) {
		if _, err := copied.compile(s); err != nil {
			t.Errorf("%s: %s: %v", c.ID, s.Text, err)
		}
	}
	for i := 0; i < len(c.Steps); i++ {
		l, err := c.loop(i)
		if err != nil {
			t.Fatal(err)
		}
		if l == nil {
			compile(c.Steps[i])
			continue
		}
		for _, values := range l.values {
			for _, s := range c.Steps[i+1 : l.next] {
				compile(s.with(l.pairs(values)))
			}
		}
		i = l.next
	}
}
