package console

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
)

func get(t *testing.T, method, target string, header http.Header) *http.Response {
	t.Helper()
	r := httptest.NewRequest(method, target, nil)
	maps.Copy(r.Header, header)
	w := httptest.NewRecorder()
	Handler().ServeHTTP(w, r)
	return w.Result()
}

func body(t *testing.T, r *http.Response) string {
	t.Helper()
	var b strings.Builder
	if _, err := io.Copy(&b, r.Body); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestFilesHaveTypes(t *testing.T) {
	for target, want := range map[string]string{
		"/":                    "text/html; charset=utf-8",
		"/?from=mail":          "text/html; charset=utf-8",
		"/console/main.js":     "text/javascript; charset=utf-8",
		"/console/theme.css":   "text/css; charset=utf-8",
		"/console/icon.svg":    "image/svg+xml",
		"/console/line.js?v=1": "text/javascript; charset=utf-8",
	} {
		r := get(t, "GET", target, nil)
		if got := r.Header.Get("Content-Type"); r.StatusCode != 200 || got != want {
			t.Errorf("GET %s: %d, Content-Type %q, want 200, %q", target, r.StatusCode, got, want)
		}
		if r.ContentLength <= 0 {
			t.Errorf("GET %s: no Content-Length", target)
		}
	}
}

func TestEveryAnswerIsGuarded(t *testing.T) {
	for _, request := range [][2]string{{"GET", "/"}, {"GET", "/console/main.js"}, {"GET", "/nowhere"}, {"POST", "/"}, {"HEAD", "/"}} {
		r := get(t, request[0], request[1], nil)
		for name, want := range map[string]string{
			"Content-Security-Policy":      policy,
			"X-Content-Type-Options":       "nosniff",
			"Referrer-Policy":              "no-referrer",
			"Cross-Origin-Opener-Policy":   "same-origin",
			"Cross-Origin-Resource-Policy": "same-origin",
		} {
			if got := r.Header.Get(name); got != want {
				t.Errorf("%s %s: %s is %q, want %q", request[0], request[1], name, got, want)
			}
		}
	}
	for _, directive := range []string{
		"default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'", "img-src 'self' data:",
		"base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'", "require-trusted-types-for 'script'",
	} {
		if !strings.Contains(policy+";", directive+";") {
			t.Errorf("the policy has no %q", directive)
		}
	}
	if strings.Contains(policy, "unsafe") {
		t.Error("the policy allows something unsafe")
	}
}

func TestUnchangedFileIsNotSentAgain(t *testing.T) {
	first := get(t, "GET", "/", nil)
	etag := first.Header.Get("ETag")
	if etag == "" || first.Header.Get("Cache-Control") != "no-cache" {
		t.Fatalf("ETag %q, Cache-Control %q", etag, first.Header.Get("Cache-Control"))
	}
	again := get(t, "GET", "/", http.Header{"If-None-Match": {etag}})
	if again.StatusCode != http.StatusNotModified || body(t, again) != "" {
		t.Errorf("status %d, want 304 without a body", again.StatusCode)
	}
	if again.Header.Get("Content-Security-Policy") != policy {
		t.Error("a 304 replaces stored fields: it must carry the policy too")
	}
	other := get(t, "GET", "/console/main.js", http.Header{"If-None-Match": {etag}})
	if other.StatusCode != http.StatusOK {
		t.Errorf("another file under the first one's ETag: %d, want 200", other.StatusCode)
	}
}

func TestHeadHasNoBody(t *testing.T) {
	for _, target := range []string{"/", "/console/pane.js", "/nowhere"} {
		head, full := get(t, "HEAD", target, nil), get(t, "GET", target, nil)
		if got := body(t, head); got != "" {
			t.Errorf("HEAD %s has a body of %d bytes", target, len(got))
		}
		for _, name := range []string{"Content-Type", "Content-Length", "ETag"} {
			if head.Header.Get(name) != full.Header.Get(name) {
				t.Errorf("HEAD %s: %s is %q, with GET %q", target, name, head.Header.Get(name), full.Header.Get(name))
			}
		}
		if head.StatusCode != full.StatusCode {
			t.Errorf("HEAD %s: %d, with GET %d", target, head.StatusCode, full.StatusCode)
		}
	}
}

func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		method, target string
		status         int
		allow          string
	}{
		{"GET", "/nowhere", 404, ""},
		{"GET", "/index.html", 404, ""},
		{"GET", "/console", 404, ""},
		{"GET", "/console/", 404, ""},
		{"GET", "/console/index.html", 404, ""},
		{"GET", "/console/../handler.go", 404, ""},
		{"GET", "/console/%2e%2e/handler.go", 404, ""},
		{"GET", "/console/static/main.js", 404, ""},
		{"GET", "/console/package.json", 404, ""},
		{"POST", "/nowhere", 404, ""},
		{"POST", "/", 405, "GET, HEAD"},
		{"DELETE", "/console/main.js", 405, "GET, HEAD"},
		{"OPTIONS", "/", 405, "GET, HEAD"},
	} {
		r := get(t, c.method, c.target, nil)
		var p struct {
			Title, Detail string
			Status        int
		}
		if err := json.Unmarshal([]byte(body(t, r)), &p); err != nil {
			t.Errorf("%s %s: %v", c.method, c.target, err)
		}
		if r.StatusCode != c.status || p.Status != c.status || p.Detail == "" || p.Title == "" {
			t.Errorf("%s %s: %d %+v, want %d with a sentence", c.method, c.target, r.StatusCode, p, c.status)
		}
		if got := r.Header.Get("Content-Type"); got != "application/problem+json" {
			t.Errorf("%s %s: Content-Type %q", c.method, c.target, got)
		}
		if got := r.Header.Get("Allow"); got != c.allow {
			t.Errorf("%s %s: Allow %q, want %q", c.method, c.target, got, c.allow)
		}
	}
}

