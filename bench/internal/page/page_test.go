package page

import (
	"os"
	"path/filepath"
	"testing"
)

func TestInsert(t *testing.T) {
	file := filepath.Join(t.TempDir(), "page.md")
	const before = "# A\n<!-- table -->\nold\n<!-- /table -->\nend\n"
	if err := os.WriteFile(file, []byte(before), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 { // a second time changes nothing
		if err := Insert(file, "table", "| new |\n\n"); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(file); err != nil || string(got) != "# A\n<!-- table -->\n| new |\n<!-- /table -->\nend\n" {
			t.Errorf("got %q, %v", got, err)
		}
	}
	for _, page := range []string{"", "<!-- table -->\n", "<!-- /table -->\n"} {
		if _, err := between(page, "table", ""); err == nil {
			t.Errorf("%q was taken", page)
		}
	}
}
