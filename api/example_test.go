package api_test

import (
	"fmt"
	"log"
	"net/http/httptest"
	"strings"

	"github.com/openline/openline"
	"github.com/openline/openline/api"
	"github.com/openline/openline/auth"
)

// The API on a hub of one's own.
func ExampleNew() {
	keys, err := auth.NewKeys("a-key-of-my-backend")
	if err != nil {
		log.Fatal(err)
	}
	handler := api.New(&api.Options{Hub: openline.New(&openline.Options{Node: "n1"}), Keys: keys})

	r := httptest.NewRequest("POST", "/api/users/alice/messages", strings.NewReader(`{"text":"hi"}`))
	r.Header.Set("Authorization", "Bearer a-key-of-my-backend")
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	fmt.Println(w.Code, strings.Contains(w.Body.String(), `"delivered":0`))
	// Output: 200 true
}
