package api

import (
	_ "embed"
	"net/http"

	"github.com/openline/openline"
	"github.com/openline/openline/transport/problem"
)

//go:embed openapi.json
var openAPI []byte

// OpenAPI returns the description of the API, an OpenAPI 3.1 document, which
// is the caller's.
func OpenAPI() []byte { return append([]byte(nil), openAPI...) }

func (a *API) openapi(w http.ResponseWriter, r *http.Request, _ *call) error {
	write(w, r.Method, noCache, openAPI)
	return nil
}

// healthz says that the process answers.
func (a *API) healthz(*call) (any, error) {
	return map[string]string{"status": "ok"}, nil
}

// readyz says whether new sessions should be sent here.
func (a *API) readyz(*call) (any, error) {
	if !a.ready() {
		return nil, problem.New(http.StatusServiceUnavailable, openline.CodeTryLater, "This node is draining; use another.").With("Retry-After", "1")
	}
	return map[string]string{"status": "ready"}, nil
}
