// Package load drives a server with very many WebSocket sessions and a few HTTP
// connections that publish, from one goroutine, and reckons what arrived, how late
// and what did not.
//
// A [Fleet] opens sessions with [Fleet.Open] and plays a [Plan] with
// [Fleet.Publish]. How a server is spoken to is a [Dialect]; [Openline] is ours.
//
// On Linux without TLS the connections are bare sockets on an epoll: beside the
// system's calls a message costs the load under a microsecond. It is not made of
// package websocket, although a client on its Loop costs about the same: a measure
// that is built from the thing it measures would change with it, and what a fault
// makes the one send the other would take. Elsewhere each connection has goroutines
// of its own, which is dearer and otherwise the same.
//
// Each message carries a stamp: who published it, its number and when it was due.
// A message with a rate is stamped with the time it should have left, not the time
// it left: a server that makes the publisher wait has that wait in its latency.
package load

import (
	"crypto/tls"
	"net/netip"
	"time"
)

// Dialect is how one kind of server is spoken to. Its methods are called from
// one goroutine, and what they get is theirs only until they return.
type Dialect interface {
	// AppendUpgrade appends the request that opens a session's WebSocket, up to
	// and with the empty line.
	AppendUpgrade(dst []byte, session int) []byte
	// Greet takes each message before the session is subscribed, first a nil one
	// when the WebSocket is open, and returns a text message to send, if any,
	// and whether the session is subscribed now.
	Greet(msg []byte) (reply []byte, ready bool, err error)
	// Answer returns the text message that a later message asks for, if it does.
	Answer(msg []byte) []byte
	// AppendPublish appends the HTTP request that sends body, a JSON string, to
	// one session or to [Everyone].
	AppendPublish(dst []byte, to int, body []byte) []byte
}

// Everyone is the receiver of a message for the channel that all sessions are
// subscribed to.
const Everyone = -1

// Options are where the load goes.
type Options struct {
	Dialect Dialect        // required
	Addr    netip.AddrPort // required
	// Transport is how sessions get their messages; all but WebSocket want an
	// HTTPDialect.
	Transport Transport
	// Interval is how long a session that polls waits between an answer and its
	// next request. Default: 1s.
	Interval time.Duration
	// TLS, if not nil, is used for all connections.
	TLS *tls.Config
}

const defaultInterval = time.Second
