package auth

import (
	"encoding/base64"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

const testSecret = "0123456789abcdef0123456789abcdef"

func newTokens(t *testing.T) *Tokens {
	t.Helper()
	tokens, err := NewTokens([]byte(testSecret))
	if err != nil {
		t.Fatal(err)
	}
	return tokens
}

func signed(t *testing.T, method jwt.SigningMethod, key any, header map[string]any, claims jwt.MapClaims) string {
	t.Helper()
	token := jwt.NewWithClaims(method, claims)
	maps.Copy(token.Header, header)
	text, err := token.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestSecretTooShort(t *testing.T) {
	_, err := NewTokens([]byte(testSecret[1:]))
	if err == nil || !strings.Contains(err.Error(), "31 bytes") || !strings.Contains(err.Error(), "at least 32") {
		t.Fatalf("error %v", err)
	}
}

func TestSignAndVerify(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tokens := newTokens(t)
		token, err := tokens.Sign("alice", time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		claims, err := tokens.Verify(token)
		if err != nil {
			t.Fatal(err)
		}
		if claims.User != "alice" || !claims.Expires.Equal(time.Now().Add(time.Hour)) || claims.All["sub"] != "alice" {
			t.Errorf("claims %+v", claims)
		}
		<-time.After(time.Hour - time.Nanosecond)
		if _, err := tokens.Verify(token); err != nil {
			t.Errorf("just before exp: %v", err)
		}
		<-time.After(time.Nanosecond)
		_, err = tokens.Verify(token)
		if err == nil || !strings.Contains(err.Error(), "expired at 2000-01-01T01:00:00Z") {
			t.Errorf("at exp: %v", err)
		}
		<-time.After(2 * Leeway)
		_, err = tokens.Verify(token)
		if err == nil || !strings.Contains(err.Error(), "expired at 2000-01-01T01:00:00Z") {
			t.Errorf("after exp: %v", err)
		}
	})
}

func TestSignRefuses(t *testing.T) {
	tokens := newTokens(t)
	if _, err := tokens.Sign("", time.Hour); err == nil {
		t.Error("no user: no error")
	}
	if _, err := tokens.Sign("alice", 0); err == nil {
		t.Error("no life: no error")
	}
}

func TestVerifyRefuses(t *testing.T) {
	tokens := newTokens(t)
	now := time.Now()
	good := jwt.MapClaims{"sub": "alice", "exp": now.Add(time.Hour).Unix()}
	with := func(name string, value any) jwt.MapClaims {
		c := jwt.MapClaims{"sub": "alice", "exp": now.Add(time.Hour).Unix()}
		if value == nil {
			delete(c, name)
		} else {
			c[name] = value
		}
		return c
	}
	hs := func(header map[string]any, claims jwt.MapClaims) string {
		return signed(t, jwt.SigningMethodHS256, []byte(testSecret), header, claims)
	}
	valid := hs(nil, good)
	if _, err := tokens.Verify(valid); err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(valid, ".")
	other := strings.Split(hs(nil, with("sub", "mallory")), ".")
	for _, test := range []struct{ name, token, says string }{
		{"empty", "", "three parts"},
		{"not a token", "hello", "three parts"},
		{"four parts", valid + ".x", "three parts"},
		{"not base64", parts[0] + ".!!!." + parts[2], "three parts"},
		{"padding", parts[0] + "." + parts[1] + "." + parts[2] + "=", "three parts"},
		{"too long", strings.Repeat("a", MaxToken+1), "more than 8192"},
		{"none", signed(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, nil, good), "not signed with HS256"},
		{"HS384", signed(t, jwt.SigningMethodHS384, []byte(testSecret), nil, good), "not signed with HS256"},
		{"HS512", signed(t, jwt.SigningMethodHS512, []byte(testSecret), nil, good), "not signed with HS256"},
		{"unknown algorithm", hs(map[string]any{"alg": "XX1"}, good), "not signed with HS256"},
		{"another secret", signed(t, jwt.SigningMethodHS256, []byte(testSecret+"x"), nil, good), "signature does not match"},
		{"another payload", parts[0] + "." + other[1] + "." + parts[2], "signature does not match"},
		{"no signature", parts[0] + "." + parts[1] + ".", "signature does not match"},
		{"critical extension", hs(map[string]any{"crit": []string{"b64"}}, good), "crit"},
		{"no exp", hs(nil, with("exp", nil)), "no claim exp"},
		{"exp is text", hs(nil, with("exp", "tomorrow")), "wrong type"},
		{"exp is beyond time", hs(nil, with("exp", 1e30)), ""},
		{"exp in the year 20000", hs(nil, with("exp", 568971820800)), "not a time"},
		{"expired", hs(nil, with("exp", now.Add(-time.Hour).Unix())), "expired at"},
		{"no sub", hs(nil, with("sub", nil)), "no claim sub"},
		{"sub is empty", hs(nil, with("sub", "")), "no claim sub"},
		{"sub is a number", hs(nil, with("sub", 7)), "no claim sub"},
		{"nbf in the future", hs(nil, with("nbf", now.Add(time.Minute).Unix())), "not valid yet"},
		{"iat in the future", hs(nil, with("iat", now.Add(time.Minute).Unix())), "not valid yet"},
	} {
		t.Run(test.name, func(t *testing.T) {
			claims, err := tokens.Verify(test.token)
			var e *Error
			if claims != nil || !errors.As(err, &e) {
				t.Fatalf("got %+v, %v; want an *Error", claims, err)
			}
			if e.Status != http.StatusUnauthorized || !strings.Contains(e.Reason, test.says) {
				t.Errorf("status %d, reason %q; want 401 and %q", e.Status, e.Reason, test.says)
			}
			if test.token != "" && strings.Contains(e.Error(), test.token) {
				t.Error("the error holds the token")
			}
		})
	}
	if _, err := tokens.Verify(hs(nil, with("nbf", now.Add(2*time.Second).Unix()))); err != nil {
		t.Errorf("nbf within the leeway: %v", err)
	}
}

func TestTokenPlaces(t *testing.T) {
	tokens := newTokens(t)
	alice, err := tokens.Sign("alice", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	bob, err := tokens.Sign("bob", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name, authorization, query string
		subprotocols               []string
		status                     int
	}{
		{name: "nowhere", status: 401},
		{name: "Authorization", authorization: "Bearer " + alice},
		{name: "query", query: "channels=a&token=" + url.QueryEscape(alice)},
		{name: "subprotocol", subprotocols: []string{"openline.v1, bearer." + alice}},
		{name: "subprotocol first", subprotocols: []string{"bearer." + alice + ",openline.v1"}},
		{name: "subprotocol on two lines", subprotocols: []string{"bearer." + alice, "openline.v1"}},
		{name: "subprotocol alone", subprotocols: []string{"bearer." + alice}, status: 400},
		{name: "everywhere the same", authorization: "Bearer " + alice, query: "token=" + alice, subprotocols: []string{"openline.v1", "bearer." + alice}},
		{name: "two that differ", authorization: "Bearer " + alice, query: "token=" + bob, status: 400},
		{name: "two that differ in the query", query: "token=" + alice + "&token=" + bob, status: 400},
		{name: "basic", authorization: "Basic YWxpY2U6", status: 401},
		{name: "basic for a proxy", authorization: "Basic YWxpY2U6", query: "token=" + alice},
		{name: "empty query", query: "token=", status: 401},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, "/ws/alice?"+test.query, nil)
			if test.authorization != "" {
				r.Header.Set("Authorization", test.authorization)
			}
			r.Header["Sec-Websocket-Protocol"] = test.subprotocols
			claims, err := tokens.Request(r)
			if test.status == 0 {
				if err != nil || claims.User != "alice" {
					t.Fatalf("got %+v, %v", claims, err)
				}
				return
			}
			var e *Error
			if !errors.As(err, &e) || e.Status != test.status {
				t.Fatalf("got %+v, %v; want status %d", claims, err, test.status)
			}
		})
	}
}

func FuzzVerify(f *testing.F) {
	tokens, err := NewTokens([]byte(testSecret))
	if err != nil {
		f.Fatal(err)
	}
	token, err := tokens.Sign("alice", time.Hour)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(token)
	f.Add("..")
	f.Add(base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"HS256"}`)) + ".e30.")
	f.Fuzz(func(t *testing.T, text string) {
		claims, err := tokens.Verify(text)
		if (claims == nil) == (err == nil) {
			t.Fatalf("claims %v, error %v", claims, err)
		}
		if claims != nil && claims.User != "alice" {
			t.Fatalf("a token nobody signed was accepted: %q", text)
		}
	})
}
