package house

import (
	"bufio"
	"bytes"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const (
	root   = "../.." // of the module, from this package
	module = "github.com/openline/openline"
)

// place is where a folder belongs in the table.
type place struct {
	floor int
	room  *room
}

// find gives the room with the longest folder that dir is or lies in. Only "." itself belongs to ".".
func find(dir string) (place, bool) {
	var found place
	for i := range floors {
		for j := range floors[i] {
			r := &floors[i][j]
			if dir != r.folder && (r.folder == "." || !strings.HasPrefix(dir, r.folder+"/")) {
				continue
			}
			if found.room == nil || len(r.folder) > len(found.room.folder) {
				found = place{i, r}
			}
		}
	}
	return found, found.room != nil
}

// judge says what is wrong with a file in dir importing imp, or nothing.
func judge(dir, imp string, test bool) string {
	from, ok := find(dir)
	if !ok {
		return "the folder is not in the table of internal/house: give it a floor"
	}
	if imp != module && !strings.HasPrefix(imp, module+"/") {
		first, _, _ := strings.Cut(imp, "/")
		if !strings.Contains(first, ".") {
			return "" // the standard library
		}
		for _, m := range from.room.uses {
			if imp == m || strings.HasPrefix(imp, m+"/") {
				return ""
			}
		}
		return "an external package that the table does not give to this folder"
	}
	target := strings.TrimPrefix(strings.TrimPrefix(imp, module), "/")
	if target == "" {
		target = "."
	}
	to, ok := find(target)
	switch {
	case !ok:
		return "the imported folder is not in the table of internal/house"
	case to.room == from.room, to.floor > from.floor:
		return ""
	case test:
		if slices.Contains(from.room.tests, target) {
			return ""
		}
	}
	return "it does not stand below this folder"
}

func TestImportOrder(t *testing.T) {
	seen := map[string]bool{}
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name == root {
				return nil
			}
			if b := d.Name(); strings.HasPrefix(b, ".") || strings.HasPrefix(b, "_") || b == "node_modules" || b == "testdata" {
				return fs.SkipDir
			}
			if _, err := os.Stat(filepath.Join(name, "go.mod")); err == nil {
				return fs.SkipDir // a module of its own: tools, interop
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		dir := path.Dir(rel)
		if p, ok := find(dir); ok {
			seen[p.room.folder] = true
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, spec := range file.Imports {
			imp, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			if wrong := judge(dir, imp, strings.HasSuffix(rel, "_test.go")); wrong != "" {
				t.Errorf("%s imports %s: %s", rel, imp, wrong)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, floor := range floors {
		for _, r := range floor {
			if !seen[r.folder] {
				t.Errorf("the table has %s, where there is no Go file", r.folder)
			}
		}
	}
}

// What go.mod requires directly is what the table hands out: nothing comes in unseen.
func TestRequirements(t *testing.T) {
	data, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	given := map[string]bool{}
	for _, floor := range floors {
		for _, r := range floor {
			for _, m := range r.uses {
				given[m] = true
			}
		}
	}
	lines := bufio.NewScanner(bytes.NewReader(data))
	for lines.Scan() {
		fields := strings.Fields(strings.TrimPrefix(strings.TrimSpace(lines.Text()), "require "))
		if len(fields) != 2 || !strings.HasPrefix(fields[1], "v") || fields[0] == "go" {
			continue // not a direct requirement: those marked indirect have more fields
		}
		if !given[fields[0]] {
			t.Errorf("go.mod requires %s, which no folder in the table uses", fields[0])
		}
		delete(given, fields[0])
	}
	for m := range given {
		t.Errorf("the table gives out %s, which go.mod does not require directly", m)
	}
}

func TestJudge(t *testing.T) {
	for _, c := range []struct {
		dir, imp string
		test, ok bool
	}{
		{"server", module + "/transport", false, true},
		{"server", module, false, true},
		{"server", "net/http", false, true},
		{"server", "github.com/goccy/go-yaml/parser", false, true},
		{"server", module + "/cmd/openline", false, false},
		{"transport", module + "/server", false, false},
		{"transport", "github.com/goccy/go-yaml", false, false},
		{"api", module + "/console", false, false},
		{".", module + "/websocket", false, true},
		{".", module + "/auth", true, false},
		{"websocket", module, false, false},
		{"websocket", module + "/websocket/internal/proto", false, true},
		{"websocket", module + "/websocket/wstest", false, false},
		{"websocket", module + "/websocket/wstest", true, true},
		{"websocket", "golang.org/x/sys/unix", false, false},
		{"websocket/internal/mask", module + "/websocket/internal/frame", false, false},
		{"websocket/conformance", module + "/websocket/internal/frame", false, false},
		{"websocket/conformance", module + "/websocket/conformance/internal/mutant", false, false},
		{"websocket/conformance", module + "/websocket/conformance/internal/mutant", true, true},
		{"websocket/conformance/echo", module + "/websocket/http1", false, true},
		{"attic", "fmt", false, false},
	} {
		if wrong := judge(c.dir, c.imp, c.test); (wrong == "") != c.ok {
			t.Errorf("%s importing %s: %q", c.dir, c.imp, wrong)
		}
	}
}
