// Package client is the Go client of an Openline server: it holds a session and
// keeps it, whatever happens to connections.
//
// For most uses, [Dial] and [Client.Next] are enough:
//
//	c, err := client.Dial(ctx, "https://example.com", &client.Options{
//		User:     "alice",
//		Channels: []string{"chat:lobby"},
//	})
//	if err != nil {
//		return err
//	}
//	defer c.Close()
//	for {
//		e, err := c.Next(ctx)
//		if err != nil {
//			return err
//		}
//		switch e := e.(type) {
//		case *client.Message:
//			fmt.Println(e.From, string(e.Data))
//		case *client.Gap:
//			// messages are missing here: load what depends on them
//		}
//	}
//
// [Client.Publish] and [Client.Send] are the way up.
//
// # Connections
//
// WebSocket is tried first, then server-sent events, a stream of lines, and long
// polling: the next one when something on the way, such as a proxy, does not let
// the one before through. Which one that is, is remembered for an hour. With the
// last three, what goes up goes by requests of its own.
//
// A connection that is lost, or over which nothing has come for too long, is
// followed by another after a random delay that grows, or when the server has asked
// for it. The session goes on there, on any transport, where it was: a message
// that came twice is given out once, and one that the server no longer has is told
// by a [*Gap]. [Options].OnState is told of all that.
//
// A server that does not take the token, however often a fresh one is had, that
// forbids the session or that has thrown the user out, ends the client for good.
//
// # Concurrency
//
// All methods may be called from any goroutine, Next from one at a time.
//
// # Cancellation
//
// A context that ends gives a call back; the client goes on. A request that is given
// up may have been carried out.
//
// # Limits
//
// What has been received and not been asked for is bounded. When it is full
// nothing more is read, and the server sends no more or ends the connection, which
// then resumes where the application is. The replies to requests still arrive, so
// that a program may make requests between one Next and another. See [Options].
package client
