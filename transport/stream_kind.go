package transport

import (
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"github.com/openline/openline"
)

// A kind is how messages look in a body without end.
type kind struct {
	media string
	beat  []byte                           // a heartbeat
	form  func(m *openline.Message) []byte // a message
	first func() []byte                    // what comes before all messages, or nil
	last  func(s *stream) []byte           // what comes after them, or nil
}

// events are server-sent events (WHATWG HTML §9.2.5).
var events = &kind{
	media: "text/event-stream",
	beat:  []byte(":\n\n"),
	form:  event,
	first: func() []byte { return retry(between(time.Second, 3*time.Second)) },
	last:  lastEvent,
}

// lines are one envelope a line; an empty line is a heartbeat.
var lines = &kind{
	media: "application/x-ndjson",
	beat:  []byte("\n"),
	form:  func(m *openline.Message) []byte { return m.NDJSON() },
	first: func() []byte { return nil },
	last:  lastLine,
}

func between(least, most time.Duration) int64 {
	return (least + rand.N(most-least)).Milliseconds()
}

// retry tells an EventSource how long to wait, in milliseconds, before it comes back.
func retry(ms int64) []byte {
	return append(strconv.AppendInt([]byte("retry: "), ms, 10), '\n', '\n')
}

// event returns the message as an event. The time to come back that sys:drain says goes to
// the EventSource, too.
func event(m *openline.Message) []byte {
	if m.Type != "sys:drain" {
		return m.EventStream()
	}
	var d struct{ Retry int64 }
	if json.Unmarshal(m.Data, &d) != nil || d.Retry < 0 {
		return m.EventStream()
	}
	return append(retry(d.Retry), m.EventStream()...)
}

// farewell is the word for a session whose hub has said none: that was too slow.
func farewell(s *stream) *openline.Message {
	if s.code != openline.CloseSlow {
		return nil
	}
	return errorMessage(openline.CodeSlow, "more messages came than you took: come again with the cursor")
}

func lastLine(s *stream) []byte {
	if m := farewell(s); m != nil {
		return m.NDJSON()
	}
	return nil
}

// lastEvent ends the stream for good where that is meant: the EventSource comes back in any
// case, with the latest id, so that gets to say which session it was, which is answered
// with 204.
func lastEvent(s *stream) []byte {
	if m := farewell(s); m != nil {
		return m.EventStream()
	}
	switch {
	case s.renew && s.code == openline.CloseNormal:
		return retry(between(0, 100*time.Millisecond))
	case forGood(s.code) && s.place != "":
		hub := s.hub.Load()
		s.t.ended.add(&grave{id: hub.ID(), user: s.user, code: s.code, reason: s.reason})
		return []byte("id: " + s.place + "." + hub.ID() + "\n\n")
	}
	return nil
}

// forGood reports whether a session that is closed with the code is not to come back.
func forGood(code int) bool {
	switch code {
	case openline.CloseNormal, openline.ClosePolicy, openline.CloseForbidden, openline.CloseKicked:
		return true
	}
	return false
}

// serveEvents answers GET /sse/{user}.
func (t *HTTP) serveEvents(w http.ResponseWriter, r *http.Request, q *request) error {
	if t.ended.find(q.polling, q.User) != nil {
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	err := t.serveDown(w, r, q, events)
	if err == nil {
		return nil
	}
	ms, passes := retryAfter(err)
	if !passes {
		return err
	}
	t.later(w, r, ms, err)
	return nil
}

// serveStream answers GET /stream/{user}.
func (t *HTTP) serveStream(w http.ResponseWriter, r *http.Request, q *request) error {
	return t.serveDown(w, r, q, lines)
}
