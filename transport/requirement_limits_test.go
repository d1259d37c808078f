package transport

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openline/openline"
	"github.com/openline/openline/websocket"
)

// FB-0-15: a body is checked as a whole before anything in it counts.
func TestFB0Bodies(t *testing.T) {
	r := newPlainRig(t, nil, &Options{Conn: websocket.ConnOptions{ReadLimit: 1000}}, nil)
	long := strings.Repeat("x", 1000)
	const publish = `{"type":"publish","channel":"c","data":1,"ref":7}`
	for name, test := range map[string]struct {
		media, body string
		status      int
		want        string // in the answer
	}{
		"one":              {"application/json", publish, 200, `"ref":7`},
		"charset":          {"application/json; charset=UTF-8", publish, 200, `"sys:ok"`},
		"no answer":        {"application/json", `{"type":"send","to":"b"}`, 200, ""},
		"too long":         {"application/json", `{"type":"ping","data":"` + long + `"}`, 413, "too_large"},
		"other type":       {"text/plain", publish, 415, "unsupported"},
		"form":             {"application/x-www-form-urlencoded", publish, 415, "unsupported"},
		"other json":       {"application/problem+json", publish, 415, "unsupported"},
		"no type":          {"", publish, 415, "unsupported"},
		"other charset":    {"application/json; charset=latin1", publish, 415, "utf-8"},
		"not UTF-8":        {"application/json", `{"type":"publish","channel":"c","data":"` + "\xff" + `"}`, 400, "bad_json"},
		"not JSON":         {"application/json", `{"type"`, 400, "bad_json"},
		"empty":            {"application/json", "", 400, "empty"},
		"white space":      {"application/x-ndjson", " \n\r\n", 400, "empty"},
		"reserved":         {"application/json", `{"type":"publish","channel":"@b","data":1}`, 403, "reserved"},
		"no session":       {"application/json", `{"type":"subscribe","channel":"c"}`, 400, "session"},
		"many, one long":   {"application/x-ndjson", publish + "\n" + `{"type":"ping","data":"` + long + `"}` + "\n" + publish, 200, "too_large"},
		"many, all longer": {"application/x-ndjson", strings.Repeat(publish+"\n", 100), 413, "too_large"},
	} {
		resp := r.do("POST", "/send/alice", test.body, "Content-Type", test.media)
		if body := r.text(resp); resp.StatusCode != test.status || !strings.Contains(body, test.want) {
			t.Errorf("%s: %s %s", name, resp.Status, body)
		}
	}
	if resp := r.do("POST", "/send/alice", publish, "Content-Type", "application/json", "Content-Encoding", "gzip"); resp.StatusCode != 415 {
		t.Errorf("gzip: %s", resp.Status)
	}
	// Chunks are as good as a length; a body that breaks off does nothing.
	const head10 = "POST /send/alice HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
	_, in := r.raw(head10 + "Transfer-Encoding: chunked\r\n\r\n8\r\n{\"type\":\r\n7\r\n\"ping\"}\r\n0\r\n\r\n")
	if resp := head(t, in); resp.StatusCode != 200 {
		t.Errorf("chunked: %s", resp.Status)
	}
	before, _ := r.hub.History("c", "", 1000)
	c, in := r.raw(head10 + "Content-Length: 100\r\n\r\n" + publish)
	_ = c.(interface{ CloseWrite() error }).CloseWrite()
	if resp, err := http.ReadResponse(in, nil); err == nil && resp.StatusCode != 400 {
		t.Errorf("cut off: %s", resp.Status)
	}
	if after, _ := r.hub.History("c", "", 1000); len(after.Messages) != len(before.Messages) {
		t.Error("a body that was cut off has been published")
	}
}

// Many requests are answered in their order, in their form.
func TestSendMany(t *testing.T) {
	r := newPlainRig(t, nil, nil, nil)
	d := r.open("/stream/alice")
	var open struct{ Session string }
	_ = json.Unmarshal(d.expect("sys:open").Data, &open)
	var body strings.Builder
	for i := range 50 {
		fmt.Fprintf(&body, "{\"type\":\"publish\",\"channel\":\"c\",\"data\":%d,\"ref\":%d}\r\n\n", i, i)
	}
	resp := r.do("POST", "/send/alice?session="+open.Session, `{"type":"subscribe","channel":"c","ref":"s"}`+"\n"+body.String(), "Content-Type", "application/x-ndjson")
	answers := bufio.NewScanner(resp.Body)
	for i := -1; answers.Scan(); i++ {
		want := `"ref":` + strconv.Itoa(i)
		if i < 0 {
			want = `"ref":"s"`
		}
		if !strings.HasPrefix(answers.Text(), `{"type":"sys:ok",`+want) {
			t.Fatalf("answer %d: %s", i, answers.Text())
		}
	}
	for i := range 50 {
		d.expect(strconv.Itoa(i))
	}
}

