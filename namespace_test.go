package openline

import (
	"errors"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestNamespaceOf(t *testing.T) {
	for channel, name := range map[string]string{
		"chat:lobby": "chat", "chat:a:b": "chat", "lobby": "default", "default:x": "default", ":x": "", "@alice": "@", "@@alice": "@", "@*": "@*", "@a:b": "@",
	} {
		want(t, channel, namespaceOf(channel), name)
	}
}

// What a namespace leaves out is as in "default", and what that leaves out has a default.
func TestNamespacesInherit(t *testing.T) {
	usual := History{Size: defaultHistorySize, Age: defaultHistoryAge}
	for name, c := range map[string]struct {
		list map[string]Namespace
		want map[string]History
	}{
		"nothing": {nil, map[string]History{"a": usual, "chat:a": usual, "@bob": usual, "@*": usual}},
		"one": {
			map[string]Namespace{"chat": {History: History{Size: 5}}, "none": {History: History{None: true, Size: 3}}, "plain": {Presence: true}},
			map[string]History{"chat:a": {Size: 5, Age: defaultHistoryAge}, "none:a": {None: true}, "plain:a": usual, "a": usual, "@bob": usual},
		},
		"default": {
			map[string]Namespace{DefaultNamespace: {History: History{Size: 7, Bytes: 1 << 20, Age: time.Hour}}, "chat": {History: History{Age: -1}}, InboxNamespace: {History: History{Size: -1}}},
			map[string]History{"a": {Size: 7, Bytes: 1 << 20, Age: time.Hour}, "chat:a": {Size: 7, Bytes: 1 << 20, Age: -1}, "@bob": {Size: -1, Bytes: 1 << 20, Age: time.Hour}, "@*": {Size: 7, Bytes: 1 << 20, Age: time.Hour}},
		},
		"no history but where it is said": {
			map[string]Namespace{DefaultNamespace: {History: History{None: true}}, "chat": {History: History{Bytes: 100}}},
			map[string]History{"a": {None: true}, "@bob": {None: true}, "chat:a": {Size: defaultHistorySize, Bytes: 100, Age: defaultHistoryAge}},
		},
	} {
		all := newNamespaces(c.list)
		for channel, history := range c.want {
			if got := all.of(channel).History; got != history {
				t.Errorf("%s: %s has %+v, want %+v", name, channel, got, history)
			}
		}
	}
	all := newNamespaces(map[string]Namespace{DefaultNamespace: {JoinLeave: true, Publish: Backend}, "chat": {JoinLeave: true}, "quiet": {}})
	for channel, presence := range map[string]bool{"a": true, "none:a": true, "chat:a": true, "quiet:a": false, "@bob": false, "@*": false} {
		if got := all.of(channel); got.Presence != presence || (got.Publish == Backend) != (channel == "a" || channel == "none:a") {
			t.Errorf("%s: %+v", channel, got)
		}
	}
}

func TestCheckNamespaces(t *testing.T) {
	sound := map[string]Namespace{
		"chat": {MaxRate: 0.5, Slow: Newest, Latest: true}, DefaultNamespace: {Subscribe: Members, Publish: Backend}, InboxNamespace: {History: History{None: true}}, EveryoneNamespace: {MaxRate: 1000},
	}
	if err := CheckNamespaces(sound); err != nil {
		t.Error(err)
	}
	for name, c := range map[string]struct {
		name string
		n    Namespace
		says string
	}{
		"a colon":              {"a:b", Namespace{}, "ends before the first colon"},
		"a reserved name":      {"@bob", Namespace{}, "reserved"},
		"no name":              {"", Namespace{}, "1 to 128 bytes"},
		"an alphabet":          {"a b", Namespace{}, "byte 1"},
		"a rule for inboxes":   {InboxNamespace, Namespace{Publish: Members}, "leave its rules out"},
		"presence of everyone": {EveryoneNamespace, Namespace{JoinLeave: true}, "leave presence out"},
		"no rule":              {"a", Namespace{Subscribe: 3}, "no such rule"},
		"no policy":            {"a", Namespace{Slow: 3}, "no such policy"},
		"a negative rate":      {"a", Namespace{MaxRate: -1}, "the rate is"},
		"a slow rate":          {"a", Namespace{MaxRate: 0.0001}, "the rate is"},
		"a fast rate":          {"a", Namespace{MaxRate: 1001}, "the rate is"},
		"no rate":              {"a", Namespace{MaxRate: math.NaN()}, "the rate is"},
		"latest of nothing":    {"a", Namespace{Latest: true, History: History{None: true}}, "leave one of the two out"},
	} {
		err := CheckNamespaces(map[string]Namespace{c.name: c.n})
		if err == nil || !strings.HasPrefix(err.Error(), "openline: namespace ") || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// members is a Membership.
type members []string

func (m members) Member(channel string) bool { return slices.Contains(m, channel) }

// Rules hold for clients on every way in, and not for the backend.
func TestRules(t *testing.T) {
	asked := map[string]int{}
	h := newHub(t, &Options{
		Namespaces: map[string]Namespace{"room": {Subscribe: Members, Publish: Members, Presence: true}, "news": {Publish: Backend}, "log": {Subscribe: Backend, Presence: true}},
		Authorize: func(_ *Session, action, target string) error {
			asked[action+" "+target]++
			return nil
		},
	})
	open := func(claims any, o Opening) (*Session, *fakeLine, error) {
		l := newLine()
		o.User, o.Claims = "alice", claims
		s, err := h.Open(t.Context(), l, o)
		return s, l, err
	}
	for _, c := range []struct {
		claims  any
		opening Opening
		ok      bool
	}{
		{members{"room:1"}, Opening{Channels: []string{"room:1", "news:1", "free"}}, true},
		{members{"room:1"}, Opening{Raw: "room:1"}, true},
		{members{"room:1"}, Opening{Channels: []string{"room:2"}}, false},
		{members{"room:1"}, Opening{Raw: "room:2"}, false},
		{members{"room:1", "log:1"}, Opening{Channels: []string{"log:1"}}, false},
		{"no Membership", Opening{Channels: []string{"room:1"}}, false},
		{nil, Opening{Channels: []string{"room:1"}}, false},
		{nil, Opening{Channels: []string{"news:1"}}, true},
	} {
		_, _, err := open(c.claims, c.opening)
		e, refused := errors.AsType[*Error](err)
		if (err == nil) != c.ok || refused && (e.Code != CodeForbidden || e.Close != CloseForbidden || e.Status() != 403) {
			t.Errorf("%v %+v: %v", c.claims, c.opening, err)
		}
	}
	clear(asked)
	s, l, err := open(members{"room:1"}, Opening{})
	if err != nil {
		t.Fatal(err)
	}
	visitor, err := h.Visitor(Opening{User: "alice", Claims: members{"room:1"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		request string
		ok      bool
	}{
		{`{"type":"subscribe","channel":"room:1"}`, true},
		{`{"type":"subscribe","channel":"room:2"}`, false},
		{`{"type":"subscribe","channel":"log:1"}`, false},
		{`{"type":"publish","channel":"room:1"}`, true},
		{`{"type":"publish","channel":"room:2"}`, false},
		{`{"type":"publish","channel":"news:1"}`, false},
		{`{"type":"publish","channel":"log:1"}`, true},
		{`{"type":"history","channel":"room:1"}`, true},
		{`{"type":"history","channel":"room:2"}`, false},
		{`{"type":"history","channel":"log:1"}`, false},
		{`{"type":"history","channel":"news:1"}`, true},
		{`{"type":"presence","channel":"room:1"}`, true},
		{`{"type":"presence","channel":"room:2"}`, false},
		{`{"type":"presence","channel":"log:1"}`, false},
		{`{"type":"send","to":"bob"}`, true},
	} {
		s.Receive(t.Context(), []byte(c.request))
		reply := l.take()
		for !strings.HasPrefix(reply, `{"type":"sys:ok"`) && !strings.HasPrefix(reply, `{"type":"sys:error"`) { // sys:open, and its own of room:1
			reply = l.take()
		}
		if ok := strings.Contains(reply, `"sys:ok"`); ok != c.ok || !ok && !strings.Contains(reply, `"forbidden"`) {
			t.Errorf("%s: %s", c.request, reply)
		}
		if strings.Contains(c.request, `"subscribe"`) {
			continue // which is not a visitor's
		}
		visitor.Ask(t.Context(), []byte(c.request), func(m *Message) { reply = string(m.JSON()) })
		if ok := strings.Contains(reply, `"sys:ok"`); ok != c.ok {
			t.Errorf("visitor: %s: %s", c.request, reply)
		}
	}
	// Authorize is asked only for what the rules allow.
	wanted := map[string]int{"subscribe room:1": 5, "publish room:1": 2, "publish log:1": 2, "subscribe news:1": 2, "send bob": 2}
	if !maps.Equal(asked, wanted) {
		t.Errorf("asked %v", asked)
	}
	for _, channel := range []string{"room:2", "news:1", "log:1"} {
		if _, err := h.Publish(t.Context(), Publication{Channel: channel}); err != nil {
			t.Error(err)
		}
	}
	if err := s.Subscribe("room:2"); err != nil {
		t.Error(err)
	}
}

// A raw session that may not publish ends.
func TestRulesOfRawSession(t *testing.T) {
	h := newHub(t, &Options{Namespaces: map[string]Namespace{"news": {Publish: Backend}}})
	l := newLine()
	s, err := h.Open(t.Context(), l, Opening{User: "alice", Raw: "news:1"})
	if err != nil {
		t.Fatal(err)
	}
	s.ReceiveRaw(t.Context(), []byte("x"), false)
	if code, reason := l.closed(); code != CloseForbidden || reason != "you may not publish to news:1" {
		t.Error(code, reason)
	}
}
