package transport

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/openline/openline"
	"github.com/openline/openline/websocket"
)

func yield() { runtime.Gosched() }

// FB-0-01, FB-0-02, FB-0-03: no answer is stored, changed or taken for a page, and none
// depends on what a cache asks.
func TestFB0Headers(t *testing.T) {
	r := newPlainRig(t, nil, nil, nil)
	for path, want := range map[string]string{
		"/sse/alice":             "200 text/event-stream",
		"/stream/alice":          "200 application/x-ndjson",
		"/poll/alice":            "200 application/json",
		"/poll/alice?_=17000000": "200 application/json",
		"/sse/alice?_=1":         "200 text/event-stream",
		"/send/alice":            "405 application/problem+json",
		"/sse/al%20ice":          "400 application/problem+json",
		"/poll/alice?wait=x":     "400 application/problem+json",
		"/poll/alice?raw=x":      "400 application/problem+json",
		"/stream/":               "400 application/problem+json",
		"/stream":                "400 application/problem+json",
	} {
		resp := r.do("GET", path, "", "If-None-Match", "*", "If-Modified-Since", "Sat, 21 Nov 2026 10:00:00 GMT", "Accept-Encoding", "gzip, br")
		if got := fmt.Sprint(resp.StatusCode, " ", resp.Header.Get("Content-Type")); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
		cache := resp.Header.Get("Cache-Control")
		if !strings.Contains(cache, "no-store") || resp.StatusCode == 200 && !strings.Contains(cache, "no-transform") {
			t.Errorf("%s: Cache-Control: %s", path, cache)
		}
		if resp.Header.Get("X-Content-Type-Options") != "nosniff" || resp.Header.Get("Vary") != "Origin" {
			t.Errorf("%s: %v", path, resp.Header)
		}
		// FB-0-14: no coding is applied, so that nothing waits in an encoder.
		for _, name := range []string{"Etag", "Last-Modified", "Expires", "Content-Encoding"} {
			if resp.Header.Get(name) != "" {
				t.Errorf("%s: %s: %s", path, name, resp.Header.Get(name))
			}
		}
	}
}

// FB-0-04: what may be asked for how, and HEAD is answered at once.
func TestFB0Methods(t *testing.T) {
	r := newPlainRig(t, nil, nil, nil)
	for _, test := range []struct {
		method, path string
		status       int
		allow        string
	}{
		{"PUT", "/poll/a", 405, "GET, HEAD, OPTIONS"},
		{"POST", "/sse/a", 405, "GET, HEAD, OPTIONS"},
		{"DELETE", "/stream/a", 405, "GET, HEAD, OPTIONS"},
		{"GET", "/send/a", 405, "POST, OPTIONS"},
		{"HEAD", "/send/a", 405, "POST, OPTIONS"},
		{"HEAD", "/poll/a?wait=30s", 200, ""},
		{"HEAD", "/sse/a", 200, ""},
		{"HEAD", "/stream/a", 200, ""},
		{"HEAD", "/stream/a%20", 400, ""},
		{"OPTIONS", "/poll/a", 204, "GET, HEAD, OPTIONS"},
	} {
		resp := r.do(test.method, test.path, "")
		if resp.StatusCode != test.status || resp.Header.Get("Allow") != test.allow {
			t.Errorf("%s %s: %s, Allow: %s", test.method, test.path, resp.Status, resp.Header.Get("Allow"))
		}
		if test.method == "HEAD" && r.text(resp) != "" {
			t.Errorf("%s has a body", test.path)
		}
	}
	if n := r.hub.Len(); n != 0 {
		t.Errorf("%d sessions", n)
	}
}

