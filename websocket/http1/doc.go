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
// Pass a listener made by [tls.NewListener]. The handshake runs on the connection's goroutine under HeaderTimeout, and Request.TLS is set.
// Only HTTP/1.x is spoken: leave "h2" out of tls.Config.NextProtos.
//
// # Concurrency
//
// As net/http: one goroutine reads a connection at a time; deadlines, Write and Close may be called from any.
package http1
