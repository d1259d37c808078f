package auth_test

import (
	"fmt"
	"log"
	"net/http/httptest"
	"time"

	"github.com/openline/openline/auth"
)

func ExampleTokens() {
	tokens, err := auth.NewTokens([]byte("a secret of at least thirty-two bytes"))
	if err != nil {
		log.Fatal(err)
	}
	token, err := tokens.Sign("alice", time.Hour)
	if err != nil {
		log.Fatal(err)
	}
	r := httptest.NewRequest("GET", "/ws/alice?token="+token, nil)
	claims, err := tokens.Request(r)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(claims.User)
	// Output: alice
}

func ExampleKeys() {
	keys, err := auth.NewKeys("a-key-of-my-backend")
	if err != nil {
		log.Fatal(err)
	}
	r := httptest.NewRequest("POST", "/api/broadcast", nil)
	fmt.Println(keys.Request(r))
	r.Header.Set("Authorization", "Bearer a-key-of-my-backend")
	fmt.Println(keys.Request(r))
	// Output:
	// auth: an API key is needed: send Authorization: Bearer API-KEY
	// <nil>
}
