package api

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/openline/openline"
	"github.com/openline/openline/auth"
)

const testKey = "key-of-the-test-backend"

// line is a session's end that keeps what it is sent.
type line struct {
	mu     sync.Mutex
	got    []string // guarded by mu: type, a space, data
	ids    []string // guarded by mu: of the messages
	code   int      // guarded by mu
	arrive chan struct{}
}

func (l *line) Send(m *openline.Message) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.got = append(l.got, m.Type+" "+string(m.Data))
	l.ids = append(l.ids, m.ID)
	select {
	case l.arrive <- struct{}{}:
	default:
	}
	return nil
}

func (l *line) Close(code int, reason string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.code = code
}

// rig is an API on a hub of its own.
type rig struct {
	t     *testing.T
	hub   *openline.Hub
	api   *API
	ready bool
	log   *bytes.Buffer
}

func newRig(t *testing.T, change func(*Options)) *rig {
	t.Helper()
	keys, err := auth.NewKeys(testKey)
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, ready: true, log: &bytes.Buffer{}}
	r.hub = openline.New(&openline.Options{Node: "n1", MaxData: 1000, Namespaces: map[string]openline.Namespace{
		"room": {Presence: true}, "quotes": {Latest: true}, "bare": {History: openline.History{None: true}},
	}})
	t.Cleanup(func() {
		for _, s := range r.hub.Sessions("", -1) {
			s.Closed(nil)
		}
		if err := r.hub.Shutdown(t.Context()); err != nil {
			t.Log(err) // the test's context has ended, the hub too
		}
	})
	o := &Options{Hub: r.hub, Keys: keys, MaxBody: 1000, Ready: func() bool { return r.ready }, Logger: slog.New(slog.NewTextHandler(r.log, nil))}
	if change != nil {
		change(o)
	}
	r.api = New(o)
	return r
}

// open opens a session and waits for its sys:open.
func (r *rig) open(user string, channels ...string) (*openline.Session, *line) {
	r.t.Helper()
	l := &line{arrive: make(chan struct{}, 1000)}
	s, err := r.hub.Open(r.t.Context(), l, openline.Opening{User: user, Transport: "test", Channels: channels, RemoteAddr: "192.0.2.1:5"})
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { s.Closed(nil) })
	<-l.arrive
	return s, l
}

// next returns what arrives next at l.
func (r *rig) next(l *line) string {
	r.t.Helper()
	<-l.arrive
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.got[len(l.got)-1]
}

func (r *rig) request(method, target string, body io.Reader, fields ...string) *http.Request {
	q := httptest.NewRequest(method, target, body)
	q.Header.Set("Authorization", "Bearer "+testKey)
	for i := 0; i+1 < len(fields); i += 2 {
		q.Header.Set(fields[i], fields[i+1])
	}
	return q
}

// call makes a call and returns the answer.
func (r *rig) call(method, target, body string, fields ...string) *httptest.ResponseRecorder {
	r.t.Helper()
	w := httptest.NewRecorder()
	r.api.ServeHTTP(w, r.request(method, target, strings.NewReader(body), fields...))
	return w
}

// want checks an answer and returns it decoded.
func want(t *testing.T, w *httptest.ResponseRecorder, status int, says string) map[string]any {
	t.Helper()
	kind := "application/json"
	if status >= 400 {
		kind = "application/problem+json"
	}
	if w.Code != status || w.Header().Get("Content-Type") != kind || !strings.Contains(w.Body.String(), says) {
		t.Errorf("%d %v %s; want %d with %q", w.Code, w.Header(), w.Body, status, says)
	}
	var v map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &v); err != nil {
		t.Fatalf("%s: %v", w.Body, err)
	}
	if status >= 400 && (v["status"] != float64(status) || v["title"] != http.StatusText(status) || v["type"] != "about:blank" || v["detail"] == "") {
		t.Errorf("not the problem of a %d: %s", status, w.Body)
	}
	return v
}