// The page must work without any other host, and its policy stops what is
// written into the markup: scripts, styles and handlers.
func TestPageNeedsNothingElse(t *testing.T) {
	address := regexp.MustCompile(`(?i)(https?:)?//[a-z0-9.-]+\.[a-z]{2,}`)
	inline := regexp.MustCompile(`(?i)\son[a-z]+\s*=|\sstyle\s*=|<style|<script>|javascript:`)
	sink := regexp.MustCompile(`\b(innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval|new Function|DOMParser|setHTMLUnsafe)\b`)
	for target, f := range load() {
		content := string(f.content)
		// The name of SVG's namespace looks like an address; nothing is loaded from it.
		content = strings.ReplaceAll(content, `xmlns="http://www.w3.org/2000/svg"`, "")
		if found := address.FindString(content); found != "" {
			t.Errorf("%s names another host: %s", target, found)
		}
		if strings.HasSuffix(target, ".js") {
			if found := sink.FindString(content); found != "" {
				t.Errorf("%s makes HTML or code from a string: %s", target, found)
			}
		} else if found := inline.FindString(content); found != "" {
			t.Errorf("%s has inline code or style: %q", target, found)
		}
	}
}

func TestPageRefersToFilesThatExist(t *testing.T) {
	files := load()
	reference := regexp.MustCompile(`(?:src|href)="([^"]+)"`)
	found := reference.FindAllStringSubmatch(string(files["/"].content), -1)
	if len(found) == 0 {
		t.Fatal("the page refers to nothing")
	}
	for _, match := range found {
		if files["/"+match[1]] == nil {
			t.Errorf("the page refers to %s, which is not there", match[1])
		}
	}
	module := regexp.MustCompile(`from "\./([^"]+)"`)
	for target, f := range files {
		for _, match := range module.FindAllStringSubmatch(string(f.content), -1) {
			if files[prefix+match[1]] == nil {
				t.Errorf("%s imports %s, which is not there", target, match[1])
			}
		}
	}
}

func TestUnknownKindOfFileIsRefused(t *testing.T) {
	_, err := read(fstest.MapFS{"static/page.exe": {Data: []byte("x")}})
	if err == nil || !strings.HasPrefix(err.Error(), "console: ") {
		t.Errorf("error is %v", err)
	}
	if _, err := read(fstest.MapFS{}); err == nil {
		t.Error("no files, and no error")
	}
}

func FuzzHandler(f *testing.F) {
	f.Add("GET", "/")
	f.Add("HEAD", "/console/main.js")
	f.Add("POST", "//console//..")
	handler := Handler()
	f.Fuzz(func(t *testing.T, method, path string) {
		r := httptest.NewRequest("GET", "/", nil)
		r.Method, r.URL.Path = method, path
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if c := w.Code; c != 200 && c != 404 && c != 405 {
			t.Errorf("%q %q: %d", method, path, c)
		}
	})
}
