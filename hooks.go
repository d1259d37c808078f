package openline

import (
	"errors"
	"runtime/debug"
)

// guard calls a hook of the embedding program. A panic in it is logged and ends the session with 1011.
func (h *Hub) guard(s *Session, hook string, call func() error) (err error) {
	defer func() {
		v := recover()
		if v == nil {
			return
		}
		h.log.Error("a hook panicked", "hook", hook, "session", s, "user", s.user, "panic", v, "stack", string(debug.Stack()))
		e := refuse(CodeInternal, "the server could not do this")
		e.Close = CloseInternal
		e.Err = errors.New("panic in " + hook)
		if hook != "OnError" {
			h.report(s, e)
		}
		e.told = true
		err = e
		s.Close(CloseInternal, "internal error")
	}()
	return call()
}

// report tells OnError and the log of what went wrong in a session.
func (h *Hub) report(s *Session, err error) {
	if e, ok := errors.AsType[*Error](err); ok {
		if e.told {
			return
		}
		switch {
		case e.Code == CodeInternal:
			h.log.Error("a request failed", "session", s, "user", s.user, "error", err)
		case e.Err != nil:
			h.log.Info("a request was refused", "session", s, "user", s.user, "error", err)
		}
	}
	if h.o.OnError != nil {
		_ = h.guard(s, "OnError", func() error { h.o.OnError(s, err); return nil })
	}
}

// authorize asks Options.Authorize.
func (s *Session) authorize(action, target string) *Error {
	h := s.hub
	if h.o.Authorize == nil {
		return nil
	}
	err := h.guard(s, "Authorize", func() error { return h.o.Authorize(s, action, target) })
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return &Error{Code: CodeForbidden, Message: "you may not " + action + " to " + target, Err: err}
}
