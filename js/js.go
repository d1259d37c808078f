// Package js is the browser client, openline.js, as the server gives it to pages.
//
// For most uses, mount [Handler] at /openline.js:
//
//	mux.Handle("/openline.js", js.Handler())
//
// # The served form
//
// openline.js is written to be read, and is the npm package as it is. What the server sends is made of it once, at the first request: without comments, empty lines,
// indentation and spaces that separate nothing, and with short names for private members, which no other script can see. A test holds it under 5 KiB compressed.
//
// # Concurrency
//
// The handler never changes after its construction and is safe for any number of requests at a time.
package js

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	_ "embed" // for the source
	"encoding/base64"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/openline/openline/transport/problem"
)

//go:embed openline.js
var source string

// form is one form of the script, ready to be served.
type form struct {
	content []byte
	etag    string
}

func newForm(content []byte) form {
	sum := sha256.Sum256(content)
	return form{content, `"` + base64.RawURLEncoding.EncodeToString(sum[:15]) + `"`}
}

// served returns the script as it is served, plain and compressed.
var served = sync.OnceValues(func() (plain, packed form) {
	script := []byte(tighten(shorten(strip(source))))
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		panic(err) // the level is one
	}
	_, _ = z.Write(script) // a Buffer takes everything
	_ = z.Close()
	return newForm(script), newForm(b.Bytes())
})

// Handler returns the handler of /openline.js, for GET and HEAD; another method is answered with 405. Any page of any origin may import the script. It is
// revalidated by ETag at each use (Cache-Control: no-cache), since its name stays the same from one version to the next.
func Handler() http.Handler {
	plain, packed := served()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Access-Control-Allow-Origin", "*")
		header.Set("Cross-Origin-Resource-Policy", "cross-origin")
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			problem.New(http.StatusMethodNotAllowed, "method", "The script is read with GET.").With("Allow", "GET, HEAD").Write(w, r)
			return
		}
		f := plain
		header.Set("Vary", "Accept-Encoding")
		if acceptsGzip(r.Header.Values("Accept-Encoding")) {
			f = packed
			header.Set("Content-Encoding", "gzip")
		}
		header.Set("Content-Type", "text/javascript; charset=utf-8")
		header.Set("Cache-Control", "no-cache")
		header.Set("ETag", f.etag)
		// ServeContent leaves the length to others where there is an encoding; it is that of what is sent.
		if r.Header.Get("Range") == "" {
			header.Set("Content-Length", fmt.Sprint(len(f.content)))
		}
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(f.content))
	})
}

// acceptsGzip reports whether the fields name gzip, and not with a weight of nothing (RFC 9110 §12.5.3).
func acceptsGzip(fields []string) bool {
	for part := range strings.SplitSeq(strings.Join(fields, ","), ",") {
		coding, parameter, _ := strings.Cut(part, ";")
		if !strings.EqualFold(strings.TrimSpace(coding), "gzip") {
			continue
		}
		weight, weighed := strings.CutPrefix(strings.ReplaceAll(strings.ToLower(parameter), " ", ""), "q=")
		q, err := strconv.ParseFloat(weight, 64)
		return !weighed || err == nil && q > 0
	}
	return false
}
