package http1

import (
	"io"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestHead: a header section is judged alike however it is cut.
func TestHead(t *testing.T) {
	rules, err := NewRules(&Options{MaxHeaderBytes: 300, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		in     string
		status int // 0: it is in order
	}{
		{"GET / HTTP/1.1\r\nHost: a\r\n\r\nbehind", 0},
		{"\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 0},
		{"GET / HTTP/1.1\r\n\r\n", 400},
		{"GET / HTTP/2.0\r\n", 505},
		{"HEAD / HTTP/1.1\nHost: a\r\n\r\n", 400},
		{"GET /" + strings.Repeat("x", 400), 414},
		{"GET / HTTP/1.1\r\nX: " + strings.Repeat("x", 400), 431},
	} {
		for step := 1; step <= len(test.in); step++ {
			h := rules.Head()
			var from, to int
			ok := true
			for n := step; ok && to == 0; n += step {
				if n = min(n, len(test.in)); n <= 0 {
					break
				}
				from, to, ok = h.Scan([]byte(test.in[:n]))
				if n == len(test.in) {
					break
				}
			}
			if test.status == 0 {
				skip := strings.Index(test.in, "GET")
				if end := strings.LastIndex(test.in, "\r\n\r\n") + 4; !ok || from != skip || to != end {
					t.Fatalf("%.30q by %d: %d to %d, %v", test.in, step, from, to, ok)
				}
				continue
			}
			if ok {
				t.Fatalf("%.30q by %d was taken", test.in, step)
			}
			w := httptest.NewRecorder()
			h.Refuse(w, "192.0.2.1:1234")
			body, _ := io.ReadAll(w.Result().Body)
			if w.Code != test.status || len(body) == 0 {
				t.Fatalf("%.30q by %d: %d %s", test.in, step, w.Code, body)
			}
		}
	}
	h := rules.Head()
	h.Slow()
	w := httptest.NewRecorder()
	if h.Refuse(w, ""); w.Code != 408 || rules.HeaderTimeout() != defaultHeadTimeout {
		t.Error(w.Code, rules.HeaderTimeout())
	}
	if _, err := NewRules(&Options{Hosts: []string{"http://a"}}); err == nil {
		t.Error("a malformed host was taken")
	}
}
