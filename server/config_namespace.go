package server

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"github.com/openline/openline"
)

// NamespaceConfig says what holds for the channels whose names begin with the
// namespace's and a colon. Its zero value is what holds where nothing is said.
type NamespaceConfig struct {
	// History is what is kept of a channel. Default: that of the namespace
	// "default".
	History HistoryConfig `yaml:"history" help:"none, or a mapping of size, bytes and age"`
	// Presence has it known who is in a channel.
	Presence bool `yaml:"presence" help:"Who is in a channel can be asked for"`
	// JoinLeave has sys:join and sys:leave published; it implies Presence.
	JoinLeave bool `yaml:"join_leave" help:"sys:join and sys:leave are published; it implies presence"`
	// Subscribe says who may subscribe: anyone, members or backend.
	Subscribe openline.Rule `yaml:"subscribe" help:"Who may subscribe: anyone, members or backend"`
	// Publish says who may publish: anyone, members or backend.
	Publish openline.Rule `yaml:"publish" help:"Who may publish: anyone, members or backend"`
	// Latest is "key" where a message takes the place of the one before with the
	// same key, or "".
	Latest string `yaml:"latest" help:"key: a message takes the place of the one before with the same key"`
	// MaxRate is how many messages of a channel a session gets in a second, the
	// latest of each key. Default: as many as there are.
	MaxRate float64 `yaml:"max_rate" help:"Messages of a channel that a session gets in a second, the latest of each key"`
	// Slow says what becomes of a session that does not keep up: disconnect,
	// drop_oldest or latest.
	Slow openline.SlowPolicy `yaml:"slow" help:"What becomes of a session that does not keep up: disconnect, drop_oldest or latest"`
}

// HistoryConfig bounds what is kept of one channel, whichever bound is reached
// first. A negative number is no bound; what is left out is as in the namespace
// "default".
type HistoryConfig struct {
	// None has nothing kept.
	None bool `yaml:"-"`
	// Size is the number of messages. Default 1,000.
	Size int `yaml:"size"`
	// Bytes is the memory that they take. Default: no bound of its own.
	Bytes Bytes `yaml:"bytes"`
	// Age is how old they may become. Default 10 minutes.
	Age time.Duration `yaml:"age"`
}

// Words of the configuration, at the index of what they stand for.
var (
	ruleWords = []string{openline.Anyone: "anyone", openline.Members: "members", openline.Backend: "backend"}
	slowWords = []string{openline.Disconnect: "disconnect", openline.DropOldest: "drop_oldest", openline.Newest: "latest"}
)

const (
	namespacesPath = "namespaces"
	historyNone    = "none"
	latestByKey    = "key"
)

// setWord sets what one of the words stands for.
func setWord[T ~uint8](target *T, words []string, text string) error {
	i := slices.Index(words, text)
	if i < 0 {
		return fmt.Errorf("%q is none of %s", text, strings.Join(words, ", "))
	}
	*target = T(i)
	return nil
}

// namespace returns what c says in the hub's words.
func (c *NamespaceConfig) namespace() (openline.Namespace, error) {
	if c.Latest != "" && c.Latest != latestByKey {
		return openline.Namespace{}, fmt.Errorf("latest: %q is not %s", c.Latest, latestByKey)
	}
	return openline.Namespace{
		History: openline.History{
			None: c.History.None, Size: c.History.Size, Bytes: clamp(c.History.Bytes), Age: c.History.Age,
		},
		Presence: c.Presence, JoinLeave: c.JoinLeave, Subscribe: c.Subscribe, Publish: c.Publish,
		Latest: c.Latest == latestByKey, MaxRate: c.MaxRate, Slow: c.Slow,
	}, nil
}

// check says what cannot be, without the name.
func (c *NamespaceConfig) check(name string) error {
	n, err := c.namespace()
	if err != nil {
		return err
	}
	if err := openline.CheckNamespaces(map[string]openline.Namespace{name: n}); err != nil {
		return errors.Unwrap(err)
	}
	return nil
}

// clamp returns a size as an int.
func clamp(b Bytes) int { return int(max(min(b, math.MaxInt), math.MinInt)) }

// checkNamespaces makes the hub's namespaces of the configuration's and of
// those that a program gives, which go first.
func (r *resolved) checkNamespaces() error {
	r.namespaces = make(map[string]openline.Namespace)
	for _, name := range slices.Sorted(maps.Keys(r.Namespaces)) {
		c := r.Namespaces[name]
		if err := c.check(name); err != nil {
			return fmt.Errorf("server: %s.%s: %w", namespacesPath, name, err)
		}
		r.namespaces[name], _ = c.namespace()
	}
	if r.Hub == nil {
		return nil
	}
	if err := openline.CheckNamespaces(r.Hub.Namespaces); err != nil {
		return fmt.Errorf("server: Hub.Namespaces: %w", err)
	}
	maps.Copy(r.namespaces, r.Hub.Namespaces)
	return nil
}

