package auth

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

const (
	// MinSecret is the least length of a secret in bytes: that of the hash
	// (RFC 7518 §3.2).
	MinSecret = 32
	// Leeway is how far `nbf` and `iat` may lie in the future.
	Leeway = 5 * time.Second
	// MaxToken is the greatest length of a token in bytes.
	MaxToken = 8 << 10
)

// maxExpiry keeps exp where time arithmetic cannot overflow.
var maxExpiry = time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)

// Claims is what a valid token says.
type Claims struct {
	// User is the claim sub.
	User string
	// Expires is the claim exp: the session ends then.
	Expires time.Time
	// All is every claim of the token, decoded as encoding/json does.
	All map[string]any
}

// Tokens checks and signs tokens under one secret.
type Tokens struct {
	secret []byte
	parser *jwt.Parser
	now    func() time.Time
}

// NewTokens returns the Tokens of secret, which is copied and has at least
// [MinSecret] bytes.
func NewTokens(secret []byte) (*Tokens, error) {
	if len(secret) < MinSecret {
		return nil, fmt.Errorf("auth: the token secret has %d bytes; it needs at least %d (openssl rand -hex 32 makes one)", len(secret), MinSecret)
	}
	now := time.Now
	return &Tokens{
		secret: append([]byte(nil), secret...),
		now:    now,
		parser: jwt.NewParser(
			jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}),
			jwt.WithExpirationRequired(),
			jwt.WithIssuedAt(),
			jwt.WithLeeway(Leeway),
			jwt.WithStrictDecoding(),
			jwt.WithTimeFunc(now),
		),
	}, nil
}

// Sign returns a token for user that is valid for ttl. The channels are the
// claim `channels`, see [Claims.Member]; with none there is no such claim.
func (t *Tokens) Sign(user string, ttl time.Duration, channels ...string) (string, error) {
	if user == "" {
		return "", errors.New("auth: a token needs a user")
	}
	if ttl < time.Second {
		return "", fmt.Errorf("auth: a token must live for a second at least, not %v", ttl)
	}
	now := t.now()
	claims := jwt.MapClaims{
		"sub": user,
		"iat": now.Unix(),
		"exp": now.Add(ttl).Unix(),
	}
	if len(channels) > 0 {
		if reason := checkChannels(channels); reason != "" {
			return "", errors.New("auth: " + reason)
		}
		claims[channelsClaim] = channels
	}
	return jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString(t.secret)
}

// Verify returns the claims of token. The error is an [*Error] of status 401.
func (t *Tokens) Verify(token string) (*Claims, error) {
	if len(token) > MaxToken {
		return nil, invalid("the token has %d bytes, more than %d", len(token), MaxToken)
	}
	all := jwt.MapClaims{}
	parsed, err := t.parser.ParseWithClaims(token, all, func(parsed *jwt.Token) (any, error) {
		// RFC 7515 §4.1.11: an extension that must be understood and is not.
		if _, ok := parsed.Header["crit"]; ok {
			return nil, errCritical
		}
		return t.secret, nil
	})
	if err != nil {
		return nil, t.explain(err, parsed, all)
	}
	user, err := all.GetSubject()
	if err != nil || user == "" {
		return nil, invalid("the token has no claim sub, which names the user")
	}
	exp, err := all.GetExpirationTime()
	if err != nil || exp == nil || exp.After(maxExpiry) {
		return nil, invalid("the token's claim exp is not a time")
	}
	if !t.now().Before(exp.Time) {
		return nil, expired(exp.Time)
	}
	if channels, ok := all[channelsClaim]; ok {
		if reason := checkChannels(channels); reason != "" {
			return nil, &Error{http.StatusUnauthorized, "invalid_token", reason}
		}
	}
	return &Claims{User: user, Expires: exp.Time, All: all}, nil
}

// Request returns the claims of r's token. A token that is missing or is not
// valid gives an [*Error] of status 401; different tokens in different places
// give one of status 400.
func (t *Tokens) Request(r *http.Request) (*Claims, error) {
	token, err := FromRequest(r)
	if err != nil {
		return nil, err
	}
	if token == "" {
		return nil, &Error{http.StatusUnauthorized, "", "a token is needed: send Authorization: Bearer JWT, ?token=JWT, or the subprotocol bearer.JWT beside " + Subprotocol}
	}
	return t.Verify(token)
}

var errCritical = errors.New("auth: critical header parameter")

func invalid(format string, args ...any) *Error {
	return &Error{http.StatusUnauthorized, "invalid_token", fmt.Sprintf(format, args...)}
}

func expired(at time.Time) *Error {
	return invalid("the token expired at %s", at.UTC().Format(time.RFC3339))
}

// explain turns the parser's error into a sentence. The claims are looked at
// only when the signature was right: before that they are anyone's words.
func (t *Tokens) explain(err error, parsed *jwt.Token, all jwt.MapClaims) *Error {
	switch {
	case errors.Is(err, errCritical):
		return invalid("the token's header names critical extensions (crit), which are not supported")
	case errors.Is(err, jwt.ErrTokenMalformed):
		return invalid("the token is not a JSON Web Token of three parts")
	case errors.Is(err, jwt.ErrTokenSignatureInvalid), errors.Is(err, jwt.ErrTokenUnverifiable):
		if parsed != nil && parsed.Method != nil && parsed.Method.Alg() == jwt.SigningMethodHS256.Alg() {
			return invalid("the token's signature does not match this server's secret")
		}
		return invalid("the token is not signed with HS256, the only algorithm accepted")
	case errors.Is(err, jwt.ErrTokenExpired):
		if exp, e := all.GetExpirationTime(); e == nil && exp != nil {
			return expired(exp.Time)
		}
	case errors.Is(err, jwt.ErrTokenRequiredClaimMissing):
		return invalid("the token has no claim exp, which is required")
	case errors.Is(err, jwt.ErrTokenNotValidYet), errors.Is(err, jwt.ErrTokenUsedBeforeIssued):
		return invalid("the token is not valid yet (nbf or iat lies in the future; do the clocks agree?)")
	}
	return invalid("a claim of the token has the wrong type")
}
