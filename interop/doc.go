// Package interop tests this module against WebSocket implementations that others wrote: the npm packages ws and undici,
// Python's websockets, curl, and the Go libraries gorilla/websocket, coder/websocket, lxzan/gws and gobwas/ws.
//
// A pairing opens a connection between one of our ends ([websocket.Handle] or [websocket.Dial]) and one of theirs; the same list of
// checks then runs over every pairing, each on a connection of its own. What a peer's interface cannot do is a skipped
// check with that reason.
//
// # Peers that are not Go
//
// They are the small programs in peers, driven over their standard input and output, one JSON object a line, payloads in
// base64. What happens on a connection also carries its number:
//
//	{"do":"dial","url":…,"subprotocols":[…]}     open a connection (clients)
//	{"do":"send","binary":…,"fragments":[…]}     one message in as many frames
//	{"do":"ping","data":…}
//	{"do":"close","code":…,"reason":…}           start the closing handshake
//	{"do":"drop","connection":1}                 let go of it, unless another has come
//
//	{"event":"listening","port":…}               a server is ready
//	{"event":"open","connection":1,"subprotocol":…}
//	{"event":"message","binary":…,"data":…}
//	{"event":"pong","data":…}
//	{"event":"close","code":…,"reason":…}
//	{"event":"error","message":…}
//
// [websocket.Handle]: https://pkg.go.dev/github.com/openline/openline/websocket#Handle
// [websocket.Dial]: https://pkg.go.dev/github.com/openline/openline/websocket#Dial
package interop