func TestPublish(t *testing.T) {
	r := newRig(t, nil)
	_, alice := r.open("alice", "chat:lobby", "a/b//c")
	for _, test := range []struct {
		target, body string
		fields       []string
		arrives      string
	}{
		{"/api/users/alice/messages", `{"text":"hi"}`, nil, `message {"text":"hi"}`},
		{"/api/users/%61lice/messages", `null`, nil, `message null`},
		{"/api/users/alice/messages", " \n[1 , 2]\r\n", nil, `message [1 , 2]`},
		{"/api/users/alice/messages?type=said", `1`, nil, `said 1`},
		{"/api/users/alice/messages", `1`, []string{"Openline-Type", "said"}, `said 1`},
		{"/api/users/alice/messages?type=said", `1`, []string{"Openline-Type", "said"}, `said 1`},
		{"/api/users/alice/messages", `"form"`, []string{"Content-Type", "application/x-www-form-urlencoded"}, `message "form"`},
		{"/api/users/alice/messages", `"json"`, []string{"Content-Type", "application/json; charset=utf-8"}, `message "json"`},
		{"/api/users/alice/messages", `"patch"`, []string{"Content-Type", "application/merge-patch+json"}, `message "patch"`},
		{"/api/users/alice/messages", `"text"`, []string{"Content-Type", "text/plain"}, `message "text"`},
		{"/api/channels/chat:lobby/messages", `2`, nil, `message 2`},
		{"/api/channels/chat%3Alobby/messages", `3`, nil, `message 3`},
		{"/api/channels/a/b//c/messages", `4`, nil, `message 4`},
		{"/api/channels/a%2Fb%2f%2Fc/messages", `5`, nil, `message 5`},
		{"/api/broadcast", `6`, nil, `message 6`},
	} {
		t.Run(test.target, func(t *testing.T) {
			got := want(t, r.call("POST", test.target, test.body, test.fields...), 200, `"id":`)
			if arrived := r.next(alice); arrived != test.arrives || got["delivered"] != 1.0 || got["stored"] != true {
				t.Errorf("%s arrived, answer %v; want %s", arrived, got, test.arrives)
			}
		})
	}
	if got := want(t, r.call("POST", "/api/users/nobody/messages", `1`), 200, ""); got["delivered"] != 0.0 {
		t.Errorf("%v", got)
	}
}

func TestIdempotencyKey(t *testing.T) {
	r := newRig(t, nil)
	_, alice := r.open("alice")
	first := want(t, r.call("POST", "/api/users/alice/messages", `1`, "Idempotency-Key", "k-1"), 200, "")
	again := want(t, r.call("POST", "/api/users/alice/messages", `1`, "Idempotency-Key", `"k-1"`), 200, `"duplicate":true`)
	if first["id"] != again["id"] || again["delivered"] != 1.0 {
		t.Errorf("%v, then %v", first, again)
	}
	r.call("POST", "/api/users/alice/messages", `2`, "Idempotency-Key", "k-2")
	for r.next(alice) != "message 2" {
	}
	alice.mu.Lock()
	defer alice.mu.Unlock()
	if len(alice.got) != 3 { // sys:open, 1, 2
		t.Errorf("%q", alice.got)
	}
}

