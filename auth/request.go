package auth

import (
	"errors"
	"net/http"
	"strings"
)

const (
	// Subprotocol is the protocol's own name in Sec-WebSocket-Protocol, the
	// only one the server ever answers with.
	Subprotocol = "openline.v1"

	subprotocolToken = "bearer."
	queryToken       = "token"
)

// FromRequest returns the token that r carries, or "" when it carries none.
// An Authorization field of another scheme, as a proxy in front may ask for,
// is passed over when a token stands elsewhere, else it is an [*Error] of
// status 401. Status 400 says that several places hold different tokens, or
// that the subprotocol holds one without [Subprotocol] beside it, so that a
// browser would drop the connection whatever the answer.
func FromRequest(r *http.Request) (string, error) {
	token, _, err := bearer(r.Header)
	var refused *Error
	if errors.As(err, &refused) && refused.Status != http.StatusUnauthorized {
		return "", err
	}
	found := []string{token}
	if strings.Contains(r.URL.RawQuery, queryToken) {
		found = append(found, r.URL.Query()[queryToken]...)
	}
	sub, named := subprotocols(r.Header)
	if len(sub) > 0 && !named {
		return "", &Error{http.StatusBadRequest, "invalid_request", "the subprotocol bearer.JWT must be offered beside " + Subprotocol}
	}
	for _, t := range append(found, sub...) {
		switch {
		case t == "" || t == token:
		case token == "":
			token = t
		default:
			return "", &Error{http.StatusBadRequest, "invalid_request", "the request holds more than one token, and they differ; send one"}
		}
	}
	if token == "" && err != nil {
		return "", err
	}
	return token, nil
}

// subprotocols returns the tokens among the offered subprotocols and whether
// [Subprotocol] is offered too.
func subprotocols(h http.Header) (tokens []string, named bool) {
	for _, line := range h.Values("Sec-WebSocket-Protocol") {
		for entry := range strings.SplitSeq(line, ",") {
			entry = strings.Trim(entry, " \t")
			if t, ok := strings.CutPrefix(entry, subprotocolToken); ok {
				tokens = append(tokens, t)
			}
			named = named || entry == Subprotocol
		}
	}
	return tokens, named
}
