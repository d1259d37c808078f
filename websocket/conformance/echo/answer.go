package echo

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// plain answers with a line of text.
func plain(w http.ResponseWriter, status int, text string) {
	text += "\n"
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(len(text)))
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text)
}

// reads reports whether the request only reads, and answers it otherwise.
func reads(w http.ResponseWriter, r *http.Request) bool {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return true
	}
	w.Header().Set("Allow", "GET, HEAD")
	plain(w, http.StatusMethodNotAllowed, "this can only be read")
	return false
}

// ServerFeatures and ClientFeatures are what this package's ends offer besides
// the echo, by the words that the cases use.
var (
	ServerFeatures = []string{
		"deflate", "plain", "limit", "subprotocols", "keepalive", "timeout", "do", "seen", "post", "answer", "routes", "origin",
		"rate", "connections", "session", "insist",
	}
	ClientFeatures = []string{
		"deflate", "plain", "limit", "subprotocols", "header", "keepalive", "timeout", "do", "seen", "urls", "proxy", "tls",
		"redirects", "refusal", "reconnect", "parallel", "subprotocol",
	}
)

// serveFeatures lists the features, those included that are options.
func (s *Server) serveFeatures(w http.ResponseWriter, r *http.Request) {
	if !reads(w, r) {
		return
	}
	list := ServerFeatures
	if len(s.options.Hosts) > 0 {
		list = append(list[:len(list):len(list)], "hosts")
	}
	if r.TLS != nil {
		list = append(list[:len(list):len(list)], "tls")
	}
	plain(w, http.StatusOK, strings.Join(list, " "))
}

// maxPost is the largest body that is sent back, postTime how long it may take.
const (
	maxPost  = 1 << 20
	postTime = 4 * time.Second
)

// servePost sends the body of a POST back.
func servePost(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", "POST")
		plain(w, http.StatusMethodNotAllowed, "send the body with POST")
		return
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(postTime)) // a recorder in a test has none
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxPost))
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		plain(w, http.StatusRequestEntityTooLarge, fmt.Sprintf("a body has at most %d bytes here", tooLarge.Limit))
		return
	}
	if err != nil {
		w.Header().Set("Connection", "close")
		plain(w, http.StatusBadRequest, "the body cannot be read: "+err.Error())
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.Header().Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write(body)
}

// serveAnswer refuses an upgrade in the way that the query says.
func serveAnswer(w http.ResponseWriter, r *http.Request) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		plain(w, http.StatusBadRequest, err.Error())
		return
	}
	status, err := strconv.Atoi(query.Get("status"))
	if err != nil || status < 200 || status > 599 {
		plain(w, http.StatusBadRequest, "the setting status in the URL's query is not a number from 200 to 599")
		return
	}
	for i, name := range query["name"] {
		if values := query["value"]; i < len(values) {
			// net/http makes spaces of line ends itself.
			w.Header().Add(name, strings.ReplaceAll(values[i], "\x00", " "))
		}
	}
	if status == http.StatusNoContent || status == http.StatusNotModified {
		w.WriteHeader(status)
		return
	}
	plain(w, status, "this is the answer that was asked for")
}
