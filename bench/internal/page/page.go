// Package page writes what was measured into the documentation, between markers.
package page

import (
	"fmt"
	"os"
	"strings"
)

// Insert puts text between the lines <!-- name --> and <!-- /name --> of a file, in
// place of what was there.
func Insert(file, name, text string) error {
	b, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	s, err := between(string(b), name, text)
	if err != nil {
		return fmt.Errorf("page: %s: %w", file, err)
	}
	return os.WriteFile(file, []byte(s), 0o644)
}

func between(page, name, text string) (string, error) {
	first, last := "<!-- "+name+" -->\n", "<!-- /"+name+" -->\n"
	before, rest, ok := strings.Cut(page, first)
	if !ok {
		return "", fmt.Errorf("there is no line %q to write behind", strings.TrimSpace(first))
	}
	_, after, ok := strings.Cut(rest, last)
	if !ok {
		return "", fmt.Errorf("there is no line %q to write in front of", strings.TrimSpace(last))
	}
	return before + first + strings.TrimRight(text, "\n") + "\n" + last + after, nil
}
