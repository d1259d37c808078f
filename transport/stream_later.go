package transport

import (
	"net/http"
	"strconv"
	"time"

	"github.com/openline/openline/transport/problem"
)

// later refuses an EventSource so that it comes back: any status but 200 would end it for
// good (WHATWG HTML §9.2.3).
func (t *HTTP) later(w http.ResponseWriter, r *http.Request, ms int64, err error) {
	p := problem.Of(err)
	p.Log(t.ws.log, r)
	body := retry(ms + between(0, 2*time.Second))
	body = append(body, errorMessage(p.Code, p.Detail).EventStream()...)
	h := w.Header()
	h.Set("Content-Type", events.media)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(body) // the reader is gone: nobody is left to tell
}