// FB-0-05: a session that is not there, or no longer, is an error at once.
func TestFB0UnknownSession(t *testing.T) {
	r := newPlainRig(t, nil, nil, nil)
	send := func(session string) int {
		return r.do("POST", "/send/alice?session="+session, `{"type":"ping"}`, "Content-Type", "application/json").StatusCode
	}
	if got := send("aaaaaaaaaaaaaaaaaaaaaaaaaa"); got != 404 {
		t.Error(got)
	}
	first := r.poll("alice", "", "")
	id := sessionIn(first)
	if got := send(id); got != 200 {
		t.Error(got)
	}
	r.hub.DisconnectUser("alice", openline.CloseKicked, "by the test")
	if got := r.poll("alice", first.Cursor, "&wait=30s"); got.status != http.StatusGone || !strings.Contains(got.body, "4009") || !strings.Contains(got.body, "by the test") {
		t.Errorf("%d %s", got.status, got.body)
	}
	if got := send(id); got != http.StatusGone {
		t.Error(got)
	}
	// Another is to be had, with what stands before the dot.
	place, _, _ := strings.Cut(first.Cursor, ".")
	if got := r.poll("alice", place, ""); got.status != 200 || got.data() != "sys:open" {
		t.Errorf("%d %s", got.status, got.body)
	}
}

// sessionIn is the name in sys:open.
func sessionIn(p *polled) string {
	var d struct{ Session string }
	_ = json.Unmarshal(p.Messages[0].Data, &d)
	return d.Session
}

// FB-0-06: sessions are of one user, cannot be guessed, and are not in the log.
func TestFB0SessionIsTheUsers(t *testing.T) {
	var log bytes.Buffer
	var mu sync.Mutex
	r := newPlainRig(t, nil, nil, nil)
	r.ws.log = slog.New(slog.NewTextHandler(locked{&mu, &log}, &slog.HandlerOptions{Level: slog.LevelDebug}))
	p := r.poll("alice", "", "")
	id := sessionIn(p)
	if len(id) != 26 || !strings.Contains(p.Cursor, "."+id+".") {
		t.Fatalf("%q in %s", id, p.Cursor)
	}
	if got := r.poll("mallory", p.Cursor, ""); got.status != 403 {
		t.Errorf("poll: %d %s", got.status, got.body)
	}
	for _, path := range []string{"/sse/mallory", "/stream/mallory"} {
		if resp := r.do("GET", path+"?since="+p.Cursor, ""); resp.StatusCode != 403 {
			t.Errorf("%s: %s", path, resp.Status)
		}
	}
	if e := r.refused("/ws/mallory?since=" + p.Cursor); e.Status != 403 {
		t.Errorf("/ws: %d", e.Status)
	}
	if resp := r.do("POST", "/send/mallory?session="+id, `{"type":"ping"}`, "Content-Type", "application/json"); resp.StatusCode != 404 {
		t.Errorf("send: %s", resp.Status)
	}
	if got := r.poll("alice", p.Cursor, ""); got.status != 200 || got.data() != "" {
		t.Errorf("%d %s", got.status, got.body)
	}
	r.do("GET", "/stream/alice?since="+p.Cursor, "")
	mu.Lock()
	defer mu.Unlock()
	if text := log.String(); strings.Contains(text, id) || !strings.Contains(text, "session opened") {
		t.Errorf("the log: %s", text)
	}
}

type locked struct {
	mu *sync.Mutex
	w  io.Writer
}

func (l locked) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(b)
}

// large is a hub with a history that holds what a test publishes.
func large() *openline.Options {
	return &openline.Options{Namespaces: map[string]openline.Namespace{"default": {History: openline.History{Size: 20000, Bytes: 64 << 20}}}}
}

// FB-0-07: every message once and in order, although answers get lost on the way.
func TestFB0LostAnswers(t *testing.T) {
	const n = 10000
	r := newPlainRig(t, large(), nil, nil)
	p := r.poll("alice", "", "&channels=c")
	var publishing sync.WaitGroup
	defer publishing.Wait()
	publishing.Go(func() {
		for i := 1; i <= n; i++ {
			r.publish("c", i)
		}
	})
	cursor, seen, lost := p.Cursor, 0, 0
	for seen < n {
		p := r.poll("alice", cursor, "&wait=5s&channels=c")
		if p.status != 200 {
			t.Fatalf("%d %s", p.status, p.body)
		}
		if rand.IntN(3) == 0 {
			lost++ // and so asked for again
			continue
		}
		for _, m := range p.Messages {
			if m.Type == "sys:open" { // it had not been polled for too long, and goes on from the history
				continue
			}
			var i int
			if err := json.Unmarshal(m.Data, &i); err != nil || i > seen+1 {
				t.Fatalf("%s %s after %d", m.Type, m.Data, seen)
			}
			seen = max(seen, i)
		}
		cursor = p.Cursor
	}
	t.Logf("%d answers were lost", lost)
}