// historyBudget returns the bytes that all histories may take.
func (r *resolved) historyBudget() int { return clamp(r.HistoryBudget) }

// parseNamespaces reads the namespaces from one text, YAML or JSON. An error
// begins with the line and column in it.
func parseNamespaces(text string) (map[string]NamespaceConfig, error) {
	file, err := parser.ParseBytes([]byte(text), 0)
	if err != nil {
		var at yaml.Error
		if errors.As(err, &at) && at.GetToken() != nil {
			p := at.GetToken().Position
			return nil, fmt.Errorf("%d:%d: %s", p.Line, p.Column, at.GetMessage())
		}
		return nil, err
	}
	fail := func(n ast.Node, format string, args ...any) error {
		p := n.GetToken().Position
		return fmt.Errorf("%d:%d: %s", p.Line, p.Column, fmt.Sprintf(format, args...))
	}
	namespaces := map[string]NamespaceConfig{}
	for i, doc := range file.Docs {
		if doc.Body == nil || doc.Body.Type() == ast.CommentType {
			continue
		}
		if i > 0 {
			return nil, fail(doc.Body, "a second document; the namespaces are one mapping")
		}
		if namespaces, err = decodeNamespaces(doc.Body, fail); err != nil {
			return nil, err
		}
	}
	return namespaces, nil
}

// failure makes an error that says where the node is.
type failure func(n ast.Node, format string, args ...any) error

// decodeNamespaces reads a mapping of names to namespaces.
func decodeNamespaces(n ast.Node, fail failure) (map[string]NamespaceConfig, error) {
	entries, ok := mappingOf(n)
	if !ok {
		return nil, fail(n, `%s must be a mapping of names to rules, such as {quotes: {latest: key}}`, namespacesPath)
	}
	namespaces := make(map[string]NamespaceConfig, len(entries))
	for _, e := range entries {
		name := e.Key.GetToken().Value
		var c NamespaceConfig
		if err := decodeGroup(reflect.ValueOf(&c).Elem(), e.Value, namespacesPath+"."+name, fail); err != nil {
			return nil, err
		}
		if err := c.check(name); err != nil {
			return nil, fail(e.Key, "%s.%s: %v", namespacesPath, name, err)
		}
		namespaces[name] = c
	}
	return namespaces, nil
}

// decodeGroup reads a mapping into a struct whose fields have yaml tags.
func decodeGroup(v reflect.Value, n ast.Node, path string, fail failure) error {
	entries, ok := mappingOf(n)
	if !ok {
		return fail(n, "%s must be a mapping of names to values", path)
	}
	var names []string
	fields := make(map[string]reflect.Value)
	for i := range v.NumField() {
		if name := v.Type().Field(i).Tag.Get("yaml"); name != "-" {
			names, fields[name] = append(names, name), v.Field(i)
		}
	}
	for _, e := range entries {
		name := e.Key.GetToken().Value
		at := path + "." + name
		field, ok := fields[name]
		if !ok {
			best, _ := nearest(name, names)
			return fail(e.Key, "unknown field %s; did you mean %s.%s?", at, path, best)
		}
		if e.Value.Type() == ast.NullType {
			continue
		}
		if history, ok := reflect.TypeAssert[*HistoryConfig](field.Addr()); ok {
			if err := decodeHistory(history, e.Value, at, fail); err != nil {
				return err
			}
			continue
		}
		text, ok := scalarOf(e.Value)
		if !ok {
			return fail(e.Value, "%s takes a value here, not %s", at, strings.ToLower(e.Value.Type().YAMLName()))
		}
		if err := setText(field.Addr().Interface(), text); err != nil {
			return fail(e.Value, "%s: %v", at, err)
		}
		if path, ok := strings.CutSuffix(path, ".history"); ok && field.IsZero() {
			return fail(e.Value, "%s: 0 is no bound; for no history at all write %s.history: none, for no bound a negative number", at, path)
		}
	}
	return nil
}

// decodeHistory reads none or the bounds.
func decodeHistory(h *HistoryConfig, n ast.Node, path string, fail failure) error {
	text, ok := scalarOf(n)
	switch {
	case !ok:
		return decodeGroup(reflect.ValueOf(h).Elem(), n, path, fail)
	case text == historyNone:
		h.None = true
		return nil
	}
	return fail(n, "%s: %q is neither none nor a mapping of size, bytes and age", path, text)
}
