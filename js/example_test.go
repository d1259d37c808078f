package js_test

import (
	"net/http"

	"github.com/openline/openline/js"
)

func ExampleHandler() {
	mux := http.NewServeMux()
	mux.Handle("/openline.js", js.Handler())
}
