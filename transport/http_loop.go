package transport

import (
	"bytes"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Hold answers polls: it is for whoever reads requests himself, on
// an event loop, as [websocket.ServerOptions] have it. What waits keeps neither a goroutine
// nor anything of net/http. It reports false, and has done nothing, for all other requests,
// which are for ServeHTTP.
func (t *HTTP) Hold(r *http.Request, answer func(response []byte)) (taken bool, hurry func()) {
	if r.Method != http.MethodGet || !strings.HasPrefix(r.URL.Path, "/poll/") {
		return false, nil
	}
	a := &loopAnswer{send: answer, header: http.Header{}}
	r = r.Clone(t.ws.ctx)
	go a.serve(t, r) // a hook may wait, and so may the hub
	return true, a.hurry
}

// Try answers requests to /send, of one envelope, as Hold does polls.
func (t *HTTP) Try(r *http.Request, body []byte, answer func(response []byte)) bool {
	if r.Method != http.MethodPost || !strings.HasPrefix(r.URL.Path, "/send/") || r.Header.Get("Content-Type") != "application/json" {
		return false
	}
	a := &loopAnswer{send: answer, header: http.Header{}}
	r = r.Clone(t.ws.ctx)
	r.Body = readCloser{bytes.NewReader(bytes.Clone(body))}
	go a.serve(t, r)
	return true
}

type readCloser struct{ *bytes.Reader }

func (readCloser) Close() error { return nil }

// loopAnswer collects an answer that is sent as a whole.
type loopAnswer struct {
	send   func(response []byte)
	header http.Header // nil while a poll is held
	fields []byte      // the header's then
	status int
	body   []byte

	mu        sync.Mutex // guards the following
	impatient bool       // nobody waits for it
	session   *poll      // of the poll that is held; nil: none is
	held      *hold
}

func (a *loopAnswer) serve(t *HTTP, r *http.Request) {
	defer func() {
		if v := recover(); v != nil { // as net/http does; what was held stays for the next poll
			t.ws.log.Error("a request failed", "path", clipName(r.URL.EscapedPath()), "panic", v, "stack", string(debug.Stack()))
			a.status, a.header = http.StatusInternalServerError, http.Header{}
			a.finish(nil)
		}
	}()
	t.ServeHTTP(a, r)
	if a.header != nil {
		a.finish(a.body)
	}
}

// Header implements http.ResponseWriter.
func (a *loopAnswer) Header() http.Header { return a.header }

// WriteHeader implements http.ResponseWriter.
func (a *loopAnswer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
}

// Write implements http.ResponseWriter.
func (a *loopAnswer) Write(b []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	a.body = append(a.body, b...)
	return len(b), nil
}

// seal writes the header down, of which a map is many times as large.
func (a *loopAnswer) seal() {
	a.header.Del("Content-Length")
	var out headWriter
	_ = a.header.Write(&out) // to memory
	a.fields, a.header = out, nil
}

// finish sends the answer.
func (a *loopAnswer) finish(body []byte) {
	if a.header != nil {
		a.seal()
	}
	a.WriteHeader(http.StatusOK)
	b := append(make([]byte, 0, 128+len(a.fields)+len(body)), "HTTP/1.1 "...)
	b = strconv.AppendInt(b, int64(a.status), 10)
	b = append(append(append(b, ' '), http.StatusText(a.status)...), "\r\n"...)
	b = append(append(b, a.fields...), "Date: "...)
	b = append(time.Now().UTC().AppendFormat(b, http.TimeFormat), "\r\n"...)
	if a.status != http.StatusNoContent { // RFC 9110 §8.6
		b = append(strconv.AppendInt(append(b, "Content-Length: "...), int64(len(body)), 10), "\r\n"...)
	}
	b = append(append(b, "\r\n"...), body...)
	a.send(b)
}

// hold holds a poll without a goroutine.
func (a *loopAnswer) hold(p *poll, h *hold, wait time.Duration) {
	a.header.Set("Content-Type", "application/json")
	a.seal()
	a.mu.Lock()
	impatient := a.impatient
	a.session, a.held = p, h
	a.mu.Unlock()
	if impatient {
		a.finish(p.end(h, true))
		return
	}
	p.hold(h, wait, func() {
		go func() { // a burst of messages is there by then, and no lock is held
			a.mu.Lock()
			impatient := a.impatient
			a.mu.Unlock()
			a.finish(p.end(h, impatient))
		}()
	})
	a.mu.Lock()
	impatient = a.impatient
	a.mu.Unlock()
	if impatient { // since it was asked
		p.drop(h)
	}
}

// hurry has the poll answered that is held: with nothing, since its client may be gone.
func (a *loopAnswer) hurry() {
	a.mu.Lock()
	a.impatient = true
	p, h := a.session, a.held
	a.mu.Unlock()
	if p != nil {
		p.drop(h)
	}
}
