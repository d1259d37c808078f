package openline

import (
	"errors"
	"fmt"
	"net/http"
)

// Close codes that Openline's hub uses. The numbers are those of WebSocket (RFC 6455 §7.4); a transport without close codes maps them to what it has.
const (
	CloseNormal         = 1000 // the session ended as planned
	CloseGoingAway      = 1001 // this node is draining: reconnect
	CloseAbnormal       = 1006 // never sent: the line vanished without a word
	CloseInvalidPayload = 1007 // text that is not UTF-8
	ClosePolicy         = 1008 // the peer broke a rule
	CloseTooBig         = 1009 // a message beyond the limit
	CloseInternal       = 1011 // a hook of the embedding program panicked, or the line failed
	CloseTryAgainLater  = 1013 // the node takes no sessions now
	CloseUnauthorised   = 4001 // the token is missing, wrong or over
	CloseForbidden      = 4003 // known, and not allowed
	CloseSlow           = 4008 // the session's queue was full
	CloseKicked         = 4009 // replaced or disconnected by the backend
	CloseRateLimit      = 4029 // too many messages
)

// Codes of an [Error]: the word in `sys:error`.
const (
	CodeBadJSON      = "bad_json"      // not JSON; the message gives the position
	CodeBadRequest   = "bad_request"   // JSON, and not a request
	CodeBadName      = "bad_name"      // a user, channel, event or key outside its alphabet
	CodeReserved     = "reserved"      // a name that begins with @
	CodeUnknownType  = "unknown_type"  // no such request
	CodeUnsupported  = "unsupported"   // a request that this server does not answer
	CodeLimit        = "limit"         // a bound of the session is reached
	CodeTooLarge     = "too_large"     // data beyond Options.MaxData
	CodeUnauthorised = "unauthorised"  // who you are is not known, or no longer
	CodeForbidden    = "forbidden"     // not allowed
	CodeSlow         = "slow_consumer" // the session's queue was full
	CodeRateLimit    = "rate_limit"    // too many messages
	CodeTryLater     = "try_later"     // the node is draining or full
	CodeClosed       = "closed"        // the session or the hub has ended
	CodeInternal     = "internal"      // a fault of the server
)

// An Error says why a request, a publish or an opening was refused. Its Code and Message may be shown to the client; Err may not.
type Error struct {
	Code    string // a word, one of the Code constants or the program's own
	Message string // a sentence that says what to do
	Close   int    // close code when the session ends because of it; 0: the session lives on
	Err     error  // the cause, for logs and for errors.Is

	told bool // OnError knows
}

// Error returns the message after the package's name.
func (e *Error) Error() string {
	if e.Err != nil {
		return "openline: " + e.Message + ": " + e.Err.Error()
	}
	return "openline: " + e.Message
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Status returns the HTTP status that says the same: 400 for what the caller wrote wrongly, 401, 403, 413, 429, 503, and 500 for the rest.
func (e *Error) Status() int {
	switch e.Code {
	case CodeBadJSON, CodeBadRequest, CodeBadName, CodeUnknownType, CodeUnsupported:
		return http.StatusBadRequest
	case CodeUnauthorised:
		return http.StatusUnauthorized
	case CodeForbidden, CodeReserved:
		return http.StatusForbidden
	case CodeTooLarge:
		return http.StatusRequestEntityTooLarge
	case CodeLimit, CodeRateLimit:
		return http.StatusTooManyRequests
	case CodeTryLater, CodeClosed:
		return http.StatusServiceUnavailable
	}
	switch e.Close {
	case CloseUnauthorised:
		return http.StatusUnauthorized
	case CloseForbidden, CloseKicked:
		return http.StatusForbidden
	case CloseRateLimit:
		return http.StatusTooManyRequests
	case CloseTryAgainLater, CloseGoingAway:
		return http.StatusServiceUnavailable
	case ClosePolicy:
		return http.StatusBadRequest
	}
	return http.StatusInternalServerError
}

var (
	// ErrSlow is what a Line's Send returns when the session's queue is full.
	ErrSlow = errors.New("openline: the session's queue is full")

	// ErrSessionClosed is what a Session's methods return once it has ended.
	ErrSessionClosed error = &Error{Code: CodeClosed, Message: "the session has ended"}

	// ErrHubClosed is what a Hub's methods return once Shutdown has ended.
	ErrHubClosed error = &Error{Code: CodeClosed, Message: "the hub is shut down", Close: CloseGoingAway}
)

func refuse(code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}
