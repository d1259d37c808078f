package mutant

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// TestFaults holds the table against the code: each fault is in both, once in the
// table.
func TestFaults(t *testing.T) {
	asked := map[string]bool{}
	names, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	id := regexp.MustCompile(`^(WS|HM|HS|BR|PD)(-[0-9.]+)?-[0-9]+(/[a-z0-9-]+)?$`)
	for _, f := range names {
		if !strings.HasSuffix(f.Name(), ".go") || strings.HasSuffix(f.Name(), "_test.go") || strings.HasPrefix(f.Name(), "faults_") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), f.Name(), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if s, ok := n.(*ast.BasicLit); ok && s.Kind == token.STRING {
				if name, err := strconv.Unquote(s.Value); err == nil && id.MatchString(name) {
					asked[name] = true
				}
			}
			return true
		})
	}
	seen := map[string]bool{}
	for _, f := range Faults() {
		switch {
		case seen[f.Name]:
			t.Errorf("%s is there twice", f.Name)
		case !asked[f.Name]:
			t.Errorf("nothing asks for %s", f.Name)
		case f.What == "":
			t.Errorf("nothing is said about %s", f.Name)
		}
		seen[f.Name] = true
	}
	for name := range asked {
		if !seen[name] || !Known(name) {
			t.Errorf("%s is not in the table", name)
		}
	}
	if !Known("") || Known("WS-0") {
		t.Error("Known knows what is no fault")
	}
}
