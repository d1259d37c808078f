package auth

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// hashedPrefix marks a key that is given as the SHA-256 sum of itself.
const hashedPrefix = "sha256:"

// Keys is a set of API keys.
type Keys struct {
	sums [][sha256.Size]byte
}

// NewKeys returns the set of the given keys. A key is 1 or more visible ASCII
// characters; one of the form sha256:HEX stands for the key whose SHA-256 sum
// is HEX, so that a configuration file need not hold the key itself.
func NewKeys(keys ...string) (*Keys, error) {
	k := &Keys{}
	for i, key := range keys {
		sum, err := keySum(key)
		if err != nil {
			return nil, fmt.Errorf("auth: API key %d %w", i+1, err)
		}
		k.sums = append(k.sums, sum)
	}
	return k, nil
}

func keySum(key string) (sum [sha256.Size]byte, err error) {
	if text, ok := strings.CutPrefix(key, hashedPrefix); ok {
		b, err := hex.DecodeString(text)
		if err != nil || len(b) != sha256.Size {
			return sum, fmt.Errorf("begins with %s but is not followed by %d hexadecimal digits", hashedPrefix, 2*sha256.Size)
		}
		return [sha256.Size]byte(b), nil
	}
	if key == "" {
		return sum, errors.New("is empty")
	}
	for i := range len(key) {
		if key[i] <= ' ' || key[i] > '~' {
			return sum, errors.New("holds a character that is not visible ASCII, which a header field cannot carry")
		}
	}
	return sha256.Sum256([]byte(key)), nil
}

// GenerateKey returns a new random key of more than 128 bits.
func GenerateKey() string { return "ol_" + strings.ToLower(rand.Text()) }

// Len returns the number of keys.
func (k *Keys) Len() int { return len(k.sums) }

// Valid reports whether key is one of the set. The time it takes depends on
// the number of keys and the length of key, and on nothing else.
func (k *Keys) Valid(key string) bool {
	sum := sha256.Sum256([]byte(key))
	found := 0
	for i := range k.sums {
		found |= subtle.ConstantTimeCompare(sum[:], k.sums[i][:])
	}
	return found == 1
}

// Request checks the key in r's Authorization field, the only place where one
// counts. The error is an [*Error].
func (k *Keys) Request(r *http.Request) error { return k.Header(r.Header) }

// Header is Request, of a request of which only the header is at hand.
func (k *Keys) Header(h http.Header) error {
	key, given, err := bearer(h)
	switch {
	case err != nil:
		return err
	case !given:
		return &Error{http.StatusUnauthorized, "", "an API key is needed: send Authorization: Bearer API-KEY"}
	case !k.Valid(key):
		return &Error{http.StatusUnauthorized, "invalid_token", "the API key is not one of this server's"}
	}
	return nil
}
