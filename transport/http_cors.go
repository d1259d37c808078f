package transport

import (
	"net/http"
	"strings"

	"github.com/openline/openline"
	"github.com/openline/openline/transport/problem"
)

// What a page of another origin may send and see, and for how many seconds its browser
// need not ask again (two hours, which no browser exceeds).
const (
	corsHeaders = "authorization, content-type, last-event-id, accept, cache-control"
	corsExposed = "Retry-After, WWW-Authenticate"
	corsMaxAge  = "7200"
)

// allowOrigin has the browser give the answer to the page that asks, if that may have it.
// The verdict is the opening handshake's.
func (t *HTTP) allowOrigin(w http.ResponseWriter, r *http.Request) error {
	if !t.origins.Allow(r) {
		hint := t.ws.o.OriginHint
		if hint == "" {
			hint = "Options.Origins would let it in."
		}
		return problem.New(http.StatusForbidden, openline.CodeForbidden, "Pages from the origin %q may not use this server. %s", clipName(strings.Join(r.Header["Origin"], ", ")), hint)
	}
	origin := r.Header.Get("Origin")
	if origin == "" {
		return nil
	}
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", origin)
	if t.trusted { // a page that anybody may have written gets nothing with another's cookies
		h.Set("Access-Control-Allow-Credentials", "true")
	}
	h.Set("Access-Control-Expose-Headers", corsExposed)
	return nil
}

// allowed lists the methods of the route.
func allowed(at *route) string {
	if at.method == http.MethodGet {
		return "GET, HEAD, OPTIONS"
	}
	return at.method + ", OPTIONS"
}

// preflight answers a browser that asks what a page may do. It brings no token, and none is
// asked for: the answer says nothing of users or sessions.
func preflight(w http.ResponseWriter, r *http.Request, at *route) {
	h := w.Header()
	h.Set("Allow", allowed(at))
	if r.Header.Get("Origin") != "" {
		h.Set("Access-Control-Allow-Methods", allowed(at))
		h.Set("Access-Control-Allow-Headers", corsHeaders)
		h.Set("Access-Control-Max-Age", corsMaxAge)
		h.Add("Vary", "Access-Control-Request-Method, Access-Control-Request-Headers")
	}
	w.WriteHeader(http.StatusNoContent)
}
