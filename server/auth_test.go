package server

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/openline/openline"
	"github.com/openline/openline/auth"
	"github.com/openline/openline/websocket"
)

const testSecret = "0123456789abcdef0123456789abcdef"

func sign(t *testing.T, secret, user string) string {
	t.Helper()
	return signFor(t, secret, user, time.Hour)
}

func signFor(t *testing.T, secret, user string, ttl time.Duration) string {
	t.Helper()
	tokens, err := auth.NewTokens([]byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	token, err := tokens.Sign(user, ttl)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func TestTokens(t *testing.T) {
	r := start(t, &Config{Token: TokenConfig{HMACSecret: testSecret}})
	token := sign(t, testSecret, "alice")

	r.dial("/ws/alice?token="+token, nil).expect("sys:open")
	r.dial("/ws/alice", &websocket.DialOptions{Header: http.Header{"Authorization": {"Bearer " + token}}}).expect("sys:open")
	s := r.dial("/ws/alice", &websocket.DialOptions{Subprotocols: []string{"openline.v1", "bearer." + token}})
	s.expect("sys:open")
	if sub := s.c.Subprotocol(); sub != "openline.v1" {
		t.Errorf("the server answered the subprotocol %q", sub)
	}

	for name, test := range map[string]struct {
		path   string
		o      *websocket.DialOptions
		status int
		says   string
	}{
		"none":              {"/ws/alice", nil, 401, "A token is needed"},
		"another secret":    {"/ws/alice?token=" + sign(t, testSecret+"x", "alice"), nil, 401, "signature"},
		"another user":      {"/ws/bob?token=" + token, nil, 403, `The token is for the user "alice", not for "bob".`},
		"two that differ":   {"/ws/alice?token=" + token, &websocket.DialOptions{Header: http.Header{"Authorization": {"Bearer x"}}}, 400, "more than one token"},
		"subprotocol alone": {"/ws/alice", &websocket.DialOptions{Subprotocols: []string{"bearer." + token}}, 400, "beside openline.v1"},
		"the API key":       {"/ws/alice?token=" + testKey, nil, 401, "not a JSON Web Token"},
	} {
		e := r.refused(test.path, test.o)
		if d := detail(t, e); e.Status != test.status || !strings.Contains(d, test.says) {
			t.Errorf("%s: %d %s", name, e.Status, d)
		}
		if c := e.Header.Get("WWW-Authenticate"); (c != "") != (test.status == 401) {
			t.Errorf("%s: WWW-Authenticate %q", name, c)
		}
	}
	// A token opens sessions, not the API.
	if status, p := r.call("GET", "/api/sessions", "", "Authorization", "Bearer "+token); status != 401 {
		t.Errorf("%d %v", status, p)
	}
}

func TestSessionEndsWithToken(t *testing.T) {
	r := start(t, &Config{Token: TokenConfig{HMACSecret: testSecret}})
	// A token lives for whole seconds. On a machine that stalls longer than
	// this one, the next lives twice as long.
	ttl := time.Second
	var s *session
	for s == nil {
		address := "ws" + strings.TrimPrefix(r.URL(), "http") + "/ws/alice?token=" + signFor(t, testSecret, "alice", ttl)
		c, err := websocket.Dial(t.Context(), address, nil)
		if err == nil {
			t.Cleanup(func() { _ = c.CloseNow() })
			s = &session{t, c}
		} else if ttl *= 2; ttl > guard {
			t.Fatal(err)
		}
	}
	s.expect("sys:open")
	if e := s.expect("sys:error"); !strings.Contains(string(e.Data), `"unauthorised"`) {
		t.Errorf("%s", e.Data)
	}
	if e := s.closed(); e.Code != 4001 || !strings.Contains(e.Reason, "the token expired at") {
		t.Errorf("%v", e)
	}
}

// The claim channels makes members, where a namespace asks for them.
func TestMembersByToken(t *testing.T) {
	r := start(t, &Config{
		Token:      TokenConfig{HMACSecret: testSecret},
		Namespaces: map[string]NamespaceConfig{"room": {Subscribe: openline.Members, Publish: openline.Members}},
	})
	tokens, err := auth.NewTokens([]byte(testSecret))
	if err != nil {
		t.Fatal(err)
	}
	token, err := tokens.Sign("alice", time.Hour, "room:7")
	if err != nil {
		t.Fatal(err)
	}
	s := r.dial("/ws/alice?channels=room:7&token="+token, nil)
	s.expect("sys:open")
	s.send(`{"type":"publish","channel":"room:7"}`)
	s.expect("message")
	s.expect("sys:ok")
	for _, request := range []string{`{"type":"subscribe","channel":"room:8"}`, `{"type":"publish","channel":"room:8"}`, `{"type":"history","channel":"room:8"}`} {
		s.send(request)
		if e := s.expect("sys:error"); !strings.Contains(string(e.Data), `"forbidden"`) {
			t.Errorf("%s: %s", request, e.Data)
		}
	}
	for _, path := range []string{"/ws/alice?channels=room:8&token=" + token, "/ws/bob?channels=room:7&token=" + sign(t, testSecret, "bob")} {
		if e := r.dial(path, nil).closed(); e.Code != 4003 {
			t.Errorf("%s: %v", path, e)
		}
	}
}

// With no secret, a token that is sent all the same changes nothing.
func TestNoTokenNeeded(t *testing.T) {
	r := start(t, nil)
	r.dial("/ws/alice?token=anything", nil).expect("sys:open")
	if e := r.refused("/ws/alice", &websocket.DialOptions{Subprotocols: []string{"bearer.any.thing.x"}}); e.Status != 400 {
		t.Errorf("what no browser would take is accepted: %d", e.Status)
	}
	s := r.dial("/ws/alice", &websocket.DialOptions{Subprotocols: []string{"openline.v1", "bearer.any.thing.x"}})
	s.expect("sys:open")
	if sub := s.c.Subprotocol(); sub != "openline.v1" {
		t.Errorf("subprotocol %q", sub)
	}
}

func TestGeneratedKey(t *testing.T) {
	r := start(t, &Config{APIKeys: []string{}})
	key := r.GeneratedKey()
	if status, p := r.call("GET", "/api/sessions", "", "Authorization", "Bearer "+key); key == "" || status != 200 {
		t.Errorf("key %q: %d %v", key, status, p)
	}
	if status, _ := r.call("GET", "/api/sessions", ""); status != 401 {
		t.Errorf("another key: %d", status)
	}
	if key := start(t, nil).GeneratedKey(); key != "" {
		t.Errorf("a key was made beside the configured one: %q", key)
	}
}
