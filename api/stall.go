package api

import (
	"io"
	"net/http"
	"time"
)

// limit sets the deadlines that a request begins with: of the first read of
// its body and of its answer. A server that sets them itself need not be told
// so, as each costs a timer.
func (a *API) limit(w http.ResponseWriter, r *http.Request) {
	srv, _ := r.Context().Value(http.ServerContextKey).(*http.Server)
	deadline := time.Time{}
	// Where there are no deadlines, as in a recorder, there is no stalling.
	if srv == nil || !a.within(srv.WriteTimeout) {
		deadline = time.Now().Add(a.stall)
		_ = http.NewResponseController(w).SetWriteDeadline(deadline)
	}
	if r.ContentLength != 0 && (srv == nil || !a.within(srv.ReadTimeout)) {
		if deadline.IsZero() {
			deadline = time.Now().Add(a.stall)
		}
		_ = http.NewResponseController(w).SetReadDeadline(deadline)
	}
}

// patience moves the deadlines on for a call that answers only after a while. That
// of reading too: net/http reads on meanwhile, to notice a client that has gone.
func (a *API) patience(w http.ResponseWriter, wait time.Duration) {
	control := http.NewResponseController(w)
	deadline := time.Now().Add(wait + a.stall)
	// Where there are no deadlines, as in a recorder, there is no stalling.
	_ = control.SetReadDeadline(deadline)
	_ = control.SetWriteDeadline(deadline)
}

// within reports whether a time-out of the server's keeps the promise.
func (a *API) within(timeout time.Duration) bool { return timeout > 0 && timeout <= a.stall }

// stallReader lets each read of a body take as long as the stall time-out and
// no longer, however long the whole takes. The first read has the deadline
// that the request begins with: most bodies are whole by then.
type stallReader struct {
	io.ReadCloser
	w     http.ResponseWriter
	stall time.Duration
	reads int
}

func (s *stallReader) Read(p []byte) (int, error) {
	if s.reads++; s.reads > 1 {
		_ = http.NewResponseController(s.w).SetReadDeadline(time.Now().Add(s.stall))
	}
	return s.ReadCloser.Read(p)
}

// ended moves the deadline of the answer on, when the body took its time.
func (s *stallReader) ended(err error) {
	if s.reads > 1 || err != io.EOF {
		_ = http.NewResponseController(s.w).SetWriteDeadline(time.Now().Add(s.stall))
	}
}
