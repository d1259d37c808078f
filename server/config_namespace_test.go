package server

import (
	"io"
	"log/slog"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/openline/openline"
)

func TestNamespaceErrors(t *testing.T) {
	for _, test := range []struct{ name, text, says string }{
		{"unknown field", "namespaces:\n  quotes:\n    lates: key\n", ":3:5: unknown field namespaces.quotes.lates; did you mean namespaces.quotes.latest?"},
		{"unknown field of a history", "namespaces: {a: {history: {sise: 1}}}\n", ":1:28: unknown field namespaces.a.history.sise; did you mean namespaces.a.history.size?"},
		{"no rule", "namespaces: {a: {subscribe: member}}\n", `:1:29: namespaces.a.subscribe: "member" is none of anyone, members, backend`},
		{"no policy", "namespaces: {a: {slow: drop}}\n", `:1:24: namespaces.a.slow: "drop" is none of disconnect, drop_oldest, latest`},
		{"latest of something else", "namespaces: {a: {latest: user}}\n", `:1:14: namespaces.a: latest: "user" is not key`},
		{"neither true nor false", "namespaces: {a: {presence: maybe}}\n", `namespaces.a.presence: "maybe" is neither true nor false`},
		{"a rate too low", "namespaces: {a: {max_rate: -1}}\n", `:1:14: namespaces.a: the rate is 0 for any, or 0.001 to 1000 messages a second`},
		{"a history that is a word", "namespaces: {a: {history: some}}\n", `:1:27: namespaces.a.history: "some" is neither none nor a mapping of size, bytes and age`},
		{"a history that is a list", "namespaces: {a: {history: [1]}}\n", `namespaces.a.history must be a mapping`},
		{"a size of 0", "namespaces: {a: {history: {size: 0}}}\n", `:1:34: namespaces.a.history.size: 0 is no bound; for no history at all write namespaces.a.history: none, for no bound a negative number`},
		{"no duration", "namespaces: {a: {history: {age: 5}}}\n", `"5" is not a duration`},
		{"a list for a value", "namespaces: {a: {slow: [latest]}}\n", "namespaces.a.slow takes a value here, not"},
		{"a value for a namespace", "namespaces: {a: 1}\n", ":1:17: namespaces.a must be a mapping"},
		{"a value for all", "namespaces: 1\n", ":1:13: namespaces must be a mapping of names to rules"},
		{"a name with a colon", "namespaces: {'a:b': {presence: true}}\n", ":1:14: namespaces.a:b: a namespace's name ends before the first colon"},
		{"a reserved name", "namespaces: {'@bob': {}}\n", `names that begin with @ are reserved`},
		{"presence of inboxes", "namespaces: {'@': {presence: true}}\n", `leave presence out`},
		{"latest of nothing", "namespaces: {a: {latest: key, history: none}}\n", `what keeps the latest messages has a history`},
		{"twice", "namespaces:\n  a: {presence: true}\n  a: {presence: false}\n", ":3:3: "},
		{"twice in one", "namespaces: {a: {presence: true, presence: false}}\n", ":1:34: "},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := writeConfig(t, test.text)
			_, _, err := Load(&Sources{File: path})
			if err == nil || !strings.HasPrefix(err.Error(), "server: "+path) || !strings.Contains(err.Error(), test.says) {
				t.Errorf("error %v\nwant %s…%s", err, path, test.says)
			}
		})
	}
}

// The same as one text, whose errors name the place in it.
func TestNamespacesAsText(t *testing.T) {
	for text, says := range map[string]string{
		`{a: {lates: key}}`:                 `server: OPENLINE_NAMESPACES: 1:6: unknown field namespaces.a.lates; did you mean namespaces.a.latest?`,
		"a:\n  presence: x":                 `server: OPENLINE_NAMESPACES: 2:13: namespaces.a.presence: "x" is neither true nor false`,
		`{"a": {"max_rate": 5000}}`:         `server: OPENLINE_NAMESPACES: 1:2: namespaces.a: the rate`,
		`{"a": `:                            `server: OPENLINE_NAMESPACES: 1:`,
		`quotes`:                            `server: OPENLINE_NAMESPACES: 1:1: namespaces must be a mapping`,
		"a: {presence: true}\n---\nb: {}\n": `server: OPENLINE_NAMESPACES: 3:`,
	} {
		_, _, err := Load(&Sources{Environ: []string{"OPENLINE_NAMESPACES=" + text}})
		if err == nil || !strings.HasPrefix(err.Error(), says) {
			t.Errorf("%q: %v", text, err)
		}
	}
	c, _, err := Load(&Sources{Flags: map[string]string{"namespaces": `{"@*":{"history":{"size":5}},"a":{"slow":"latest","history":"none"}}`}})
	if err != nil || len(c.Namespaces) != 2 || c.Namespaces["@*"].History.Size != 5 || c.Namespaces["a"].Slow != openline.Newest || !c.Namespaces["a"].History.None {
		t.Errorf("%+v, %v", c, err)
	}
}

// What a program gives the hub goes before the configuration, name by name.
func TestNamespacesOfHub(t *testing.T) {
	c := &Config{
		Listen:        "127.0.0.1:0",
		Namespaces:    map[string]NamespaceConfig{"a": {Presence: true}, "b": {Latest: "key"}},
		PresenceGrace: time.Second,
		Logger:        slog.New(slog.NewTextHandler(io.Discard, nil)),
		Hub:           &openline.Options{Namespaces: map[string]openline.Namespace{"a": {MaxRate: 3}}},
	}
	s, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	o := s.hubOptions()
	want := map[string]openline.Namespace{"a": {MaxRate: 3}, "b": {Latest: true}}
	if !maps.Equal(o.Namespaces, want) || o.PresenceGrace != time.Second || s.memory == nil {
		t.Errorf("%+v", o)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	c.Hub.Namespaces["x:y"] = openline.Namespace{}
	if _, err := New(c); err == nil || !strings.HasPrefix(err.Error(), `server: Hub.Namespaces: openline: namespace "x:y"`) {
		t.Error(err)
	}
	c.Namespaces["a:b"] = NamespaceConfig{}
	if _, err := New(c); err == nil || !strings.HasPrefix(err.Error(), "server: namespaces.a:b: ") {
		t.Error(err)
	}
}
