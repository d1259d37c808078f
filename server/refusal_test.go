package server

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/openline/openline/websocket"
)

func origin(o string) *websocket.DialOptions {
	return &websocket.DialOptions{ConnOptions: websocket.ConnOptions{}, Header: http.Header{"Origin": {o}}}
}

// detail returns the sentence of a refusal, which is a problem.
func detail(t *testing.T, e *websocket.HandshakeError) string {
	t.Helper()
	var p struct {
		Status        int
		Title, Detail string
	}
	if err := json.Unmarshal(e.Body, &p); err != nil {
		t.Fatalf("%q: %v", e.Body, err)
	}
	if p.Status != e.Status || p.Title != http.StatusText(e.Status) || e.Header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("%d %v %s", e.Status, e.Header, e.Body)
	}
	return p.Detail
}

func TestBadEnvelope(t *testing.T) {
	r := start(t, nil)
	alice := r.dial("/ws/alice", nil)
	alice.expect("sys:open")
	for _, test := range []struct{ text, says string }{
		{`{"type":"ping",}`, "byte 15"},
		{`oops`, "byte 0"},
		{``, "byte 0"},
		{`[]`, "byte 0"},
		{`{"type":"send","to":"bob","data":tru}`, "byte 36"},
	} {
		alice.send(test.text)
		e := alice.expect("sys:error")
		var data struct{ Code, Message string }
		if err := json.Unmarshal(e.Data, &data); err != nil {
			t.Fatal(err)
		}
		if data.Code != "bad_json" || !strings.Contains(data.Message, test.says) {
			t.Errorf("%q: %+v, want %q in it", test.text, data, test.says)
		}
	}
	alice.send(`{"type":"ping","ref":7}`)
	if e := alice.expect("sys:ok"); string(e.Ref) != "7" {
		t.Errorf("the session does not live on: %+v", e)
	}
}

func TestBadUser(t *testing.T) {
	r := start(t, nil)
	for _, path := range []string{"/ws/", "/ws", "/ws/a%20b", "/ws/caf%C3%A9", "/ws/a/b", "/ws/a%2Fb", "/ws/*", "/ws/" + strings.Repeat("a", 129)} {
		e := r.refused(path, nil)
		if d := detail(t, e); e.Status != 400 || !strings.Contains(d, "1 to 128 bytes of A-Z a-z 0-9 . _ - ~ @ :") {
			t.Errorf("%s: %d %s", path, e.Status, d)
		}
	}
	for _, user := range []string{"a", "A.b_c-d~e@f:g", strings.Repeat("a", 128), "%61lice", "..."} {
		r.dial("/ws/"+user, nil).expect("sys:open")
	}
}

func TestBadQuery(t *testing.T) {
	r := start(t, nil)
	for query, says := range map[string]string{
		"channels=a%20b":   "channel's name",
		"channels=@bob":    "reserved",
		"raw=@*":           "reserved",
		"raw=":             "channel's name",
		"raw=a&channels=b": "not both",
		"channels=a;b":     "malformed",
	} {
		e := r.refused("/ws/alice?"+query, nil)
		if d := detail(t, e); e.Status/100 != 4 || !strings.Contains(d, says) {
			t.Errorf("%s: %d %s, want %q", query, e.Status, d, says)
		}
	}
	// What cannot be resumed is said, in sys:open.
	if e := r.dial("/ws/alice?since=41-1842", nil).expect("sys:open"); !strings.Contains(string(e.Data), `"resumed":false`) {
		t.Errorf("%s", e.Data)
	}
}

func TestForeignOrigin(t *testing.T) {
	r := start(t, &Config{Origins: []string{"https://app.example", "https://*.example.org"}})
	for _, o := range []string{"http://evil.test", "https://app.example.evil.test", "null", "https://example.org", "http://app.example"} {
		e := r.refused("/ws/alice", origin(o))
		if d := detail(t, e); e.Status != 403 || !strings.Contains(d, `"`+o+`"`) || !strings.Contains(d, "setting origins (--origins, OPENLINE_ORIGINS)") {
			t.Errorf("%s: %d %s", o, e.Status, d)
		}
		if log := r.log.String(); !strings.Contains(log, "origin="+o) || !strings.Contains(log, "OPENLINE_ORIGINS") {
			t.Errorf("the log does not name %s and the setting", o)
		}
	}
	for _, o := range []string{r.URL(), "https://app.example", "https://a.example.org"} {
		r.dial("/ws/alice", origin(o)).expect("sys:open")
	}
	r.dial("/ws/alice", nil).expect("sys:open") // no browser
}