// FB-0-16: what changes something comes from no page that may not, and needs a type that no
// form has.
func TestFB0Forgery(t *testing.T) {
	r := newPlainRig(t, nil, nil, nil)
	for _, test := range []struct {
		media, origin string
		status        int
	}{
		{"application/json", "https://evil.test", 403},
		{"application/json", "null", 403},
		{"text/plain", "", 415},
		{"multipart/form-data; boundary=x", "", 415},
		{"application/json", r.url, 200},
		{"application/json", "", 200},
	} {
		fields := []string{"Content-Type", test.media, "Cookie", "a=b"}
		if test.origin != "" {
			fields = append(fields, "Origin", test.origin)
		}
		if resp := r.do("POST", "/send/alice", `{"type":"ping"}`, fields...); resp.StatusCode != test.status {
			t.Errorf("%+v: %s", test, resp.Status)
		}
	}
}

// FB-0-17, SE-9.2.3-02: sessions count in the same limits, and who is refused comes back.
func TestFB0Limits(t *testing.T) {
	r := newPlainRig(t, nil, &Options{PerUser: 2, Limiter: &websocket.Limiter{Connections: 3}, MessageRate: 1, MessageBurst: 3}, &HTTPOptions{PollRate: 0.001})
	p := r.poll("alice", "", "")
	r.dial("/ws/alice")
	refused := func(user string, status int) {
		t.Helper()
		for _, path := range []string{"/poll/", "/stream/"} {
			if resp := r.do("GET", path+user, ""); resp.StatusCode != status || resp.Header.Get("Retry-After") == "" {
				t.Errorf("%s%s: %s %s", path, user, resp.Status, r.text(resp))
			}
		}
		d := r.open("/sse/" + user)
		if e := d.event(); len(e) != 1 || e["retry"] == "" || strings.Trim(e["retry"], "0123456789") != "" {
			t.Errorf("%v", e)
		}
		d.expect("sys:error")
		if d.next() != nil {
			t.Error("the answer goes on")
		}
	}
	refused("alice", 429)
	r.open("/sse/bob").expect("sys:open")
	refused("carl", 503)
	// One that is polled too often is not lost.
	if got := r.poll("alice", p.Cursor, ""); got.status != 200 {
		t.Errorf("%d %s", got.status, got.body)
	}
	if resp := r.do("GET", "/poll/alice?since="+p.Cursor, ""); resp.StatusCode != 429 || resp.Header.Get("Retry-After") == "" {
		t.Errorf("%s", resp.Status)
	}
	// A session that moves is not one more.
	r.open("/stream/alice?since=" + p.Cursor).expect("sys:open")
	for i := range 4 {
		want := 200
		if i == 3 {
			want = 429
		}
		if resp := r.do("POST", "/send/alice", `{"type":"ping"}`, "Content-Type", "application/json"); resp.StatusCode != want {
			t.Errorf("request %d: %s", i, resp.Status)
		}
	}
}

// FB-0-18: when the node stops, everything that is held is answered, and ends in order.
func TestFB0Drain(t *testing.T) {
	const n = 100
	r := newPlainRig(t, &openline.Options{DrainSpread: time.Second}, nil, nil)
	var all sync.WaitGroup
	defer all.Wait()
	var opened sync.WaitGroup
	opened.Add(2 * n)
	for i := range n {
		p := r.poll(fmt.Sprint("p", i), "", "")
		all.Go(func() {
			if got := r.poll(fmt.Sprint("p", i), p.Cursor, "&wait=30s"); got.data() != "sys:drain" {
				t.Errorf("poll: %d %s", got.status, got.body)
			}
		})
		for _, path := range []string{"/sse/", "/stream/"} {
			all.Go(func() {
				d := r.open(path + strconv.Itoa(i))
				d.expect("sys:open")
				opened.Done()
				drain := d.expect("sys:drain")
				if e := d.next(); e != nil {
					t.Errorf("%s: %+v after %+v", path, e, drain)
				}
			})
		}
	}
	idle := r.poll("idle", "", "")
	opened.Wait()
	held := func() (held int) {
		r.ws.polls.mu.Lock()
		defer r.ws.polls.mu.Unlock()
		for _, p := range r.ws.polls.byID {
			p.mu.Lock()
			if p.held != nil {
				held++
			}
			p.mu.Unlock()
		}
		return held
	}
	until(t, "the polls are not held", func() bool { return held() == n })
	r.ws.Drain()
	ctx, cancel := context.WithTimeout(t.Context(), guard)
	defer cancel()
	if err := r.hub.Shutdown(ctx); err != nil {
		t.Error(err)
	}
	if err := r.ws.Shutdown(ctx); err != nil {
		t.Error(err)
	}
	all.Wait()
	// Who comes now is told to come again.
	for path, want := range map[string]int{"/poll/x": 503, "/stream/x": 503, "/poll/idle?since=" + idle.Cursor: 503, "/sse/x": 200} {
		resp := r.do("GET", path, "")
		body := r.text(resp)
		if resp.StatusCode != want || want == 503 && resp.Header.Get("Retry-After") == "" || want == 200 && !strings.HasPrefix(body, "retry: ") {
			t.Errorf("%s: %s %s", path, resp.Status, body)
		}
	}
	if resp := r.do("POST", "/send/x", `{"type":"ping"}`, "Content-Type", "application/json"); resp.StatusCode != 503 {
		t.Errorf("send: %s", resp.Status)
	}
}

