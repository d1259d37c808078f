package server

import (
	"net/http"
	"strings"

	"github.com/openline/openline/api"
	"github.com/openline/openline/transport"
)

// isSession reports whether a request for the path is one for a session.
func isSession(path string) bool { return path == "/ws" || strings.HasPrefix(path, "/ws/") }

// ServeHTTP hands a request to a transport, the API, the script or the page. Paths are
// taken as they are: nothing is cleaned, and so nothing redirected.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if isSession(r.URL.Path) {
		s.ws.ServeHTTP(w, r)
		return
	}
	if transport.Handles(r.URL.Path) {
		s.plain.ServeHTTP(w, r)
		return
	}
	if api.Handles(r.URL.Path) {
		s.api.ServeHTTP(w, r)
		return
	}
	if r.URL.Path == "/openline.js" {
		s.script.ServeHTTP(w, r)
		return
	}
	s.page.ServeHTTP(w, r)
}
