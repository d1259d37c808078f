package openline

import (
	"context"
)

// ReceiveRaw takes one message from the client of a raw session, text or binary, and publishes it to the session's channel as it is. As there are no replies, what
// cannot be published ends the session: 1009 if it is too large, 1007 for text that is not UTF-8, 4003 if it is not allowed, 1011 else.
//
// On a session with envelopes, text is an envelope, and binary is answered with sys:error. data is the caller's again when ReceiveRaw has returned.
func (s *Session) ReceiveRaw(ctx context.Context, data []byte, binary bool) {
	if s.ended() {
		return
	}
	if s.raw == nil {
		if !binary {
			s.Receive(ctx, data)
			return
		}
		e := refuse(CodeBadRequest, "a binary message: this session speaks JSON in text messages. For binary data, open one with ?raw=CHANNEL")
		s.hub.report(s, e)
		_ = s.ReplyError(nil, e)
		return
	}
	p := Publication{Channel: *s.raw, From: s.user, Data: data, Raw: true, Binary: binary}
	e := s.hub.complete(&p, false)
	if e == nil {
		e = s.mayPublish(ActionPublish, *s.raw)
	}
	if e == nil {
		_, e = s.put(ctx, &p)
	}
	if e == nil || s.ended() {
		return
	}
	s.hub.report(s, e)
	code := refusal(e).Close
	switch e.Code {
	case CodeTooLarge:
		code = CloseTooBig
	case CodeBadJSON:
		code = CloseInvalidPayload
	}
	s.Close(code, clip(e.Message, 120))
}

// checkPayload checks what a raw session is to get.
func (h *Hub) checkPayload(data []byte, binary bool) *Error {
	if !binary {
		if e := checkUTF8(data); e != nil {
			return &Error{Code: CodeBadJSON, Message: "the text is not UTF-8; publish it as binary"}
		}
	}
	return nil
}
