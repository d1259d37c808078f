// Package console is the page that Openline serves at / for people: two users
// side by side, their messages live, and a form for the HTTP API.
//
// For most uses, mount [Handler] at "/" of the server's mux, below every other
// route:
//
//	mux.Handle("/", console.Handler())
//
// The page is plain HTML, CSS and ES modules, embedded in the binary. It speaks
// to the server that served it with the browser's own WebSocket and fetch,
// through the same addresses as everybody else: ws/{user} and api/…, relative
// to the page, so that it also works below a path prefix.
//
// # Opening it with a key
//
// A page opened as /#key=KEY takes KEY as the API key for its HTTP form and
// removes it from the address. The part after # never leaves the browser.
//
// # Security
//
// Every response carries a Content-Security-Policy that lets the page load and
// call its own origin and nothing else, and that turns each way of making HTML
// from a string into an error: what a peer sends is only ever inserted as text.
// The API key is kept in the tab's sessionStorage, tokens only in their field.
//
// # Concurrency
//
// The handler is immutable after its construction and safe for any number of
// requests at a time.
package console
