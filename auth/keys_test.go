package auth

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestKeys(t *testing.T) {
	const sumOfHello = "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
	k, err := NewKeys("first-key", sumOfHello)
	if err != nil {
		t.Fatal(err)
	}
	if k.Len() != 2 {
		t.Errorf("Len = %d, want 2", k.Len())
	}
	for key, want := range map[string]bool{
		"first-key": true, "hello": true, "": false, "first-ke": false, "first-key ": false,
		"First-key": false, sumOfHello: false,
	} {
		if got := k.Valid(key); got != want {
			t.Errorf("Valid(%q) = %t, want %t", key, got, want)
		}
	}
}

func TestKeysRefused(t *testing.T) {
	for _, key := range []string{"", "a b", "caf\xc3\xa9", "a\nb", "sha256:", "sha256:12", "sha256:" + strings.Repeat("g", 64)} {
		if _, err := NewKeys(key); err == nil || !strings.HasPrefix(err.Error(), "auth: API key 1 ") {
			t.Errorf("NewKeys(%q): error %v, want one that names key 1", key, err)
		}
	}
	if k, _ := NewKeys(); k.Valid("") {
		t.Error("an empty set must not accept the empty key")
	}
}

func TestGenerateKey(t *testing.T) {
	a, b := GenerateKey(), GenerateKey()
	if a == b || len(a) < 26 {
		t.Errorf("GenerateKey gave %q and %q", a, b)
	}
	if k, err := NewKeys(a); err != nil || !k.Valid(a) {
		t.Errorf("a generated key is not usable: %v", err)
	}
}

func TestKeysRequest(t *testing.T) {
	k, err := NewKeys("secret-key")
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name   string
		fields []string
		status int
		code   string
	}{
		{"right", []string{"Bearer secret-key"}, 0, ""},
		{"scheme in lower case, two spaces", []string{"bearer  secret-key"}, 0, ""},
		{"none", nil, 401, ""},
		{"wrong", []string{"Bearer other"}, 401, "invalid_token"},
		{"basic", []string{"Basic c2VjcmV0LWtleQ=="}, 401, "invalid_request"},
		{"no value", []string{"Bearer"}, 401, "invalid_request"},
		{"the key alone", []string{"secret-key"}, 401, "invalid_request"},
		{"two fields", []string{"Bearer secret-key", "Bearer secret-key"}, 400, "invalid_request"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodPost, "/api/broadcast?token=secret-key", nil)
			r.Header["Authorization"] = test.fields
			err := k.Request(r)
			if test.status == 0 {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("error %v, want an *Error", err)
			}
			if e.Status != test.status || e.Code != test.code {
				t.Errorf("got %d %q, want %d %q", e.Status, e.Code, test.status, test.code)
			}
			if strings.Contains(e.Error()+e.Challenge(), "secret-key") {
				t.Errorf("the error holds the key: %s", e.Error())
			}
			if (e.Challenge() != "") != (e.Status == 401) {
				t.Errorf("challenge %q with status %d", e.Challenge(), e.Status)
			}
		})
	}
}
