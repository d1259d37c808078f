package transport

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/openline/openline"
	"github.com/openline/openline/transport/problem"
)

// sendFactor is how many times the bound of one message a body of many may have.
const sendFactor = 4

// serveSend answers POST /send/{user}.
func (t *HTTP) serveSend(w http.ResponseWriter, r *http.Request, q *request) error {
	many, err := sendMedia(r.Header)
	if err != nil {
		return err
	}
	s, err := t.sender(q)
	if err != nil {
		return err
	}
	body, err := t.readSend(w, r, many)
	if err != nil {
		return err
	}
	answer := &replies{w: w, control: http.NewResponseController(w), many: many, stall: t.o.Stall}
	for len(body) > 0 {
		line := body
		body = nil
		if many {
			line, body, _ = bytes.Cut(line, []byte{'\n'})
		}
		if line = bytes.Trim(line, " \t\r\n"); len(line) == 0 {
			continue
		}
		if err := t.pace(s, q); err != nil {
			if !answer.begun {
				return err
			}
			answer.add(errorMessage(openline.CodeRateLimit, problem.Of(err).Detail))
			break
		}
		if t.tooLong(line) {
			answer.add(errorMessage(openline.CodeTooLarge, "a line is larger than "+strconv.FormatInt(t.maxMessage(), 10)+" bytes, the most that a message may have"))
			continue
		}
		s.Ask(r.Context(), line, answer.add)
		if answer.err != nil || r.Context().Err() != nil {
			return nil // nobody is there to hear of the rest
		}
	}
	answer.end()
	return nil
}

// sendMedia reports whether the body is of many requests.
func sendMedia(h http.Header) (many bool, err error) {
	unsupported := func(format string, args ...any) error {
		return problem.New(http.StatusUnsupportedMediaType, openline.CodeUnsupported, format, args...)
	}
	if coding := h.Get("Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
		return false, unsupported("The body has the Content-Encoding %q; send it as it is.", clipName(coding))
	}
	media, parameters, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err != nil || media != "application/json" && media != "application/x-ndjson" {
		return false, unsupported("The Content-Type is %q; send one envelope as application/json, or one a line as application/x-ndjson.", clipName(h.Get("Content-Type")))
	}
	if charset, ok := parameters["charset"]; ok && !strings.EqualFold(charset, "utf-8") {
		return false, unsupported("The charset is %q; JSON is utf-8.", clipName(charset))
	}
	return media == "application/x-ndjson", nil
}

// sender returns the session that asks: the one that the request names, or one for this
// alone.
func (t *HTTP) sender(q *request) (*openline.Session, error) {
	if !q.query.Has("session") {
		q.Opening.Channels = nil
		return t.ws.o.Hub.Visitor(q.Opening)
	}
	id, _, _ := strings.Cut(q.query.Get("session"), ".")
	s := t.ws.o.Hub.Session(id)
	if s == nil || s.User() != q.User {
		if t.ended.find(id, q.User) != nil {
			return nil, problem.New(http.StatusGone, openline.CodeClosed, "The session has ended: open another.")
		}
		return nil, problem.New(http.StatusNotFound, "not_found", "The user %q has no such session, or no longer: open another.", q.User)
	}
	if s.Raw() != "" {
		return nil, problem.New(http.StatusBadRequest, openline.CodeBadRequest, "That session is a raw one, which has no requests: leave session out.")
	}
	return s, nil
}

// maxMessage returns the most octets that a message may have, or a negative number.
func (t *HTTP) maxMessage() int64 {
	if n := t.ws.o.Conn.ReadLimit; n != 0 {
		return n
	}
	return 1 << 20
}

func (t *HTTP) tooLong(line []byte) bool {
	most := t.maxMessage()
	return most > 0 && int64(len(line)) > most
}

// readSend reads the body to its end, before anything in it counts.
func (t *HTTP) readSend(w http.ResponseWriter, r *http.Request, many bool) ([]byte, error) {
	most := t.maxMessage()
	if many {
		most *= sendFactor
	}
	in := io.Reader(&patient{r: r.Body, control: http.NewResponseController(w), stall: t.o.Stall})
	if most > 0 {
		in = http.MaxBytesReader(w, io.NopCloser(in), most)
	}
	body, err := io.ReadAll(in)
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{}) // a hook may take longer
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return nil, err
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, problem.New(http.StatusRequestTimeout, openline.CodeBadRequest, "The body did not arrive in time.").With("Connection", "close")
	case err != nil:
		return nil, problem.New(http.StatusBadRequest, openline.CodeBadRequest, "The body could not be read to its end.").With("Connection", "close")
	case len(bytes.Trim(body, " \t\r\n")) == 0:
		return nil, problem.New(http.StatusBadRequest, openline.CodeBadJSON, "The body is empty; send an envelope.")
	}
	return body, nil
}

// patient lets each read of a body take as long as the stall time, however long the whole
// takes.
type patient struct {
	r       io.Reader
	control *http.ResponseController
	stall   time.Duration
}

func (p *patient) Read(b []byte) (int, error) {
	_ = p.control.SetReadDeadline(time.Now().Add(p.stall))
	return p.r.Read(b)
}

// pace counts one message.
func (t *HTTP) pace(s *openline.Session, q *request) error {
	o := &t.ws.o
	who := q.User
	if q.query.Has("session") {
		who = s.ID()
	}
	if t.rates.take(who, o.MessageRate, o.MessageBurst) {
		return nil
	}
	return problem.New(http.StatusTooManyRequests, openline.CodeRateLimit, "Too many messages; slow down.").With("Retry-After", "1")
}

// replies are the body of the answer.
type replies struct {
	w       http.ResponseWriter
	control *http.ResponseController
	stall   time.Duration
	many    bool
	begun   bool
	first   *openline.Message // of one request, whose answer waits until it is known to be the only one
	err     error
}

// add takes one reply.
func (a *replies) add(m *openline.Message) {
	if !a.many && a.first == nil && !a.begun {
		a.first = m
		return
	}
	if one := a.first; one != nil { // a program that answers a request more than once
		a.first = nil
		a.line(one)
	}
	a.line(m)
}

func (a *replies) line(m *openline.Message) {
	if !a.begun {
		a.begun = true
		a.w.Header().Set("Content-Type", "application/x-ndjson")
	}
	_ = a.control.SetWriteDeadline(time.Now().Add(a.stall))
	if _, err := a.w.Write(m.NDJSON()); err != nil && a.err == nil {
		a.err = err
	}
}

// end answers what has not been answered.
func (a *replies) end() {
	_ = a.control.SetWriteDeadline(time.Now().Add(a.stall))
	switch m := a.first; {
	case m != nil:
		status := http.StatusOK
		if m.Type == "sys:error" {
			status = statusOf(refusalOf(m))
		}
		body := m.JSON()
		h := a.w.Header()
		h.Set("Content-Type", "application/json")
		h.Set("Content-Length", strconv.Itoa(len(body)))
		if status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable {
			h.Set("Retry-After", "1")
		}
		a.w.WriteHeader(status)
		_, _ = a.w.Write(body) // the reader is gone: nobody is left to tell
	case !a.begun:
		a.w.WriteHeader(http.StatusNoContent)
	}
}

// statusOf returns the HTTP status of a request that was refused.
func statusOf(e *openline.Error) int {
	switch e.Code {
	case openline.CodeClosed:
		return http.StatusGone
	case openline.CodeReserved:
		return http.StatusForbidden
	case openline.CodeLimit:
		return http.StatusBadRequest
	}
	return e.Status()
}
