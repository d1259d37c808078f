package js

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
)

// most is what the script may take on its way, in octets.
const most = 5 * 1024

func get(t *testing.T, method, encodings string, header http.Header) *http.Response {
	t.Helper()
	r := httptest.NewRequest(method, "/openline.js", nil)
	for name := range header {
		r.Header.Set(name, header.Get(name))
	}
	if encodings != "" {
		r.Header.Set("Accept-Encoding", encodings)
	}
	w := httptest.NewRecorder()
	Handler().ServeHTTP(w, r)
	return w.Result()
}

func body(t *testing.T, r io.Reader) []byte {
	t.Helper()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestSize(t *testing.T) {
	response := get(t, http.MethodGet, "gzip, deflate, br", nil)
	packed := body(t, response.Body)
	t.Logf("%d octets compressed", len(packed))
	if len(packed) >= most || response.Header.Get("Content-Encoding") != "gzip" {
		t.Errorf("the script takes %d octets on its way (Content-Encoding %q); it may take %d", len(packed), response.Header.Get("Content-Encoding"), most-1)
	}
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(body(t, z), body(t, get(t, http.MethodGet, "", nil).Body)) {
		t.Error("compressed and plain are two scripts")
	}
}

func TestServedForm(t *testing.T) {
	script := string(body(t, get(t, http.MethodGet, "", nil).Body))
	for n, line := range strings.Split(script, "\n") {
		if line != strings.TrimSpace(line) || strings.HasPrefix(line, "//") || strings.Contains(line, "/*") || strings.Contains(line, "*/") {
			t.Errorf("line %d still has a comment or indentation: %s", n+1, line)
		}
	}
	if !strings.Contains(script, "export class Openline{") {
		t.Error("the class is not there")
	}
	before, after := private.FindAllString(strip(source), -1), private.FindAllString(script, -1)
	if len(before) == 0 || len(before) != len(after) {
		t.Fatalf("%d private names have become %d", len(before), len(after))
	}
	names, shorts := map[string]string{}, map[string]string{}
	for i, name := range before {
		if short, ok := names[name]; ok && short != after[i] {
			t.Errorf("%s has become %s and %s", name, short, after[i])
		}
		if other, ok := shorts[after[i]]; ok && other != name {
			t.Errorf("%s and %s have both become %s", name, other, after[i])
		}
		names[name], shorts[after[i]] = after[i], name
	}
}

// The rules that strip and shorten rely on.
func TestSourceKeepsTheRules(t *testing.T) {
	literal := regexp.MustCompile("\"[^\"]*\"|'[^']*'|`[^`]*`")
	for n, line := range strings.Split(strip(source), "\n") {
		if strings.Count(line, "`")%2 != 0 {
			t.Errorf("stripped line %d: a template goes over more than one line: %s", n+1, line)
		}
		for _, s := range literal.FindAllString(line, -1) {
			s = regexp.MustCompile(`\$\{[^}]*\}`).ReplaceAllString(s, "")
			if strings.Contains(s, "/*") || strings.Contains(s, "#") {
				t.Errorf("stripped line %d: a string looks like a comment or a private name: %s", n+1, s)
			}
		}
		if strings.Contains(literal.ReplaceAllString(line, ""), " //") {
			t.Errorf("stripped line %d: a comment stands behind code: %s", n+1, line)
		}
	}
}

func TestStrip(t *testing.T) {
	const script = "// about\n\n/** One. */\nconst a = /** @type {string} */ (b);\n\t/**\n\t * Two.\n\t */\n\tc();\n"
	if got, want := strip(script), "const a = (b);\nc();\n"; got != want {
		t.Errorf("strip gives %q, not %q", got, want)
	}
	if got, want := shorten("#one; this.#two(#one in x)"), "#a; this.#b(#a in x)"; got != want {
		t.Errorf("shorten gives %q, not %q", got, want)
	}
	if got, want := tighten("if (a === b) { c = `a = ${d ? 1 : 2}`; } else { f({ x: \", \" }, (y) => y ?? 'a : b') }"), "if (a===b){c=`a = ${d ? 1 : 2}`;}else{f({x:\", \"},(y)=>y??'a : b')}"; got != want {
		t.Errorf("tighten gives %s, not %s", got, want)
	}
}

func TestHeader(t *testing.T) {
	response := get(t, http.MethodGet, "", nil)
	for name, want := range map[string]string{
		"Content-Type":                "text/javascript; charset=utf-8",
		"Cache-Control":               "no-cache",
		"X-Content-Type-Options":      "nosniff",
		"Access-Control-Allow-Origin": "*",
		"Vary":                        "Accept-Encoding",
		"Content-Encoding":            "",
	} {
		if got := response.Header.Get(name); got != want {
			t.Errorf("%s: %q, not %q", name, got, want)
		}
	}
	if response.ContentLength != int64(len(body(t, response.Body))) {
		t.Error("Content-Length is not that of the body")
	}
	etag := response.Header.Get("ETag")
	if packed := get(t, http.MethodGet, "gzip", nil).Header.Get("ETag"); packed == etag || etag == "" {
		t.Errorf("ETags %s and %s: each form has its own", etag, packed)
	}
	again := get(t, http.MethodGet, "", http.Header{"If-None-Match": {etag}})
	if again.StatusCode != http.StatusNotModified || again.Header.Get("Access-Control-Allow-Origin") != "*" {
		t.Errorf("revalidation is answered with %s", again.Status)
	}
}

func TestMethods(t *testing.T) {
	head := get(t, http.MethodHead, "gzip", nil)
	if head.StatusCode != http.StatusOK || len(body(t, head.Body)) != 0 {
		t.Errorf("HEAD is answered with %s, or a body", head.Status)
	}
	post := get(t, http.MethodPost, "", nil)
	if post.StatusCode != http.StatusMethodNotAllowed || post.Header.Get("Allow") != "GET, HEAD" {
		t.Errorf("POST is answered with %s, Allow %q", post.Status, post.Header.Get("Allow"))
	}
}

func TestAcceptsGzip(t *testing.T) {
	for fields, want := range map[string]bool{
		"": false, "gzip": true, "br, GZip": true, "gzip;q=0": false, "gzip; q=0.0": false, "gzip; q=0.5": true, "deflate": false, "xgzip": false, "gzip;q=x": false,
	} {
		if got := acceptsGzip([]string{fields}); got != want {
			t.Errorf("%q: %t", fields, got)
		}
	}
}
