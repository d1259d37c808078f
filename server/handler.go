package server

import (
	"net/http"
	"strings"
	"time"

	"github.com/openline/openline/api"
)

// ServeHTTP hands a request to the transport, the API or the page. Paths are
// taken as they are: nothing is cleaned, and so nothing redirected.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/ws" || strings.HasPrefix(r.URL.Path, "/ws/") {
		s.ws.ServeHTTP(w, r)
		return
	}
	// A deadline for the rest, which the API moves on as it gets ahead. It
	// ends with the request, or with the connection's being taken over.
	control := http.NewResponseController(w)
	deadline := time.Now().Add(stallTimeout)
	_ = control.SetWriteDeadline(deadline) // a recorder in a test has none
	if r.ContentLength != 0 {
		_ = control.SetReadDeadline(deadline)
	}
	if api.Handles(r.URL.Path) {
		s.api.ServeHTTP(w, r)
		return
	}
	s.page.ServeHTTP(w, r)
}
