// Package echo is an end for conformance suites to test: a server and a client
// made of package websocket that send each message back.
//
// For most uses, [New] and [Client] are enough: the one makes the server, whose
// [Server.Serve] takes a listener, the other is a client for one connection. The
// suite of package conformance asks both for more than an echo by the query of
// the URL, ?limit=1000&do=close say; LANGUAGE.md beside its cases has the names.
// A suite that knows nothing of that gets the plain echo at / and at /echo.
//
// # Settings
//
// The plain echo takes messages of up to 64 MiB, and compresses every message if
// the peer wants that, with any window and with or without context takeover as
// the peer asks. All else is as package websocket has it. Settings in the query
// are for one connection. One that makes no sense is answered with 400 and a
// sentence; a client returns an error. Unknown names are ignored.
//
// # Concurrency
//
// A Server may serve any number of listeners. Connections with the same query
// are a group; do=shutdown shuts down the group of the connection that asks, and
// no other.
//
// # Limits
//
// It is made for tests. Who can reach it can have it send messages without end
// and take messages of up to 1 GiB, so it does not belong on the open internet.
package echo
