// Package docs_test holds the documentation to the code.
package docs_test

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/openline/openline/server"
)

// docs/configuration.md has a row for every setting, with its default, and none for settings that do not exist.
func TestConfigurationIsDocumented(t *testing.T) {
	data, err := os.ReadFile("configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	settings, namespaces, _ := strings.Cut(string(data), "\n## Namespaces\n")
	rows := tableRows(settings)
	for _, f := range server.Fields() {
		cells, ok := rows[f.Path]
		if !ok {
			t.Errorf("docs/configuration.md has no row for %s", f.Path)
			continue
		}
		delete(rows, f.Path)
		for _, s := range []string{"`--" + f.Flag + "`", "`" + f.Env + "`", f.Default} {
			if !strings.Contains(cells, s) {
				t.Errorf("docs/configuration.md: the row of %s does not have %s", f.Path, s)
			}
		}
	}
	for name := range rows {
		t.Errorf("docs/configuration.md has a row for %s, which is no setting", name)
	}
	rows = tableRows(namespaces)
	names := yamlNames(reflect.TypeFor[server.NamespaceConfig](), "")
	for _, name := range names {
		if _, ok := rows[name]; !ok {
			t.Errorf("docs/configuration.md has no row for %s of a namespace", name)
		}
	}
	for name := range rows {
		if !slices.Contains(names, name) {
			t.Errorf("docs/configuration.md has a row for %s, which no namespace has", name)
		}
	}
}

// tableRows returns the tables' rows whose first cell begins with a name, without it.
func tableRows(text string) map[string]string {
	rows := map[string]string{}
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, "| `"); ok {
			name, cells, _ := strings.Cut(rest, "`")
			rows[name] = cells
		}
	}
	return rows
}

// yamlNames returns the names of the struct's fields in a YAML file, and of those in its structs.
func yamlNames(t reflect.Type, parent string) (names []string) {
	for f := range t.Fields() {
		name := f.Tag.Get("yaml")
		if name == "-" {
			continue
		}
		names = append(names, parent+name)
		if f.Type.Kind() == reflect.Struct {
			names = append(names, yamlNames(f.Type, parent+name+".")...)
		}
	}
	return names
}

// Links between the Markdown files lead somewhere.
func TestLinks(t *testing.T) {
	var files []string
	for _, pattern := range []string{"*.md", "docs/*.md"} {
		found, err := filepath.Glob(filepath.Join("..", pattern))
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, found...)
	}
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		prose := ""
		for i, block := range strings.Split(string(data), "```") {
			if i%2 == 0 { // the others are code
				prose += block
			}
		}
		for _, part := range strings.Split(prose, "](")[1:] {
			target, _, _ := strings.Cut(part, ")")
			target, section, _ := strings.Cut(target, "#")
			if strings.Contains(target, "://") {
				continue
			}
			path := name
			if target != "" {
				path = filepath.Join(filepath.Dir(name), target)
			}
			content, err := os.ReadFile(path)
			if err != nil {
				t.Errorf("%s links to %s: %v", filepath.Base(name), target, err)
				continue
			}
			if section != "" && !hasSection(string(content), section) {
				t.Errorf("%s links to %s#%s, and there is no such section", filepath.Base(name), target, section)
			}
		}
	}
}

// hasSection reports whether a heading of the text has this anchor, as forges make it.
func hasSection(text, anchor string) bool {
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "#") {
			continue
		}
		heading := strings.ToLower(strings.TrimSpace(strings.TrimLeft(line, "#")))
		if strings.ReplaceAll(heading, " ", "-") == anchor {
			return true
		}
	}
	return false
}
