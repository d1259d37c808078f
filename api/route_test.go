package api

import (
	"slices"
	"testing"

	"github.com/openline/openline/transport/problem"
)

func TestFind(t *testing.T) {
	a := newRig(t, nil).api
	for _, test := range []struct{ method, path, pattern, name string }{
		{"POST", "/api/users/alice/messages", "/api/users/{user}/messages", "alice"},
		{"POST", "/api/users//messages", "/api/users/{user}/messages", ""},
		{"POST", "/api/users/a%2Fb/messages", "/api/users/{user}/messages", "a/b"},
		{"POST", "/api/users/%252F/messages", "/api/users/{user}/messages", "%2F"},
		{"GET", "/api/users/messages", "/api/users/{user}", "messages"},
		{"HEAD", "/api/users/alice", "/api/users/{user}", "alice"},
		{"GET", "/api/users/", "/api/users/{user}", ""},
		{"POST", "/api/channels/a/messages", "/api/channels/{channel...}/messages", "a"},
		{"POST", "/api/channels//messages", "/api/channels/{channel...}/messages", ""},
		{"POST", "/api/channels///messages", "/api/channels/{channel...}/messages", "/"},
		{"POST", "/api/channels/a/messages/messages", "/api/channels/{channel...}/messages", "a/messages"},
		{"GET", "/api/channels/a/b/subscribers", "/api/channels/{channel...}/subscribers", "a/b"},
		{"GET", "/api/sessions", "/api/sessions", ""},
		{"GET", "/healthz", "/healthz", ""},
	} {
		r, name, err := a.find(test.method, test.path)
		if err != nil || r.pattern != test.pattern || name != test.name {
			t.Errorf("%s %s: %v, %q, %v", test.method, test.path, r, name, err)
		}
	}
	for _, test := range []struct {
		method, path, allow string
		status              int
	}{
		{"GET", "/api/users/alice/messages", "POST", 405},
		{"POST", "/api/users/messages", "GET, HEAD", 405},
		{"PUT", "/api/sessions/", "DELETE", 405},
		{"POST", "/api/channels/messages", "", 404},
		{"POST", "/api/users/a/b/messages", "", 404},
		{"POST", "/api/users/alice/messages/", "", 404},
		{"POST", "/api/users/alice/message", "", 404},
		{"POST", "/api/user", "", 404},
		{"GET", "", "", 404},
		{"POST", "/api/users/%zz/messages", "", 400},
	} {
		_, _, err := a.find(test.method, test.path)
		p := problem.Of(err)
		if p.Status != test.status || p.Header.Get("Allow") != test.allow {
			t.Errorf("%s %s: %d %v, want %d %s", test.method, test.path, p.Status, p.Header, test.status, test.allow)
		}
	}
	// Each route has one way to be answered.
	for _, r := range a.routes {
		if ways := []bool{r.publish != nil, r.answer != nil, r.serve != nil}; slices.Index(ways, true) < 0 || slices.Index(ways[slices.Index(ways, true)+1:], true) >= 0 {
			t.Errorf("%s %s: %v", r.method, r.pattern, ways)
		}
	}
}
