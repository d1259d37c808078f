package auth

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

var memberSecret = []byte("0123456789abcdef0123456789abcdef")

func TestMember(t *testing.T) {
	tokens, err := NewTokens(memberSecret)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		claim   []string
		in, out string
	}{
		{[]string{"room:7", "team:red:*"}, "room:7 team:red: team:red:1 team:red:1/2", "room:70 room: room team:red team:redder:1 Room:7"},
		{[]string{"*"}, "room:7 a", ""},
		{[]string{"a/.*"}, "a/.b", "a/b"},
		{nil, "", "room:7 a *"},
	} {
		text, err := tokens.Sign("alice", time.Minute, c.claim...)
		if err != nil {
			t.Fatal(err)
		}
		claims, err := tokens.Verify(text)
		if err != nil {
			t.Fatal(err)
		}
		for name := range strings.FieldsSeq(c.in) {
			if !claims.Member(name) {
				t.Errorf("%v: %s is out", c.claim, name)
			}
		}
		for name := range strings.FieldsSeq(c.out) {
			if claims.Member(name) {
				t.Errorf("%v: %s is in", c.claim, name)
			}
		}
	}
}

// Claims that another package has made are no reason to fail.
func TestMemberOfUnsoundClaims(t *testing.T) {
	for _, claim := range []any{nil, "a", []any{1, nil, ""}, []string{"a"}} {
		if (&Claims{All: map[string]any{"channels": claim}}).Member("a") {
			t.Errorf("%v has a", claim)
		}
	}
	if (&Claims{}).Member("a") {
		t.Error("no claims have a")
	}
}

func TestMalformedChannels(t *testing.T) {
	tokens, err := NewTokens(memberSecret)
	if err != nil {
		t.Fatal(err)
	}
	many := slices.Repeat([]string{"a"}, MaxChannels+1)
	for _, c := range []struct {
		claim any
		says  string
	}{
		{"room:7", "the token's claim channels is not a list of names"},
		{nil, "the token's claim channels is not a list of names"},
		{map[string]any{"room:7": true}, "is not a list of names"},
		{[]any{"a", 7}, "entry 2 of the token's claim channels is not a string"},
		{[]string{"a", ""}, "entry 2 of the token's claim channels is neither"},
		{[]string{"*a"}, "entry 1 of the token's claim channels is neither"},
		{[]string{"a**"}, "entry 1"},
		{[]string{"@bob"}, "entry 1"},
		{[]string{"@*"}, "entry 1"},
		{[]string{strings.Repeat("a", 129)}, "entry 1"},
		{many, "has 257 entries; at most 256 are taken"},
	} {
		text, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
			"sub": "alice", "exp": time.Now().Add(time.Minute).Unix(), "channels": c.claim,
		}).SignedString(memberSecret)
		if err != nil {
			t.Fatal(err)
		}
		_, err = tokens.Verify(text)
		refused, ok := errors.AsType[*Error](err)
		if !ok || refused.Status != 401 || refused.Code != "invalid_token" || !strings.Contains(refused.Reason, c.says) {
			t.Errorf("%v: %v", c.claim, err)
		}
	}
	if _, err := tokens.Sign("alice", time.Minute, "a*b"); err == nil || !strings.HasPrefix(err.Error(), "auth: entry 1") {
		t.Error(err)
	}
}
