package api

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// answered is a line of the answer, as a client reads it.
type answered struct {
	Line, Delivered int
	ID              string
	Error           *lineError
}

func results(t *testing.T, body string) []answered {
	t.Helper()
	var list []answered
	for line := range strings.Lines(body) {
		var res answered
		if err := json.Unmarshal([]byte(line), &res); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if (res.ID == "") == (res.Error == nil) {
			t.Errorf("%q: neither or both", line)
		}
		list = append(list, res)
	}
	return list
}

func TestBatch(t *testing.T) {
	r := newRig(t, nil)
	_, alice := r.open("alice", "a/b")
	lines := []struct {
		text   string
		status int // 0: published
		says   string
	}{
		{`{"to":"alice","data":{"n": 1}}`, 0, ""},
		{`{"channel":"a/b","type":"said","data":2}`, 0, ""},
		{``, -1, ""},
		{`{"all":true,"data":"three","key":"k"}`, 0, ""},
		{`{"all":true,"data":"three","key":"k"}`, 0, ""},
		{`{"to":"alice"}`, 0, ""},
		{`{"to":"alice","data":tru}`, 400, "byte 24"},
		{`{"to":"alice","data":`, 400, "ends at byte 21"},
		{`{"to":"alice","data":1} 2`, 400, "byte 24"},
		{`{"to":"alice","dta":1}`, 400, `unknown field \"dta\"`},
		{`{"TO":"alice","data":1}`, 400, `unknown field \"TO\"`},
		{`{"to":"alice","data":1,"data":2}`, 400, `\"data\" is given more than once`},
		{`{"to":7,"data":1}`, 400, `\"to\"`},
		{`[]`, 400, "must be an object"},
		{`{"data":1}`, 400, "one target"},
		{`{"to":"a","all":true}`, 400, "one target"},
		{`{"all":false}`, 400, "one target"},
		{`{"to":"a b","data":1}`, 400, "user's name"},
		{`{"channel":"@x","data":1}`, 403, "reserved"},
		{`{"to":"alice","type":"sys:x"}`, 400, "sys:"},
		{`{"to":"alice","data":"` + strings.Repeat("x", 1000) + `"}`, 413, "larger than 1000"},
		{`{"to":"alice","data":"` + strings.Repeat("x", 9000) + `"}`, 413, "line is larger"},
		{` {"to":"alice","data":"last"} `, 0, ""},
	}
	var body strings.Builder
	for _, line := range lines {
		body.WriteString(line.text + "\r\n")
	}
	w := r.call("POST", "/api/batch", strings.TrimSuffix(body.String(), "\r\n"))
	if w.Code != 200 || w.Header().Get("Content-Type") != "application/x-ndjson" {
		t.Fatalf("%d %v", w.Code, w.Header())
	}
	list := results(t, w.Body.String())
	for i, line := range lines {
		if line.status < 0 {
			continue
		}
		if len(list) == 0 {
			t.Fatal("too few results")
		}
		res := list[0]
		list = list[1:]
		switch {
		case res.Line != i+1:
			t.Errorf("line %d is called %d", i+1, res.Line)
		case line.status == 0 && (res.Delivered != 1 || res.Error != nil):
			t.Errorf("line %d: %+v", i+1, res)
		case line.status > 0 && (res.Error == nil || res.Error.Status != line.status || !strings.Contains(fmt.Sprintf("%q", res.Error.Detail), line.says)):
			t.Errorf("line %d: %+v, want %d with %s", i+1, res.Error, line.status, line.says)
		}
	}
	if len(list) > 0 {
		t.Errorf("%d results too many", len(list))
	}
	for r.next(alice) != `message "last"` {
	}
	alice.mu.Lock()
	defer alice.mu.Unlock()
	if got := strings.Join(alice.got[1:], "|"); got != `message {"n": 1}|said 2|message "three"|message null|message "last"` &&
		got != `message {"n": 1}|said 2|message "three"|message |message "last"` {
		t.Errorf("%s", got)
	}
}

func TestBatchRefused(t *testing.T) {
	r := newRig(t, nil)
	want(t, r.call("POST", "/api/batch", `{"all":true}`, "Content-Type", "text/html"), 415, "text/html")
	want(t, r.call("POST", "/api/batch?type=x", `{"all":true}`), 400, "type")
	if w := r.call("POST", "/api/batch", ""); w.Code != 200 || w.Body.Len() != 0 {
		t.Errorf("%d %q", w.Code, w.Body)
	}
}

// A negative MaxBody is no bound, of a body and of a line.
func TestNoBodyBound(t *testing.T) {
	r := newRig(t, func(o *Options) { o.MaxBody = -1 })
	want(t, r.call("POST", "/api/broadcast", `"hi"`), 200, `"delivered":0`)
	if got := results(t, r.call("POST", "/api/batch", `{"all":true,"data":1}`).Body.String()); len(got) != 1 || got[0].Error != nil {
		t.Errorf("%+v", got)
	}
}

// Each result comes as soon as its line is done, while the body goes on.
func TestBatchStreams(t *testing.T) {
	r := newRig(t, nil)
	srv := httptest.NewServer(r.api)
	defer srv.Close()
	body, in := io.Pipe()
	q, err := http.NewRequestWithContext(t.Context(), "POST", srv.URL+"/api/batch", body)
	if err != nil {
		t.Fatal(err)
	}
	q.Header.Set("Authorization", "Bearer "+testKey)
	go fmt.Fprintln(in, `{"all":true,"data":0}`)
	res, err := http.DefaultClient.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	out := bufio.NewReader(res.Body)
	for i := range 10 {
		line, err := out.ReadString('\n')
		if err != nil || !strings.Contains(line, fmt.Sprintf(`{"line":%d,"id":`, i+1)) {
			t.Fatalf("%q, %v", line, err)
		}
		if _, err := fmt.Fprintln(in, `{"all":true,"data":0}`); err != nil {
			t.Fatal(err)
		}
	}
	in.Close()
	if rest, err := io.ReadAll(out); err != nil || strings.Count(string(rest), "\n") != 1 {
		t.Errorf("%q, %v", rest, err)
	}
}

// A client that reads only when it has sent everything gets every result.
func TestBatchReadLate(t *testing.T) {
	r := newRig(t, nil)
	srv := httptest.NewServer(r.api)
	defer srv.Close()
	const lines = 50_000 // more results than socket buffers hold
	body := strings.Repeat(`{"to":"nobody","data":0}`+"\n", lines)
	c, err := dialTCP(srv.Listener.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := fmt.Fprintf(c, "POST /api/batch HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", testKey, len(body), body); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil || strings.Count(string(text), "\n") != lines {
		t.Errorf("%d results, %v", strings.Count(string(text), "\n"), err)
	}
}

// A client that stops in the middle of its body is cut off, and told so.
func TestStalledBody(t *testing.T) {
	r := newRig(t, func(o *Options) { o.StallTimeout = 20 * time.Millisecond })
	srv := httptest.NewServer(r.api)
	defer srv.Close()
	for _, path := range []string{"/api/broadcast", "/api/batch"} {
		c, err := dialTCP(srv.Listener.Addr())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Length: 1000\r\n\r\n{", path, testKey); err != nil {
			t.Fatal(err)
		}
		answer, err := io.ReadAll(c)
		if err != nil || !strings.Contains(string(answer), "did not arrive in time") {
			t.Errorf("%s: %q, %v", path, answer, err)
		}
	}
}
