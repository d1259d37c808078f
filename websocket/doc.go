// Package websocket implements the WebSocket protocol, RFC 6455, for servers
// and clients.
//
// For most uses, [Handle] on a server and [Dial] on a client are enough:
//
//	http.Handle("/echo", websocket.Handle(func(ctx context.Context, c *websocket.Conn) {
//		for msg, err := range c.Messages(ctx) {
//			if err != nil {
//				return
//			}
//			_ = c.Write(ctx, msg.Type, msg.Data)
//		}
//	}, nil))
//
// [Accept] does the same inside a handler of your own. A [Conn] reads whole
// messages ([Conn.Read], [Conn.Messages]) or streams ([Conn.NextReader]), and
// writes whole ([Conn.Write]), in fragments ([Conn.NextWriter]), or queued
// without waiting ([Conn.TrySend]), which is how one program speaks to many.
//
// A connection that waits in Messages holds a goroutine with its stack. Who has
// very many of them, mostly silent, hands them to a [Loop], which calls an
// [EventHandler] and needs neither. A [Server] opens them there as well.
//
// # Concurrency
//
// All methods may be called from any goroutine. Messages do not mix: writers
// wait for each other. Control frames go between the fragments of a message that
// is being written. Somebody has to read: Pings are answered, Pongs and Close
// frames noticed by whoever does. The reader never waits for a write.
//
// # Cancellation
//
// A context that ends gives a call back and leaves the connection usable. What
// had arrived of a message is there for the next read. Only a message that had
// begun to leave cannot be taken back: the connection ends then.
//
// # Limits
//
// Every bound has a safe default, see [ConnOptions]: 1 MiB a message, a peer
// that falls silent is noticed by Pings, one that stalls inside a frame is cut
// off, one that does not read fills a bounded queue. Memory grows with what has
// arrived, never with what a frame announces.
//
// # Compression
//
// Messages are compressed (permessage-deflate, RFC 7692) where both ends have it
// on: see [Compression], which [ConnOptions] leaves off. Nothing else changes:
// limits count what is inflated, text is checked when it is inflated, and a
// stream gives what has been inflated so far.
//
// # Closing
//
// A connection that has ended gives a [*CloseError] from every method: the code,
// the reason, which end was first, and the cause. [Conn.Close] performs the
// closing handshake; TCP is closed by the server first, as RFC 6455 §7.1.1 asks,
// and in a way that lets the last frames arrive.
//
// # Security
//
// Browsers of other origins are refused unless [AcceptOptions] names them.
// Masking keys come from crypto/rand. Text is UTF-8 or the connection fails, at
// the first octet that shows it. Package http1 beside this one guards a
// net/http server against requests that are no HTTP/1.1.
package websocket
