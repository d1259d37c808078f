package openline

import (
	"encoding/json"
	"strings"
	"time"
)

// Send hands a message to this session alone, outside the one order: it has no ID unless m has one, and is in nobody's history. m must have a Type of the application's
// (or none, for "message") and Data that is JSON; it is the hub's from then on, may be sent to many sessions, and is not changed.
// A raw session gets its payload. After the session has ended, Send returns ErrSessionClosed; if its queue is full, ErrSlow, and the session ends.
func (s *Session) Send(m *Message) error {
	if strings.HasPrefix(m.Type, "sys:") {
		return checkEvent(m.Type)
	}
	if m.Raw {
		if e := s.hub.checkPayload(m.Data, m.Binary); e != nil {
			return e
		}
	} else if len(m.Data) > 0 {
		if _, e := trimJSON(m.Data); e != nil {
			return e
		}
	}
	if s.ended() {
		return ErrSessionClosed
	}
	if s.raw != nil {
		m = m.bare()
	}
	return s.post(m)
}

// Reply sends a sys:ok: ref is the request's, or nil, and data one JSON value, or nil for an empty object. A raw session gets nothing.
func (s *Session) Reply(ref, data json.RawMessage) error {
	if len(data) == 0 {
		data = json.RawMessage("{}")
	} else if _, e := trimJSON(data); e != nil {
		return e
	}
	return s.answer("sys:ok", ref, append([]byte(nil), data...))
}

// ReplyError sends a sys:error with e's code and message: ref is the request's, or nil. If e.Close is set, the session ends with it. A raw session gets nothing.
func (s *Session) ReplyError(ref json.RawMessage, e *Error) error {
	err := s.answer("sys:error", ref, errorData(e.Code, e.Message))
	if e.Close != 0 {
		s.shut(e.Close, clip(e.Message, 120), false)
	}
	return err
}

func (s *Session) answer(kind string, ref json.RawMessage, data []byte) error {
	if s.ended() {
		return ErrSessionClosed
	}
	return s.post(s.system(kind, ref, data))
}

// system makes an envelope of Openline's own. ref is copied, data is kept.
func (s *Session) system(kind string, ref json.RawMessage, data []byte) *Message {
	if len(data) == 0 {
		data = []byte("{}")
	}
	m := &Message{Type: kind, Data: data, Time: time.Now().UTC()}
	if len(ref) > 0 {
		m.Ref = append(m.Ref, ref...)
	}
	return m
}

func errorData(code, message string) []byte {
	b := append(make([]byte, 0, 64+len(message)), `{"code":`...)
	b = appendString(b, code)
	b = append(b, `,"message":`...)
	b = appendString(b, message)
	return append(b, '}')
}

// post sends m from any goroutine but a shard's: not before sys:open.
func (s *Session) post(m *Message) error {
	if s.visiting {
		return ErrSessionClosed // nothing of it is open, and it goes on nonetheless
	}
	if s.silent(m) {
		return nil
	}
	if o := s.opening.Load(); o != nil {
		if waits, err := o.wait(m); waits {
			return err
		}
	}
	return s.hand(m)
}

// tell sends m, unless it is nil, from the shard.
func (s *Session) tell(m *Message) {
	if m != nil && !s.silent(m) {
		_ = s.handHere(m, false)
	}
}

// silent reports whether m is an envelope of Openline's for a raw session, which gets none.
func (s *Session) silent(m *Message) bool { return s.raw != nil && strings.HasPrefix(m.Type, "sys:") }

// hand gives m to the line, and ends the session if the line does not take it.
func (s *Session) hand(m *Message) error {
	err := s.line.Send(m)
	if err != nil {
		s.fail(err)
	}
	return err
}

// handHere is hand on the shard.
func (s *Session) handHere(m *Message, more bool) error {
	if !s.here || s.shard.apart {
		return s.hand(m)
	}
	err := s.line.(RunnerLine).SendHere(m, more) //nolint:forcetypeassert // see Hub.assign
	if err != nil {
		s.fail(err)
	}
	return err
}