// FB-0-07: the same over a change of transports, with one cursor.
func TestFB0ChangeOfTransport(t *testing.T) {
	r := newPlainRig(t, nil, nil, nil)
	p := r.poll("alice", "", "&channels=c")
	r.publish("c", 1)
	p = r.poll("alice", p.Cursor, "")
	if p.data() != "1" {
		t.Fatal(p.body)
	}
	r.publish("c", 2)
	s := r.open("/sse/alice?channels=c&since="+p.Cursor, "Accept", "text/event-stream")
	at := s.expect("sys:open", "2").place()
	if n := len(r.hub.UserSessions("alice")); n != 1 {
		t.Errorf("%d sessions: the polling one is not over", n)
	}
	_ = s.resp.Body.Close()
	r.publish("c", 3)
	s = r.open("/stream/alice?channels=c", "Last-Event-ID", at)
	at = s.expect("sys:open", "3").place()
	_ = s.resp.Body.Close()
	r.publish("c", 4)
	c := r.dial("/ws/alice?channels=c&since=" + at)
	if kind, data := r.rig.next(c); kind != "sys:open" || !strings.Contains(data, `"resumed":true`) {
		t.Error(kind, data)
	}
	if _, data := r.rig.next(c); data != "4" {
		t.Error(data)
	}
	_ = c.Close(websocket.CloseNormal, "")
	r.publish("c", 5)
	if p = r.poll("alice", at, "&channels=c"); p.data() != "sys:open 4 5" {
		t.Error(p.body)
	}
}

// FB-0-08: a client that goes away while it is held is noticed, and nothing is lost.
func TestFB0ClientGone(t *testing.T) {
	r := newPlainRig(t, nil, nil, nil)
	p := r.poll("alice", "", "&channels=c")
	one := r.ws.polls.byID[sessionIn(p)]
	isHeld := func() bool { one.mu.Lock(); defer one.mu.Unlock(); return one.held != nil }
	c, _ := r.raw("GET /poll/alice?wait=30&since=" + p.Cursor + " HTTP/1.1\r\nHost: x\r\n\r\n")
	until(t, "the poll is not held", isHeld)
	_ = c.Close()
	until(t, "the poll is still held", func() bool { return !isHeld() })
	r.publish("c", 1)
	if p = r.poll("alice", p.Cursor, ""); p.data() != "1" {
		t.Error(p.body)
	}
	for _, path := range []string{"/sse/bob", "/stream/bob"} {
		c, in := r.raw("GET " + path + " HTTP/1.1\r\nHost: x\r\n\r\n")
		head(t, in)
		until(t, "no session", func() bool { return r.hub.Len() == 2 })
		_ = c.Close()
		until(t, path+" is still there", func() bool { return r.hub.Len() == 1 })
	}
}

// FB-0-09: a second poll takes the place of the first, which ends at once, with nothing.
func TestFB0SecondPoll(t *testing.T) {
	r := newPlainRig(t, nil, nil, nil)
	p := r.poll("alice", "", "&channels=c")
	one := r.ws.polls.byID[sessionIn(p)]
	turn := func() uint64 { one.mu.Lock(); defer one.mu.Unlock(); return one.turn }
	first, second := make(chan *polled), make(chan *polled)
	go func() { first <- r.poll("alice", p.Cursor, "&wait=30s") }()
	until(t, "the first", func() bool { return turn() == 1 })
	go func() { second <- r.poll("alice", p.Cursor, "&wait=30s") }()
	if got := <-first; got.data() != "" || got.Cursor != p.Cursor {
		t.Errorf("the first: %s", got.body)
	}
	r.publish("c", 1)
	if got := <-second; got.data() != "1" {
		t.Errorf("the second: %s", got.body)
	}
}

