package problem

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/openline/openline"
	"github.com/openline/openline/auth"
)

func TestOf(t *testing.T) {
	for _, test := range []struct {
		name         string
		err          error
		status       int
		code, detail string
		field        string
	}{
		{"itself", New(418, "teapot", "It is %s.", "a teapot").With("Allow", "GET"), 418, "teapot", "It is a teapot.", "Allow"},
		{"wrapped", fmt.Errorf("around: %w", New(418, "teapot", "A teapot.")), 418, "teapot", "A teapot.", ""},
		{"no token", &auth.Error{Status: 401, Reason: "a token is needed"}, 401, "unauthorised", "A token is needed.", "WWW-Authenticate"},
		{"auth 403", &auth.Error{Status: 403, Reason: "no"}, 403, "forbidden", "No.", ""},
		{"auth 400", &auth.Error{Status: 400, Reason: "two tokens"}, 400, "bad_request", "Two tokens.", ""},
		{"hub", openline.CheckUser("a b"), 400, "bad_name", "A user's name has", ""},
		{"reserved", openline.CheckChannel("@a"), 403, "reserved", "The channel \"@a\" is reserved", ""},
		{"hub closed", openline.ErrHubClosed, 503, "closed", "The hub is shut down.", "Retry-After"},
		{"hub's limit", &openline.Error{Code: openline.CodeLimit, Message: "Enough."}, 429, "limit", "Enough.", "Retry-After"},
		{"too large", &http.MaxBytesError{Limit: 10}, 413, "too_large", "The body is larger than 10 bytes", ""},
		{"another", errors.New("disk on fire"), 500, "internal", "The server failed; its log says why.", ""},
		{"empty", &auth.Error{Status: 400}, 400, "bad_request", "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := Of(test.err)
			if p.Status != test.status || p.Code != test.code || !strings.HasPrefix(p.Detail, test.detail) || (test.field != "" && p.Header.Get(test.field) == "") {
				t.Errorf("%+v", p)
			}
			if test.field == "" && len(p.Header) > 0 {
				t.Errorf("fields %v", p.Header)
			}
		})
	}
	if !errors.Is(Of(openline.ErrHubClosed), openline.ErrHubClosed) {
		t.Error("the cause is lost")
	}
}

func TestWrite(t *testing.T) {
	p := New(405, "method", "Use GET; \"\x1b\" is %d.", 1).With("Allow", "GET")
	for _, method := range []string{"POST", "HEAD"} {
		w := httptest.NewRecorder()
		w.Header().Set("Content-Type", "text/html")
		p.Write(w, httptest.NewRequest(method, "/", nil))
		if w.Code != 405 || w.Header().Get("Content-Type") != MediaType || w.Header().Get("Allow") != "GET" || w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%d %v", w.Code, w.Header())
		}
		if method == "HEAD" {
			if w.Body.Len() > 0 {
				t.Errorf("HEAD: %q", w.Body)
			}
			continue
		}
		var v struct {
			Type, Title, Detail, Code string
			Status                    int
		}
		if err := json.Unmarshal(w.Body.Bytes(), &v); err != nil {
			t.Fatal(err)
		}
		if v.Type != "about:blank" || v.Title != "Method Not Allowed" || v.Status != 405 || v.Code != "method" || v.Detail != p.Detail || fmt.Sprint(w.Body.Len()) != w.Header().Get("Content-Length") {
			t.Errorf("%s", w.Body)
		}
	}
}

func TestLog(t *testing.T) {
	var b bytes.Buffer
	l := slog.New(slog.NewTextHandler(&b, nil))
	r := httptest.NewRequest("GET", "/ws/a%1b]0;x?token=secret", nil)
	r.Header.Set("Authorization", "Bearer secret")
	r.Header.Set("Origin", "https://evil.test\x1b"+strings.Repeat("x", 1000))
	for _, test := range []struct {
		err   error
		level string
		cause bool
	}{
		{New(400, "", "No."), "INFO", false},
		{openline.ErrHubClosed, "INFO", false},
		{errors.New("disk on fire"), "ERROR", true},
	} {
		b.Reset()
		Of(test.err).Log(l, r)
		line := b.String()
		if !strings.Contains(line, "level="+test.level) || strings.Contains(line, "disk on fire") != test.cause || !strings.Contains(line, "https://evil.test") {
			t.Errorf("%s", line)
		}
		if strings.Contains(line, "secret") || strings.Contains(line, "\x1b") || len(line) > 1000 || strings.Count(line, "\n") != 1 {
			t.Errorf("a line of the log: %q", line)
		}
	}
	b.Reset()
	New(400, "", "No.").Log(slog.New(slog.NewTextHandler(&b, &slog.HandlerOptions{Level: slog.LevelWarn})), r)
	if b.Len() > 0 {
		t.Errorf("logged below the level: %s", &b)
	}
}
