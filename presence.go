package openline

func (s *Session) doPresence(r *Request) *Error {
	return refuse(CodeUnsupported, "presence is not available in %s", r.Channel)
}
