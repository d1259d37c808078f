package console

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"sync"
	"time"
)

//go:embed static/*.html static/*.css static/*.js static/*.svg
var embedded embed.FS

// prefix is the path below which everything but the page itself is served.
const prefix = "/console/"

// policy is the page's Content-Security-Policy. In CSP 3, 'self' in connect-src
// covers ws: and wss: of the same host and port too, so no address has to be
// copied from the request. Trusted types make innerHTML and its relatives throw.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; " +
	"img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; " +
	"require-trusted-types-for 'script'; trusted-types 'none'"

// mediaTypes are written out because mime.TypeByExtension asks the system,
// whose answer may differ from one machine to the next.
var mediaTypes = map[string]string{
	".html": "text/html; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".svg":  "image/svg+xml",
}

// file is one embedded file, ready to be served.
type file struct {
	content   []byte
	mediaType string
	etag      string
}

// load reads the embedded files once, by the path they are served at.
var load = sync.OnceValue(func() map[string]*file {
	files, err := read(embedded)
	if err != nil {
		panic(err) // the files are part of the binary: only a broken build gets here
	}
	return files
})

func read(fsys fs.FS) (map[string]*file, error) {
	files := make(map[string]*file)
	err := fs.WalkDir(fsys, "static", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(fsys, name)
		if err != nil {
			return err
		}
		mediaType, ok := mediaTypes[path.Ext(name)]
		if !ok {
			return fmt.Errorf("console: no media type for %s", name)
		}
		sum := sha256.Sum256(content)
		address := prefix + strings.TrimPrefix(name, "static/")
		if address == prefix+"index.html" {
			address = "/"
		}
		files[address] = &file{
			content:   content,
			mediaType: mediaType,
			etag:      `"` + base64.RawURLEncoding.EncodeToString(sum[:15]) + `"`,
		}
		return nil
	})
	return files, err
}

// Handler returns the handler of the page: GET and HEAD of / and of the files
// below /console/. Another method on one of them is answered with 405, any
// other path with 404, both as RFC 9457 problem details.
//
// Files are revalidated by ETag at each use (Cache-Control: no-cache): their
// names do not change from one version to the next, so nothing may be kept
// unasked.
func Handler() http.Handler {
	files := load()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("Content-Security-Policy", policy)
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Referrer-Policy", "no-referrer")
		header.Set("Cross-Origin-Opener-Policy", "same-origin")
		header.Set("Cross-Origin-Resource-Policy", "same-origin")

		f, ok := files[r.URL.Path]
		if !ok {
			problem(w, r, http.StatusNotFound, "There is nothing at this address. The page for trying Openline is at /.")
			return
		}
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			header.Set("Allow", "GET, HEAD")
			problem(w, r, http.StatusMethodNotAllowed, "This is a page for people: use GET. Programs send messages through /api/.")
			return
		}
		header.Set("Content-Type", f.mediaType)
		header.Set("Cache-Control", "no-cache")
		header.Set("ETag", f.etag)
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(f.content))
	})
}

// problem answers with RFC 9457 problem details.
func problem(w http.ResponseWriter, r *http.Request, status int, detail string) {
	body, err := json.Marshal(struct {
		Type   string `json:"type"`
		Title  string `json:"title"`
		Status int    `json:"status"`
		Detail string `json:"detail"`
	}{"about:blank", http.StatusText(status), status, detail})
	if err != nil {
		panic(err) // strings and an int always encode
	}
	header := w.Header()
	header.Set("Content-Type", "application/problem+json")
	header.Set("Cache-Control", "no-store")
	header.Set("Content-Length", fmt.Sprint(len(body)))
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // the reader is gone: nobody is left to tell
	}
}
