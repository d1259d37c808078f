package conformance

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// readLanguage is the page about the language.
func readLanguage(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("cases/LANGUAGE.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestLanguage holds the words that can be read together with those that
// LANGUAGE.md has.
func TestLanguage(t *testing.T) {
	page := readLanguage(t)
	for _, kind := range []struct {
		sign  string
		words map[string]maker
	}{{"> ", sends}, {"< ", expects}, {"", others}} {
		for _, word := range slices.Sorted(maps.Keys(kind.words)) {
			if !regexp.MustCompile("`" + kind.sign + word + "[ `]").MatchString(page) {
				t.Errorf("LANGUAGE.md does not have %q", kind.sign+word)
			}
		}
	}
	for _, m := range regexp.MustCompile("`([<>]) ([a-z-]+)").FindAllStringSubmatch(page, -1) {
		words := sends
		if m[1] == "<" {
			words = expects
		}
		if words[m[2]] == nil && opcodes[m[2]] == 0 && !(m[1] == "<" && m[2] == "within") {
			t.Errorf("LANGUAGE.md has %q, which nobody knows", m[0][1:])
		}
	}
}

// TestLanguageFeatures does the same for features, and for the settings that
// belong to them.
func TestLanguageFeatures(t *testing.T) {
	_, page, found := strings.Cut(readLanguage(t), "\n## Features\n")
	if !found {
		t.Fatal("there are no features")
	}
	var listed []string
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z]+)` \\|").FindAllStringSubmatch(page, -1) {
		listed = append(listed, m[1])
	}
	slices.Sort(listed)
	if want := slices.Sorted(slices.Values(features)); !slices.Equal(listed, want) {
		t.Errorf("LANGUAGE.md has the features\n%q, there are\n%q", listed, want)
	}
	for _, name := range slices.Sorted(maps.Keys(knobFeature)) {
		if !regexp.MustCompile("[` ]" + name + "=").MatchString(page) {
			t.Errorf("LANGUAGE.md does not have the setting %q", name)
		}
	}
}
