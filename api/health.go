package api

import (
	_ "embed"
	"net/http"
	"strconv"

	"github.com/openline/openline"
	"github.com/openline/openline/transport/problem"
)

//go:embed openapi.json
var openAPI []byte

// OpenAPI returns the description of the API, an OpenAPI 3.1 document, which
// is the caller's.
func OpenAPI() []byte { return append([]byte(nil), openAPI...) }

func (a *API) openapi(w http.ResponseWriter, c *call) error {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-cache")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Length", strconv.Itoa(len(openAPI)))
	if c.Method == http.MethodHead {
		return nil
	}
	_, _ = w.Write(openAPI) // the reader is gone: nobody is left to tell
	return nil
}

// healthz says that the process answers.
func (a *API) healthz(w http.ResponseWriter, c *call) error {
	return reply(w, c.Request, http.StatusOK, map[string]string{"status": "ok"})
}

// readyz says whether new sessions should be sent here.
func (a *API) readyz(w http.ResponseWriter, c *call) error {
	if !a.ready() {
		return problem.New(http.StatusServiceUnavailable, openline.CodeTryLater, "This node is draining; use another.").With("Retry-After", "1")
	}
	return reply(w, c.Request, http.StatusOK, map[string]string{"status": "ready"})
}
