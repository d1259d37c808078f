package echo_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/openline/openline/websocket/conformance/echo"
)

func TestPages(t *testing.T) {
	s, err := echo.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		method, path, body string
		status             int
		says, field        string
	}{
		{"GET", "/features", "", 200, "deflate plain limit", "Content-Type: text/plain; charset=utf-8"},
		{"PUT", "/features", "", 405, "only be read", "Allow: GET, HEAD"},
		{"POST", "/post", "a body", 200, "a body", "Content-Length: 6"},
		{"POST", "/post", strings.Repeat("x", 1<<20+1), 413, "at most 1048576 bytes", ""},
		{"GET", "/post", "", 405, "with POST", "Allow: POST"},
		{"GET", "/answer?status=401&name=WWW-Authenticate&value=Basic&name=X-A&value=b", "", 401, "asked for", "Www-Authenticate: Basic"},
		{"GET", "/answer?status=401&name=X-A&value=b%0d%0ac", "", 401, "asked for", ""},
		{"GET", "/answer?status=401&name=X-A&value=b%00c", "", 401, "asked for", "X-A: b c"},
		{"CONNECT", "ws.test:9001", "", 405, "GET", "Allow: GET"},
		{"GET", "/answer?status=204", "", 204, "", ""},
		{"GET", "/answer?status=101", "", 400, "from 200 to 599", ""},
		{"GET", "/answer?status=%zz", "", 400, "invalid URL escape", ""},
		{"GET", "/echo", "", 426, "WebSocket", "Upgrade: websocket"},
		{"GET", "/echo/", "", 404, "the echo is at /echo", ""},
		{"GET", "/seen", "", 404, "no connection had this case", ""},
		{"GET", "/seen?case=never", "", 404, "no connection had this case", ""},
		{"GET", "/seen?case=", "", 400, "a token has", ""},
	} {
		w := httptest.NewRecorder()
		s.ServeHTTP(w, httptest.NewRequest(test.method, test.path, strings.NewReader(test.body)))
		name, value, _ := strings.Cut(test.field, ": ")
		if w.Code != test.status || !strings.Contains(w.Body.String(), test.says) || w.Header().Get(name) != value && name != "" {
			t.Errorf("%s %s: %d %v %.100q", test.method, test.path, w.Code, w.Header(), w.Body)
		}
	}
}

// A body that breaks off is no body.
func TestPostBroken(t *testing.T) {
	s, err := echo.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodPost, "/post", io.MultiReader(strings.NewReader("half"), broken{}))
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	if w.Code != http.StatusBadRequest || w.Header().Get("Connection") != "close" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