// FB-0-11: a request that is pipelined behind a held poll is answered after it.
func TestFB0Pipelined(t *testing.T) {
	r := newPlainRig(t, nil, nil, nil)
	p := r.poll("alice", "", "&channels=c")
	one := r.ws.polls.byID[sessionIn(p)]
	_, in := r.raw("GET /poll/alice?wait=30&since=" + p.Cursor + " HTTP/1.1\r\nHost: x\r\n\r\n" +
		"POST /send/alice HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 15\r\n\r\n{\"type\":\"ping\"}")
	until(t, "the poll is not held", func() bool { one.mu.Lock(); defer one.mu.Unlock(); return one.held != nil })
	r.publish("c", 1)
	for _, want := range []string{`"data":1`, "sys:ok"} {
		resp := head(t, in)
		if b, _ := io.ReadAll(resp.Body); resp.StatusCode != 200 || !strings.Contains(string(b), want) {
			t.Errorf("%s %s, want %s", resp.Status, b, want)
		}
	}
}

// FB-0-12: HTTP/1.0 gets no chunks, and the end of the connection ends the body.
func TestFB0HTTP10(t *testing.T) {
	r := newPlainRig(t, nil, nil, nil)
	for _, path := range []string{"/stream/alice", "/sse/alice", "/poll/alice"} {
		_, in := r.raw("GET " + path + " HTTP/1.0\r\n\r\n")
		resp := head(t, in)
		if resp.TransferEncoding != nil || resp.StatusCode != 200 || !resp.Close {
			t.Errorf("%s: %v %v", path, resp.TransferEncoding, resp.Header)
		}
		if path == "/poll/alice" {
			if resp.ContentLength <= 0 {
				t.Errorf("%s: no Content-Length", path)
			}
			continue
		}
		until(t, "no session", func() bool { return r.hub.Len() == 1 })
		r.hub.DisconnectUser("alice", openline.CloseGoingAway, "over")
		b, err := io.ReadAll(resp.Body)
		if err != nil || !strings.Contains(string(b), "sys:open") || strings.Contains(string(b), "\r\n") {
			t.Errorf("%s: %q, %v", path, b, err)
		}
	}
}

// FB-0-13, FB-0-10: over HTTP/2 all of it goes over one connection, without fields of a
// connection.
func TestFB0HTTP2(t *testing.T) {
	r := newPlainRig(t, nil, nil, nil)
	s := httptest.NewUnstartedServer(r)
	s.EnableHTTP2 = true
	s.StartTLS()
	defer s.Close()
	r.server, r.url = s, s.URL
	var list []*down
	for _, path := range []string{"/sse/alice?channels=c", "/stream/bob?channels=c"} {
		d := r.open(path)
		d.expect("sys:open")
		list = append(list, d)
	}
	p := r.poll("carl", "", "&channels=c")
	resp := r.do("POST", "/send/dora", `{"type":"publish","channel":"c","data":1}`, "Content-Type", "application/json")
	if resp.ProtoMajor != 2 || !strings.Contains(r.text(resp), `"delivered":3`) {
		t.Error(resp.Proto)
	}
	for _, d := range list {
		d.expect("1")
		for _, name := range []string{"Connection", "Keep-Alive", "Upgrade", "Transfer-Encoding"} {
			if d.resp.Header.Get(name) != "" {
				t.Errorf("%s: %s", name, d.resp.Header.Get(name))
			}
		}
	}
	if p = r.poll("carl", p.Cursor, ""); p.data() != "1" {
		t.Error(p.body)
	}
	r.hub.DisconnectUser("bob", openline.CloseGoingAway, "over")
	if e := list[1].next(); e != nil { // an orderly end
		t.Errorf("%+v", e)
	}
	_ = list[0].resp.Body.Close()
	until(t, "alice is still there", func() bool { return len(r.hub.UserSessions("alice")) == 0 })
}
