package api

import (
	"fmt"
	"testing"
	"time"
)

func TestUser(t *testing.T) {
	r := newRig(t, nil)
	got := want(t, r.call("GET", "/api/users/alice", ""), 200, `"sessions":[]`)
	if got["online"] != false || got["user"] != "alice" {
		t.Errorf("%v", got)
	}
	s, _ := r.open("alice", "a", "b")
	r.open("alice")
	r.open("bob")
	got = want(t, r.call("GET", "/api/users/alice", ""), 200, `"channels":[]`)
	list := got["sessions"].([]any)
	if got["online"] != true || len(list) != 2 {
		t.Fatalf("%v", got)
	}
	for _, one := range list {
		one := one.(map[string]any)
		if one["session"] != s.ID() {
			continue
		}
		opened, err := time.Parse(time.RFC3339, one["opened"].(string))
		if err != nil || time.Since(opened) > time.Hour {
			t.Errorf("opened %v, %v", one["opened"], err)
		}
		if one["user"] != "alice" || one["transport"] != "test" || one["address"] != "192.0.2.1:5" || len(one["channels"].([]any)) != 2 {
			t.Errorf("%v", one)
		}
	}
}

func TestDisconnect(t *testing.T) {
	r := newRig(t, nil)
	s, l := r.open("alice")
	_, l2 := r.open("alice")
	want(t, r.call("DELETE", "/api/sessions/"+s.ID(), ""), 200, `{"disconnected":1}`)
	want(t, r.call("DELETE", "/api/users/alice/sessions", ""), 200, `{"disconnected":1}`)
	want(t, r.call("DELETE", "/api/users/alice/sessions", ""), 200, `{"disconnected":0}`)
	for _, l := range []*line{l, l2} {
		l.mu.Lock()
		if l.code != 4009 {
			t.Errorf("closed with %d", l.code)
		}
		l.mu.Unlock()
	}
}

// pages walks through all pages and returns the sessions' ids.
func (r *rig) pages(target string, limit int) (ids []string, pages int) {
	r.t.Helper()
	for after := ""; ; {
		got := want(r.t, r.call("GET", fmt.Sprintf("%s?limit=%d&after=%s", target, limit, after), ""), 200, `"count":5`)
		pages++
		for _, one := range got["sessions"].([]any) {
			ids = append(ids, one.(map[string]any)["session"].(string))
		}
		next, ok := got["next"].(string)
		if !ok {
			return ids, pages
		}
		after = next
	}
}

func TestPages(t *testing.T) {
	r := newRig(t, nil)
	for i := range 5 {
		r.open(fmt.Sprint("user", i), "a/b")
	}
	for _, target := range []string{"/api/sessions", "/api/channels/a/b/subscribers", "/api/channels/a%2Fb/subscribers"} {
		for limit, wantPages := range map[int]int{1: 5, 2: 3, 4: 2, 5: 1, 1000: 1} {
			ids, pages := r.pages(target, limit)
			seen := map[string]bool{}
			for i, id := range ids {
				seen[id] = true
				if i > 0 && ids[i-1] >= id {
					t.Errorf("%s: not in order: %q", target, ids)
				}
			}
			if len(seen) != 5 || len(ids) != 5 || pages != wantPages {
				t.Errorf("%s, limit %d: %d pages of %q", target, limit, pages, ids)
			}
		}
	}
	if got := want(t, r.call("GET", "/api/channels/empty/subscribers", ""), 200, `"sessions":[]`); got["count"] != 0.0 || got["channel"] != "empty" {
		t.Errorf("%v", got)
	}
}

// A page after nothing is an error, not an empty page that looks like the last.
func TestAfterIsAnID(t *testing.T) {
	r := newRig(t, nil)
	s, _ := r.open("alice", "a")
	for _, target := range []string{"/api/sessions", "/api/channels/a/subscribers"} {
		for _, after := range []string{"zzz", s.ID() + "0", s.ID()[1:], "ZZZZZZZZZZZZZZZZZZZZZZZZZZ", "0000000000000000000000000z"} {
			want(t, r.call("GET", target+"?after="+after, ""), 400, "not a session's id")
		}
		for _, after := range []string{"", s.ID(), "00000000000000000000000000"} {
			want(t, r.call("GET", target+"?after="+after, ""), 200, `"sessions":[`)
		}
	}
}
