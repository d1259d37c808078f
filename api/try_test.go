package api

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// try makes a call, and returns its response, or nil if it was not taken.
func (r *rig) try(method, target, body string, fields ...string) *http.Response {
	r.t.Helper()
	answers := make(chan []byte, 2)
	if !r.api.Try(r.request(method, target, nil, fields...), []byte(body), func(b []byte) { answers <- b }) {
		if len(answers) > 0 {
			r.t.Error("answered, and not taken")
		}
		return nil
	}
	res, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(<-answers)), nil)
	if err != nil {
		r.t.Fatal(err)
	}
	return res
}

// A call that is taken has the same answer as one over net/http.
func TestTry(t *testing.T) {
	r := newRig(t, nil)
	_, l := r.open("alice", "news")
	for _, target := range []string{"/api/users/alice/messages?type=greeting", "/api/channels/news/messages", "/api/broadcast"} {
		usual := r.call("POST", target, ` {"a":1} `)
		got := r.try("POST", target, ` {"a":1} `)
		if got == nil {
			t.Fatal(target, "was not taken")
		}
		body, _ := io.ReadAll(got.Body)
		said, same := usual.Body.String(), string(body)
		if i := strings.IndexByte(said, ','); got.StatusCode != usual.Code || !strings.HasSuffix(same, said[i:]) || !strings.Contains(same, `"delivered":1`) {
			t.Errorf("%s: %d %s, not %d %s", target, got.StatusCode, same, usual.Code, said)
		}
		at, err := http.ParseTime(got.Header.Get("Date"))
		if err != nil || time.Since(at) > time.Minute {
			t.Error(got.Header)
		}
		got.Header.Del("Date")
		got.Header.Del("Content-Length")
		for name := range usual.Header() {
			if usual.Header().Get(name) != got.Header.Get(name) {
				t.Errorf("%s: %q, not %q", name, got.Header.Get(name), usual.Header().Get(name))
			}
			got.Header.Del(name)
		}
		if len(got.Header) > 0 {
			t.Errorf("more fields: %v", got.Header)
		}
		l.mu.Lock() // both have been served
		if n := len(l.got); l.got[n-1] != l.got[n-2] || !strings.HasSuffix(l.got[n-1], ` {"a":1}`) {
			t.Errorf("%q", l.got)
		}
		l.mu.Unlock()
	}
	first := r.try("POST", "/api/broadcast", "1", "Idempotency-Key", "k")
	again := r.try("POST", "/api/broadcast", "1", "Idempotency-Key", "k")
	a, _ := io.ReadAll(first.Body)
	b, _ := io.ReadAll(again.Body)
	if !strings.Contains(string(b), `"duplicate":true`) || string(a[:20]) != string(b[:20]) {
		t.Errorf("%s and %s", a, b)
	}
}

// What is no publishing call, and what anything is wrong with, is left alone.
func TestTryLeavesTheRest(t *testing.T) {
	r := newRig(t, nil)
	session, l := r.open("alice", "news")
	const send = "/api/users/alice/messages"
	for _, test := range []struct {
		method, target, body string
		fields               []string
	}{
		{"GET", "/api/sessions", "", nil},
		{"GET", send, "", nil},
		{"POST", "/api/batch", `{"all":true,"data":1}`, nil},
		{"POST", "/elsewhere", "1", nil},
		{"POST", send + "?wait=delivered", "1", nil},
		{"POST", send + "?unknown=1", "1", nil},
		{"POST", "/api/users/a%20b/messages", "1", nil},
		{"POST", "/api/channels/@x/messages", "1", nil},
		{"POST", send, "", nil},
		{"POST", send, "{", nil},
		{"POST", send, `"` + strings.Repeat("x", 999) + `"`, nil},
		{"POST", send, "1", []string{"Authorization", "Bearer other"}},
		{"POST", send, "1", []string{"Content-Type", "image/png"}},
		{"POST", send, "1", []string{"Openline-Type", "sys:mine"}},
	} {
		if got := r.try(test.method, test.target, test.body, test.fields...); got != nil {
			t.Errorf("%+v was taken", test)
		}
	}
	l.mu.Lock()
	if len(l.got) > 1 {
		t.Errorf("published: %q", l.got)
	}
	l.mu.Unlock()
	session.Closed(nil)
	if err := r.hub.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if got := r.try("POST", send, "1"); got != nil {
		t.Error("taken after the end")
	}
}
