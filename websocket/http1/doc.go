// Package http1 guards an [http.Server] with a strict reading of RFC 9112.
//
// For most uses, [Serve] in place of (*http.Server).Serve is all there is to it:
//
//	srv := &http.Server{Handler: mux, IdleTimeout: 2 * time.Minute}
//	err := http1.Serve(srv, listener, &http1.Options{Hosts: []string{"chat.example"}})
//
// A handler that takes a connection over (a WebSocket, say) calls [Detach] after Hijack and from then on owns the
// connection that the listener accepted, with nothing in between.
//
// # What it does
//
// net/http is lenient where leniency has a price: it accepts a malformed Host, a bare LF, a folded field line, an
// absolute-form target with userinfo, Content-Length beside Transfer-Encoding. The guard reads each connection ahead of
// net/http, octet by octet, and hands on only messages that have one meaning. The header section is held back until it is
// whole and found valid; body octets pass as they arrive, while their framing is followed. What passes, net/http parses as the guard
// did: the same requests, the same Host, the same bodies.
//
// A request that breaks a rule is answered, after those before it, with 400, 408, 413, 414, 431, 501 or 505 and one
// sentence that names the rule and what to do; the text of the request is not repeated, except an unknown host's name, quoted. Nothing that follows
// it on the connection is read as a request. A broken chunked body makes the handler's body read fail with an error that names the rule, and the
// connection ends after the answer.
//
// # Upgrades
//
// After a request with “Upgrade: websocket”, one with a Sec-WebSocket-Key, or a CONNECT, the sender may go on in another
// protocol at once. So the guard stops looking (the stream is transparent after the request's body, if it has one), and if the handler
// does not hijack the connection, the answer says “Connection: close” and what follows is discarded.
// A handler that hijacks any other request gets the connection too, but octets that the peer sent ahead of the answer had to look like HTTP.
//
// # Limits
//
// The header section is bounded in size, in field lines (1000) and in time: [Options].HeaderTimeout is absolute from the
// first octet of a request (on a new connection: from the accept, TLS handshake included). A chunk's size line is bounded by 1 KiB, its overhead in
// proportion to the data, the trailer section by 4000 octets. The time of a body is the server's ReadTimeout, the time between requests its IdleTimeout; set both.
//
// After a refusal, and after an answer that says “Connection: close”, the connection closes in stages, RFC 9112 §9.6: the sending side first, then what the peer still sends is discarded, up to
// 4 MiB and 2 seconds, so that a reset does not destroy the answer. This happens on the goroutine that served the connection; (*http.Server).Close ends it at once.
//
// # TLS
//
// Pass a listener made by [tls.NewListener]. Each handshake runs on a goroutine of its own, under HeaderTimeout, before net/http gets the connection, and Request.TLS is set.
//
// # HTTP/2
//
// With "h2" and "http/1.1" in tls.Config.NextProtos, connections that agree on h2 are served by net/http's HTTP/2, which reads the frames. The guard then judges each
// request: its :authority, the host names in [Options].Hosts (421 for others), its :path, its Content-Length. A refusal leaves the connection to the requests
// beside it. net/http sees to the rest: it refuses fields that are malformed or speak of the connection, tells the client its bound of the header section (Server.MaxHeaderBytes),
// and ends connections that reset streams rapidly, send floods of control frames or endless header sections, or are idle (Server.IdleTimeout). Bound the streams of
// a connection with Server.HTTP2; the default is 250.
//
// There is no WebSocket over HTTP/2: RFC 8441 is not offered, and browsers that know a connection of HTTP/2 make one of HTTP/1.1 beside it for their WebSocket.
// HTTP/2 without TLS is not spoken either.
//
// # Concurrency
//
// As net/http: one goroutine reads a connection at a time; deadlines, Write and Close may be called from any.
package http1
