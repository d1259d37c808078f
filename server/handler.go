package server

import (
	"net/http"
	"strings"

	"github.com/openline/openline/api"
)

// ServeHTTP hands a request to the transport, the API or the page. Paths are
// taken as they are: nothing is cleaned, and so nothing redirected.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/ws" || strings.HasPrefix(r.URL.Path, "/ws/") {
		s.ws.ServeHTTP(w, r)
		return
	}
	if api.Handles(r.URL.Path) {
		s.api.ServeHTTP(w, r)
		return
	}
	s.page.ServeHTTP(w, r)
}