func TestRefused(t *testing.T) {
	r := newRig(t, nil)
	const post = "POST /api/users/alice/messages"
	for _, test := range []struct {
		name, call, body string
		fields           []string
		status           int
		says             string
	}{
		{"bad JSON", post, `{"a":1,}`, nil, 400, "byte 7"},
		{"half of JSON", post, `{"a":`, nil, 400, "byte 5"},
		{"two values", post, `1 2`, nil, 400, "byte 2"},
		{"not UTF-8", post, "\"\xff\"", nil, 400, "byte 1"},
		{"nothing", post, ``, nil, 400, "The body is empty"},
		{"blanks", post, " \n", nil, 400, "The body is empty"},
		{"too large", post, `"` + strings.Repeat("x", 1000) + `"`, nil, 413, "larger than 1000 bytes"},
		{"multipart", post, `1`, []string{"Content-Type", "multipart/form-data; boundary=x"}, 415, "multipart/form-data"},
		{"XML", post, `<a/>`, []string{"Content-Type", "application/xml"}, 415, "application/xml"},
		{"no media type", post, `1`, []string{"Content-Type", "json"}, 415, "json"},
		{"gzip", post, `1`, []string{"Content-Encoding", "gzip"}, 415, "gzip"},
		{"bad user", "POST /api/users/a%20b/messages", `1`, nil, 400, "1 to 128 bytes of A-Z a-z 0-9"},
		{"user with a slash", "POST /api/users/a%2Fb/messages", `1`, nil, 400, "1 to 128 bytes of A-Z a-z 0-9"},
		{"no user", "POST /api/users//messages", `1`, nil, 400, "1 to 128 bytes of A-Z a-z 0-9"},
		{"decoded once", "POST /api/users/%2561lice/messages", `1`, nil, 400, "'%'"},
		{"bad channel", "POST /api/channels/a*b/messages", `1`, nil, 400, "'*'"},
		{"reserved channel", "POST /api/channels/@alice/messages", `1`, nil, 403, "reserved"},
		{"reserved channel, encoded", "POST /api/channels/%40alice/messages", `1`, nil, 403, "reserved"},
		{"bad type", post + "?type=a%0Ab", `1`, nil, 400, "type"},
		{"empty type", post + "?type=", `1`, nil, 400, "type is empty"},
		{"type of the server's", post + "?type=sys:open", `1`, nil, 400, "sys:"},
		{"two types", post + "?type=a", `1`, []string{"Openline-Type", "b"}, 400, "send one of them"},
		{"empty key", post, `1`, []string{"Idempotency-Key", ""}, 400, "empty"},
		{"long key", post, `1`, []string{"Idempotency-Key", strings.Repeat("k", 129)}, 400, "128"},
		{"wait for something else", post + "?wait=read", `1`, nil, 400, "it is delivered"},
		{"wait for nothing", post + "?wait=", `1`, nil, 400, "it is delivered"},
		{"timeout alone", post + "?timeout=2s", `1`, nil, 400, "give wait=delivered beside it"},
		{"timeout without a unit", post + "?wait=delivered&timeout=2", `1`, nil, 400, "not a duration such as 500ms or 2s, 1m0s at most"},
		{"timeout of nothing", post + "?wait=delivered&timeout=0s", `1`, nil, 400, "not a duration"},
		{"negative timeout", post + "?wait=delivered&timeout=-1s", `1`, nil, 400, "not a duration"},
		{"empty timeout", post + "?wait=delivered&timeout=", `1`, nil, 400, "not a duration"},
		{"timeout too long", post + "?wait=delivered&timeout=61s", `1`, nil, 400, "1m0s at most"},
		{"batch that waits", "POST /api/batch?wait=delivered", `1`, nil, 400, `\"wait\"`},
		{"empty key in the query", post + "?key=", `1`, nil, 400, "key is empty"},
		{"long key in the query", post + "?key=" + strings.Repeat("k", 129), `1`, nil, 400, "128"},
		{"unknown parameter", post + "?tpye=a", `1`, nil, 400, `\"tpye\"`},
		{"parameter twice", post + "?type=a&type=b", `1`, nil, 400, "more than once"},
		{"key in the query", "GET /api/sessions?token=" + testKey, ``, []string{"Authorization", ""}, 401, "not of the form"},
		{"unknown", "GET /api/unknown", ``, nil, 404, "openapi.json"},
		{"history of an inbox", "GET /api/channels/@alice/history", ``, nil, 403, "reserved"},
		{"history from nowhere", "GET /api/channels/a/history?since=x", ``, nil, 400, "is not a cursor"},
		{"history from nothing", "GET /api/channels/a/history?since=", ``, nil, 400, "since is empty"},
		{"history without end", "GET /api/channels/a/history?limit=1001", ``, nil, 400, "1 to 1000"},
		{"presence that is not kept", "GET /api/channels/a:1/presence", ``, nil, 400, `set presence in the namespace \"a\"`},
		{"presence of everyone", "GET /api/channels/@*/presence", ``, nil, 403, "reserved"},
		{"the folder", "GET /api/", ``, nil, 404, "openapi.json"},
		{"dots", "GET /api/x/../sessions", ``, nil, 404, "openapi.json"},
		{"slash at the end", "GET /api/sessions/", ``, nil, 405, "DELETE"},
		{"wrong method", "GET /api/users/alice/messages", ``, nil, 405, "POST"},
		{"another", "PUT /api/users/alice", ``, nil, 405, "GET, HEAD"},
		{"no such session", "DELETE /api/sessions/none", ``, nil, 404, `\"none\"`},
		{"limit", "GET /api/sessions?limit=0", ``, nil, 400, "1 to 1000"},
		{"limit of letters", "GET /api/sessions?limit=x", ``, nil, 400, "1 to 1000"},
		{"subscribers of an inbox", "GET /api/channels/@alice/subscribers", ``, nil, 403, "reserved"},
	} {
		t.Run(test.name, func(t *testing.T) {
			method, target, _ := strings.Cut(test.call, " ")
			w := r.call(method, target, test.body, test.fields...)
			p := want(t, w, test.status, test.says)
			if p["code"] == nil {
				t.Errorf("no code: %s", w.Body)
			}
			if allow := w.Header().Get("Allow"); (allow != "") != (test.status == 405) || !strings.Contains(test.says, allow) {
				t.Errorf("Allow: %q", allow)
			}
		})
	}
	if strings.Contains(r.log.String(), testKey) || strings.Contains(r.log.String(), "?") {
		t.Errorf("the log holds a key or a query: %s", r.log)
	}
}