// CO-01, CO-03, CO-04: the answer is for pages that may have it, errors too.
func TestCOOrigins(t *testing.T) {
	const app = "https://app.test"
	r := newPlainRig(t, nil, &Options{Origins: []string{app, "https://*.wide.test"}}, nil)
	kicked := r.poll("gone", "", "")
	r.hub.DisconnectUser("gone", openline.CloseKicked, "by the test")
	for _, path := range []string{
		"/poll/alice", "/poll/alice", "/sse/bob", "/stream/carl", "/send/x", "/poll/a%20b", "/sse/gone?since=" + kicked.Cursor, "/poll/gone?since=" + kicked.Cursor,
	} {
		resp := r.do("GET", path, "", "Origin", app)
		h := resp.Header
		if h.Get("Access-Control-Allow-Origin") != app || h.Get("Access-Control-Allow-Credentials") != "true" || h.Get("Vary") != "Origin" ||
			!strings.Contains(h.Get("Access-Control-Expose-Headers"), "Retry-After") {
			t.Errorf("%s: %s %v", path, resp.Status, h)
		}
	}
	for origin, status := range map[string]int{
		"https://evil.test": 403, "https://app.test.evil.test": 403, "http://app.test": 403, "https://app.test:444": 403, "null": 403, "https://wide.test": 403,
		"https://a.wide.test": 200, "https://APP.test": 200, "https://app.test:443": 200, r.url: 200,
	} {
		resp := r.do("GET", "/poll/o"+strconv.Itoa(len(origin))+"?_=1", "", "Origin", origin)
		allow := ""
		if status == 200 {
			allow = origin
		}
		if resp.StatusCode != status || resp.Header.Get("Access-Control-Allow-Origin") != allow {
			t.Errorf("%s: %s %s", origin, resp.Status, resp.Header.Get("Access-Control-Allow-Origin"))
		}
		// The verdict is that of the opening handshake.
		handshake := r.do("GET", "/ws/other", "", "Origin", origin, "Connection", "Upgrade", "Upgrade", "websocket", "Sec-WebSocket-Version", "13", "Sec-WebSocket-Key", "AAECAwQFBgcICQoLDA0ODw==")
		if (handshake.StatusCode == 403) != (status == 403) {
			t.Errorf("%s: the handshake says %s", origin, handshake.Status)
		}
	}
	// Where any page may come, none gets anything by way of another's cookies.
	r = newPlainRig(t, nil, &Options{Origins: []string{"*"}}, nil)
	if h := r.do("GET", "/poll/alice", "", "Origin", app).Header; h.Get("Access-Control-Allow-Origin") != app || h.Get("Access-Control-Allow-Credentials") != "" {
		t.Error(h)
	}
}

// CO-02: a preflight is answered without a token, and does nothing.
func TestCOPreflight(t *testing.T) {
	r := newPlainRig(t, nil, &Options{Origins: []string{"https://app.test"}, Tokens: nil}, nil)
	for _, path := range []string{"/send/alice", "/poll/alice", "/sse/alice", "/stream/alice"} {
		resp := r.do("OPTIONS", path, "", "Origin", "https://app.test", "Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "authorization, content-type, last-event-id")
		h := resp.Header
		method := "GET"
		if path == "/send/alice" {
			method = "POST"
		}
		for _, name := range []string{"authorization", "content-type", "last-event-id", "accept", "cache-control"} {
			if !strings.Contains(h.Get("Access-Control-Allow-Headers"), name) {
				t.Errorf("%s: no %s", path, name)
			}
		}
		if resp.StatusCode != 204 || h.Get("Access-Control-Allow-Origin") != "https://app.test" || !strings.Contains(h.Get("Access-Control-Allow-Methods"), method) || h.Get("Access-Control-Max-Age") == "" {
			t.Errorf("%s: %s %v", path, resp.Status, h)
		}
		resp = r.do("OPTIONS", path, "", "Origin", "https://evil.test", "Access-Control-Request-Method", "POST")
		for name := range resp.Header {
			if strings.HasPrefix(name, "Access-Control-") {
				t.Errorf("%s: a foreign page gets %s", path, name)
			}
		}
		if b, _ := io.ReadAll(resp.Body); resp.StatusCode != 403 || len(b) == 0 {
			t.Errorf("%s: %s", path, resp.Status)
		}
	}
	if n := r.hub.Len(); n != 0 {
		t.Errorf("%d sessions", n)
	}
}
