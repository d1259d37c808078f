package openline

import (
	"errors"

	"github.com/openline/openline/websocket"
)

// A CloseReason says why a session ended.
type CloseReason struct {
	Code   int    // a close code: the one it was closed with, or the peer's
	Reason string // the sentence beside it
	Remote bool   // the peer ended it, or vanished
	Err    error  // what the transport or the line said, if anything

	lost bool // the line failed: what the transport says later is nearer to the cause
}

// Close ends the session: it is out of all lists and channels when Close returns, the line closes with the code and reason, and OnClose follows when the line is gone.
// A reason is a sentence of at most 123 bytes. Only the first call counts. With 1008, 1011 and from 4001 on, a sys:error with the reason goes out
// first, for transports that have no close codes.
func (s *Session) Close(code int, reason string) {
	announce := code == ClosePolicy || code == CloseInternal || code >= CloseUnauthorised && code != CloseSlow
	s.shut(code, reason, announce)
}

// shut is Close, with the choice of a sys:error before it.
func (s *Session) shut(code int, reason string, announce bool) {
	if !s.end(&CloseReason{Code: code, Reason: reason}) || !s.hasBegun() {
		return
	}
	if announce {
		_ = s.post(s.system("sys:error", nil, errorData(closeWord(code), reason)))
	}
	s.line.Close(code, reason)
	s.detach()
}

// Closed is the transport's word that the line is gone, called on the goroutine that called Receive, after its last call: OnClose runs in it. A nil err is a normal end,
// a *websocket.CloseError one with its code, anything else an abnormal one. Further calls do nothing.
func (s *Session) Closed(err error) {
	s.mu.Lock()
	first := !s.gone
	s.gone = true
	s.mu.Unlock()
	if !first {
		return
	}
	said := reasonOf(err)
	if !s.end(&said) {
		if why := s.why.Load(); why.lost {
			s.why.Store(&said)
		} else if why.Err == nil && err != nil {
			with := *why
			with.Err = err
			s.why.Store(&with)
		}
	}
	s.detach()
	s.hub.closing(s)
	s.hub.finish()
}

// closing calls OnClose.
func (h *Hub) closing(s *Session) {
	if h.o.OnClose != nil {
		_ = h.guard(s, "OnClose", func() error { h.o.OnClose(s, *s.why.Load()); return nil })
	}
}

// reasonOf reads a transport's last word.
func reasonOf(err error) CloseReason {
	if err == nil {
		return CloseReason{Code: CloseNormal, Remote: true}
	}
	if c, ok := errors.AsType[*websocket.CloseError](err); ok {
		return CloseReason{Code: int(c.Code), Reason: c.Reason, Remote: c.Remote, Err: err}
	}
	return CloseReason{Code: CloseAbnormal, Remote: true, Err: err}
}

// end makes why the reason that the session has ended for, if it is the first.
func (s *Session) end(why *CloseReason) bool { return s.why.CompareAndSwap(nil, why) }

// hasBegun reports whether Open has come past OnOpen: before, the line is not touched, and Open returns the error.
func (s *Session) hasBegun() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.begun
}

// detach takes the session out of the registry and all channels.
func (s *Session) detach() {
	s.mu.Lock()
	if s.detached {
		s.mu.Unlock()
		return
	}
	s.detached = true
	parts := s.parts
	s.parts = nil
	s.hub.sessions.remove(s)
	s.mu.Unlock()
	h := s.hub
	h.order.Lock()
	defer h.order.Unlock()
	if h.closed {
		return
	}
	for _, p := range parts {
		h.exit(p)
		h.crowds.depart(s, p.topic)
	}
	s.shard.put(handover{do: leave, session: s, parts: parts})
}

// fail ends a session whose line took no message. It may run on the shard, which must not wait for Hub.order: the rest is done elsewhere.
func (s *Session) fail(err error) {
	code, reason := CloseInternal, "the line failed"
	why := &CloseReason{Code: CloseAbnormal, Remote: true, Err: err, lost: true}
	if isSlow(err) {
		code, reason = CloseSlow, "slow consumer"
		why = &CloseReason{Code: code, Reason: reason, Err: err}
	}
	if !s.end(why) {
		return
	}
	s.line.Close(code, reason)
	s.hub.begin()
	go func() {
		defer s.hub.finish()
		s.detach()
		if code == CloseSlow {
			s.hub.log.Warn("a slow consumer was closed", "session", s, "user", s.user, "remote", s.remote)
			s.hub.report(s, ErrSlow)
		}
	}()
}

func isSlow(err error) bool {
	return errors.Is(err, ErrSlow) || errors.Is(err, websocket.ErrQueueFull)
}

// closeWord returns the word of a sys:error that says what the close code says.
func closeWord(code int) string {
	switch code {
	case CloseUnauthorised:
		return CodeUnauthorised
	case CloseForbidden:
		return CodeForbidden
	case CloseSlow:
		return CodeSlow
	case CloseRateLimit:
		return CodeRateLimit
	case CloseTryAgainLater, CloseGoingAway:
		return CodeTryLater
	case CloseInternal:
		return CodeInternal
	}
	return CodeClosed
}