func TestKeyIsNeeded(t *testing.T) {
	r := newRig(t, nil)
	for i := range r.api.routes {
		route := &r.api.routes[i]
		target := strings.NewReplacer("{user}", "alice", "{channel...}", "a/b", "{session}", "x").Replace(route.pattern)
		for _, authorization := range []string{"", "Bearer wrong", "Basic a2V5Og=="} {
			q := httptest.NewRequest(route.method, target, strings.NewReader("1"))
			if authorization != "" {
				q.Header.Set("Authorization", authorization)
			}
			q.AddCookie(&http.Cookie{Name: "token", Value: testKey})
			w := httptest.NewRecorder()
			r.api.ServeHTTP(w, q)
			if (w.Code == 401) == route.open || (w.Header().Get("WWW-Authenticate") != "") == route.open {
				t.Errorf("%s %s with %q: %d %v", route.method, target, authorization, w.Code, w.Header())
			}
		}
	}
}

func TestHub503(t *testing.T) {
	r := newRig(t, nil)
	if err := r.hub.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	w := r.call("POST", "/api/broadcast", "1")
	want(t, w, 503, "")
	if w.Header().Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
}

func TestHealth(t *testing.T) {
	r := newRig(t, nil)
	want(t, r.call("GET", "/healthz", ""), 200, "ok")
	want(t, r.call("GET", "/readyz", ""), 200, "ready")
	r.ready = false
	want(t, r.call("GET", "/healthz", ""), 200, "ok")
	if w := r.call("GET", "/readyz", ""); w.Header().Get("Retry-After") == "" {
		t.Error("no Retry-After")
	} else {
		want(t, w, 503, "draining")
	}
	if w := r.call("HEAD", "/healthz", ""); w.Code != 200 || w.Body.Len() != 0 {
		t.Errorf("HEAD: %d %q", w.Code, w.Body)
	}
}

// That a client has gone is no fault of the server's, and nobody is left to be told.
func TestClientGone(t *testing.T) {
	r := newRig(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w := httptest.NewRecorder()
	r.api.ServeHTTP(w, r.request("POST", "/api/broadcast", strings.NewReader("1")).WithContext(ctx))
	if w.Body.Len() > 0 || r.log.Len() > 0 {
		t.Errorf("answered %q, logged %q", w.Body, r.log)
	}
}
