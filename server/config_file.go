package server

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"github.com/openline/openline/internal/spell"
)

// applyFile sets the fields of c that the YAML file at path names.
func applyFile(c *Config, path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("server: configuration: %w", err)
	}
	return applyYAML(c, path, text)
}

// applyYAML sets the fields of c that text names. Each error begins with
// name:line:column of what it is about.
func applyYAML(c *Config, name string, text []byte) error {
	file, err := parser.ParseBytes(text, 0)
	if err != nil {
		var at yaml.Error
		if errors.As(err, &at) && at.GetToken() != nil {
			return fileError(name, at.GetToken(), "%s", at.GetMessage())
		}
		return fmt.Errorf("server: %s: %w", name, err)
	}
	d := &fileDecoder{config: c, name: name, fields: make(map[string]*Field), groups: make(map[string]bool)}
	for _, f := range Fields() {
		d.fields[f.Path] = &f
		d.paths = append(d.paths, f.Path)
		if group, _, ok := strings.Cut(f.Path, "."); ok && !d.groups[group] {
			d.groups[group] = true
			d.paths = append(d.paths, group)
		}
	}
	seen := false
	for _, doc := range file.Docs {
		if doc.Body == nil || doc.Body.Type() == ast.CommentType {
			continue
		}
		if seen {
			return fileError(name, doc.Body.GetToken(), "a second document; the configuration is one")
		}
		seen = true
		if err := d.mapping(doc.Body, ""); err != nil {
			return err
		}
	}
	return nil
}

func fileError(name string, at *token.Token, format string, args ...any) error {
	line, column := 1, 1
	if at != nil && at.Position != nil {
		line, column = at.Position.Line, at.Position.Column
	}
	return fmt.Errorf("server: %s:%d:%d: %s", name, line, column, fmt.Sprintf(format, args...))
}

// fileDecoder sets fields from the syntax tree itself, so that whatever is
// wrong is named with its place, and a value reads the same in a file, in the
// environment and as a flag.
type fileDecoder struct {
	config *Config
	name   string
	fields map[string]*Field
	groups map[string]bool
	paths  []string // every name that is known, for the nearest one
}

func (d *fileDecoder) errorf(n ast.Node, format string, args ...any) error {
	return fileError(d.name, n.GetToken(), format, args...)
}

// mappingOf returns the entries of a mapping, which may be empty, and whether
// the node is one.
func mappingOf(n ast.Node) ([]*ast.MappingValueNode, bool) {
	switch n := n.(type) {
	case *ast.MappingNode:
		return n.Values, true
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{n}, true
	case *ast.NullNode: // a name with nothing behind it
		return nil, true
	}
	return nil, false
}

func (d *fileDecoder) mapping(n ast.Node, parent string) error {
	entries, ok := mappingOf(n)
	if !ok {
		what := "the configuration"
		if parent != "" {
			what = strings.TrimSuffix(parent, ".")
		}
		return d.errorf(n, "%s must be a mapping of names to values", what)
	}
	for _, e := range entries {
		if e.Key.IsMergeKey() {
			return d.errorf(e.Key, "merge keys are not supported here")
		}
		path := parent + e.Key.GetToken().Value
		var err error
		switch {
		case d.groups[path]:
			err = d.mapping(e.Value, path+".")
		case d.fields[path] != nil:
			err = d.field(d.fields[path], e.Value)
		default:
			return d.errorf(e.Key, "unknown field %s; did you mean %s?", path, d.suggest(path))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// suggest returns the known name nearest to path: by the whole of it, or by
// its last part alone, for a field that was put into the wrong group.
func (d *fileDecoder) suggest(path string) string {
	best, least := nearest(path, d.paths)
	last := path[strings.LastIndexByte(path, '.')+1:]
	for _, p := range d.paths {
		if n := spell.Distance(last, p[strings.LastIndexByte(p, '.')+1:]); n < least {
			best, least = p, n
		}
	}
	return best
}

func (d *fileDecoder) field(f *Field, n ast.Node) error {
	if f.Path == namespacesPath && n.Type() != ast.NullType {
		var err error
		d.config.Namespaces, err = decodeNamespaces(n, d.errorf)
		return err
	}
	if seq, ok := n.(*ast.SequenceNode); ok {
		if !f.List() {
			return d.errorf(n, "%s takes one value, not a list", f.Path)
		}
		list := make([]string, 0, len(seq.Values))
		for _, v := range seq.Values {
			text, err := d.scalar(f, v)
			if err != nil {
				return err
			}
			list = append(list, text)
		}
		f.setList(d.config, list)
		return nil
	}
	if n.Type() == ast.NullType { // "node:" with nothing behind it
		return nil
	}
	text, err := d.scalar(f, n)
	if err != nil {
		return err
	}
	if err := f.Set(d.config, text); err != nil {
		return d.errorf(n, "%s: %v", f.Path, err)
	}
	return nil
}

func (d *fileDecoder) scalar(f *Field, n ast.Node) (string, error) {
	if text, ok := scalarOf(n); ok {
		return text, nil
	}
	what := "a value"
	if f.List() {
		what = "a value or a list of values"
	}
	return "", d.errorf(n, "%s takes %s here, not %s", f.Path, what, strings.ToLower(n.Type().YAMLName()))
}

// scalarOf returns the text of a single value, as it is written, and whether the
// node is one.
func scalarOf(n ast.Node) (string, bool) {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return strings.TrimRight(n.Value.Value, "\n"), true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		return n.GetToken().Value, true
	}
	return "", false
}
