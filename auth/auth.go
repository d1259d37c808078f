// Package auth decides who is speaking: a user with a signed token, or a
// backend with an API key.
//
// For most uses, [NewTokens] and [Tokens.Request] check the token of someone
// who opens a session, and [NewKeys] and [Keys.Request] check the key of a
// backend that calls the HTTP API. [Tokens.Sign] makes tokens, for trying
// things and for tests.
//
// # Tokens
//
// A token is a JSON Web Token (RFC 7519) signed with HS256 under a secret of
// at least [MinSecret] bytes; no other algorithm is accepted. `sub` is the
// user and `exp` is required. It has no leeway, because a session ends at exp;
// `nbf` and `iat` have [Leeway], for clocks that differ.
//
// `channels` is a list of channels, or of beginnings of their names that end in
// `*`, of which the user is a member, where a namespace asks for members.
//
// It is taken from one of three places: the field Authorization: Bearer, the
// query parameter token, or an entry bearer.JWT of Sec-WebSocket-Protocol that
// stands beside the protocol's own name. The last two exist because browsers
// cannot set a header on a WebSocket.
//
// # Keys
//
// Only SHA-256 sums of keys are held, and comparing takes the same time
// whatever the key. A key counts only in the Authorization field, which no
// page of another origin can set without asking first: this is what makes
// cross-site request forgery impossible.
//
// # Concurrency
//
// Everything here is immutable once made and may be used by any goroutine.
// Nothing here writes a token or a key to a log or into an error.
package auth

import (
	"net/http"
	"strings"
)

// Error says why a request was refused. Its text is fit for the caller to
// read: it says what to do, and never holds the token or the key.
type Error struct {
	// Status is the HTTP status: 400, 401 or 403.
	Status int
	// Code is RFC 6750 §3.1's word: "invalid_request", "invalid_token",
	// "insufficient_scope", or "" when no credential was given at all.
	Code string
	// Reason is a sentence without a final stop.
	Reason string
}

func (e *Error) Error() string { return "auth: " + e.Reason }

// Challenge returns the value of WWW-Authenticate for e (RFC 6750 §3), or ""
// when the status calls for none.
func (e *Error) Challenge() string {
	if e.Status != http.StatusUnauthorized {
		return ""
	}
	c := `Bearer realm="openline"`
	if e.Code != "" {
		// A quoted-string: the reasons of this package hold neither quotes
		// nor backslashes but for those of a claim, so both are replaced.
		reason := strings.Map(func(r rune) rune {
			if r == '"' || r == '\\' || r < ' ' || r > '~' {
				return '\''
			}
			return r
		}, e.Reason)
		c += `, error="` + e.Code + `", error_description="` + reason + `"`
	}
	return c
}

// bearer returns what follows "Bearer" in the Authorization field, and whether
// there was such a field at all.
func bearer(h http.Header) (string, bool, error) {
	values := h["Authorization"]
	if len(values) == 0 {
		return "", false, nil
	}
	if len(values) > 1 {
		return "", true, &Error{http.StatusBadRequest, "invalid_request", "there is more than one Authorization field; send one"}
	}
	scheme, value, _ := strings.Cut(values[0], " ")
	value = strings.Trim(value, " ")
	if !strings.EqualFold(scheme, "Bearer") || value == "" {
		return "", true, &Error{http.StatusUnauthorized, "invalid_request", "the Authorization field is not of the form: Bearer VALUE"}
	}
	return value, true, nil
}
