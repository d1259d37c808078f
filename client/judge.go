package client

import (
	"crypto/tls"
	"errors"
	"net/http"
	"time"

	"github.com/openline/openline/websocket"
)

// kind is what is to be done after an attempt or a session has ended.
type kind int

const (
	again kind = iota // come back
	stale             // come back with a fresh token
	final             // do not come back
)

// doubt says how much an attempt that failed speaks against its transport: a
// proxy that does not let it through, rather than a server or a network that is
// away.
type doubt int

const (
	none doubt = iota
	weak       // a gateway's error: more likely the server behind it is away
	fair       // the connection was cut before there was an answer
	sure       // something else answered, or nothing came through
)

// verdict is what an error means for the client.
type verdict struct {
	kind  kind
	doubt doubt
	retry time.Duration // what the server asked for, 0 for nothing
	err   error         // what to tell the application
}

// judge is the only place that says what an error means: opened tells whether
// there was a session. A session's sys:error has been looked at before.
func judge(err error, opened bool) verdict {
	v := verdict{err: err}
	if e, ok := errors.AsType[*websocket.HandshakeError](err); ok && e.Status != 0 {
		err = refusedWith(e.Status, e.Header, e.Body)
		v.err = err
	}
	if r, ok := errors.AsType[*refusal](err); ok {
		v.refused(r)
		return v
	}
	if e, ok := errors.AsType[*websocket.CloseError](err); ok && e.Code != websocket.CloseAbnormal {
		v.closed(e)
		return v
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok || opened {
		return v
	}
	v.doubt = fair
	if errors.Is(err, errNoOpen) || errors.Is(err, errUnfit) {
		v.doubt = sure
	}
	if _, ok := errors.AsType[*websocket.HandshakeError](err); ok {
		v.doubt = sure // what answered does not speak WebSocket
	}
	return v
}

// errUnfit is for an answer of a kind that the transport does not have.
var errUnfit = errors.New("client: the answer is not of the transport's kind")

// refused judges an HTTP status.
func (v *verdict) refused(r *refusal) {
	v.retry = r.retry
	switch {
	case r.said.Status == http.StatusUnauthorized:
		v.kind = stale
	case r.problem && r.final():
		v.kind = final
		v.err = &r.said
	case r.passing() && r.problem:
		// The server itself asks for patience: no other way is better.
	case r.passing():
		v.doubt = weak
	default:
		v.doubt = sure // something on the way, or a server without this transport
	}
}

// final reports whether Openline has said that this session is not to be, or is
// over for good.
func (r *refusal) final() bool {
	switch r.said.Status {
	case http.StatusBadRequest, http.StatusForbidden, http.StatusGone, http.StatusNoContent:
		return true
	}
	return false
}

// passing reports whether the same request may be answered later.
func (r *refusal) passing() bool {
	switch r.said.Status {
	case http.StatusTooManyRequests, http.StatusRequestTimeout, http.StatusTooEarly:
		return true
	}
	return r.said.Status >= 500 && r.said.Status != http.StatusNotImplemented
}

// The close codes of Openline's own, see its protocol.
const (
	closeUnauthorised = 4001
	closeForbidden    = 4003
	closeKicked       = 4009
	closeRateLimit    = 4029
)

// closed judges a close code.
func (v *verdict) closed(e *websocket.CloseError) {
	switch e.Code {
	case closeUnauthorised:
		v.kind = stale
		v.err = &Error{Code: codeUnauthorised, Message: e.Reason}
	case closeForbidden:
		v.kind = final
		v.err = &Error{Code: codeForbidden, Message: e.Reason}
	case closeKicked, websocket.CloseNormal:
		v.kind = final
		v.err = &Error{Code: codeClosed, Message: e.Reason}
	case closeRateLimit:
		v.retry = rateLimitRetry
	}
}

// rateLimitRetry is how long a client that sent too much stays away at least.
const rateLimitRetry = 5 * time.Second

// Codes of the server's errors that say how to go on.
const (
	codeUnauthorised = "unauthorised"
	codeForbidden    = "forbidden"
	codeClosed       = "closed"
	codeRateLimit    = "rate_limit"
	codeTooLarge     = "too_large"
	codeBadRequest   = "bad_request"
)

// judgeSaid judges an end that the server announced with a sys:error: transports
// without close codes have nothing else.
func judgeSaid(e *Error, opened bool) verdict {
	v := verdict{err: e}
	switch e.Code {
	case codeUnauthorised:
		v.kind = stale
	case codeForbidden, codeBadRequest:
		v.kind = final
	case codeClosed:
		if opened {
			v.kind = final // before, it is a server that ends
		}
	case codeRateLimit:
		v.retry = rateLimitRetry
	}
	return v
}