func TestNotAnUpgrade(t *testing.T) {
	r := start(t, nil)
	status, p := r.call("GET", "/ws/alice", "")
	if status != 426 || !strings.Contains(p["detail"].(string), "speaks WebSocket") {
		t.Errorf("%d %v", status, p)
	}
	status, p = r.call("POST", "/ws/alice", "{}")
	if status != 405 {
		t.Errorf("%d %v", status, p)
	}
	answer := r.raw("GET /ws/alice HTTP/1.1\nHost: localhost\nConnection: Upgrade\nUpgrade: websocket\nSec-WebSocket-Version: 12\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\n\nGET /healthz HTTP/1.1\nHost: localhost\n\n")
	if !strings.HasPrefix(answer, "HTTP/1.1 426 ") || !strings.Contains(answer, "Sec-Websocket-Version: 13") || strings.Count(answer, "HTTP/1.1 ") != 1 {
		t.Errorf("%s", answer)
	}
}

func TestForeignHost(t *testing.T) {
	r := start(t, nil)
	for host, want := range map[string]string{
		"evil.test": "400", "evil.test:8080": "400", "localhost.evil.test": "400",
		"localhost": "200", "LOCALHOST:80": "200", "app.localhost": "200", "127.0.0.1": "200", "[::1]:1": "200",
	} {
		answer := r.raw("GET /healthz HTTP/1.1\nHost: " + host + "\nConnection: close\n\n")
		if !strings.HasPrefix(answer, "HTTP/1.1 "+want+" ") {
			t.Errorf("%s: %s", host, answer)
		}
		if want == "400" && (!strings.Contains(answer, "OPENLINE_HOSTS") || !strings.Contains(answer, "application/problem+json")) {
			t.Errorf("%s: the refusal is no problem that names the setting: %s", host, answer)
		}
	}
}

func TestBinaryOnEnvelopes(t *testing.T) {
	r := start(t, nil)
	alice := r.dial("/ws/alice", nil)
	alice.expect("sys:open")
	if err := alice.c.Write(t.Context(), websocket.Binary, []byte(`{"type":"ping"}`)); err != nil {
		t.Fatal(err)
	}
	if e := alice.closed(); e.Code != websocket.CloseUnsupportedData || !strings.Contains(e.Reason, "?raw=CHANNEL") || !e.Remote {
		t.Errorf("%v", e)
	}
}

func TestProtocolErrors(t *testing.T) {
	r := start(t, &Config{Limits: LimitsConfig{MessageSize: 1000}})
	alice := r.dial("/ws/alice", nil)
	alice.expect("sys:open")
	alice.send(strings.Repeat("x", 1001))
	if e := alice.closed(); e.Code != websocket.CloseMessageTooBig {
		t.Errorf("%v", e)
	}
}

// Nothing that could be a credential is in the log, whatever became of the
// request, and control characters are not there as such.
func TestLogHoldsNoSecrets(t *testing.T) {
	secret := strings.Repeat("s3cr3t-", 5)
	r := start(t, &Config{Token: TokenConfig{HMACSecret: secret}, APIKeys: []string{testKey, "other-key-1234567"}})
	token := sign(t, secret, "alice")
	alice := r.dial("/ws/alice?token="+token, nil)
	alice.expect("sys:open")
	r.refused("/ws/bob?token="+token, nil)
	r.refused("/ws/alice?token="+token+"x", nil)
	r.refused("/ws/alice", &websocket.DialOptions{Header: http.Header{"Authorization": {"Bearer " + token + "y"}}})
	r.call("GET", "/api/sessions?token="+token, "")
	r.call("GET", "/api/nothing%1b%5d0;x?key="+testKey, "")
	r.call("GET", "/api/sessions", "", "Authorization", "Bearer wrong-key-7654321")
	_ = alice.c.CloseNow()
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	log := r.log.String()
	for _, s := range []string{secret, token, token[len(token)-20:], testKey, "other-key-1234567", "wrong-key-7654321", "\x1b"} {
		if strings.Contains(log, s) {
			t.Errorf("the log holds %q", s)
		}
	}
	if strings.Count(log, "request refused") < 4 {
		t.Errorf("the refusals are not logged:\n%s", log)
	}
}
