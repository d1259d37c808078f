package load

import (
	"bufio"
	"io"
	"net/http"
	"strings"
	"testing"
)

func TestOpenlineRequests(t *testing.T) {
	d := &Openline{Host: "host:1", Path: "/line", Key: "secret", Channel: "chat:a", Prefix: "load-", Token: func(session int) string { return "t" + string(rune('0'+session)) }}
	for _, c := range []struct {
		name, text string
		line, auth string
		body       string
	}{
		{"upgrade", string(d.AppendUpgrade(nil, 7)), "GET /line/ws/load-7?channels=chat:a", "Bearer t7", ""},
		{"publish", string(d.AppendPublish(nil, Everyone, []byte(`"x"`))), "POST /line/api/channels/chat:a/messages", "Bearer secret", `"x"`},
		{"send", string(d.AppendPublish(nil, 12, []byte(`"y"`))), "POST /line/api/users/load-12/messages", "Bearer secret", `"y"`},
	} {
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(c.text)))
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		body, _ := io.ReadAll(r.Body)
		if got := r.Method + " " + r.RequestURI; got != c.line || r.Header.Get("Authorization") != c.auth || r.Host != "host:1" || string(body) != c.body {
			t.Errorf("%s: %s, %q, %s, %q", c.name, got, r.Header, r.Host, body)
		}
	}
	if _, ready, _ := d.Greet(nil); ready {
		t.Error("ready before sys:open")
	}
	if _, ready, _ := d.Greet([]byte(`{"type":"sys:open"}`)); !ready {
		t.Error("not ready behind sys:open")
	}
}
