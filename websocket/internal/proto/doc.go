// Package proto is the WebSocket protocol (RFC 6455) without a socket, a
// clock, a goroutine or a lock: octets go in, events come out, and the other
// way round. Every rule about frames, messages and closing lives here once,
// for both ends and for every driver.
//
// A connection has two halves that share nothing, so that a driver may read
// and write at the same time: a [Receiver], to be guarded by whatever lets one
// goroutine read, and a [Sender], to be guarded by whatever orders writes. What
// the receiver learns and the sender must answer (a Ping, a Close) is an
// [Event]; the driver hands it over.
//
// However the input is cut into pieces, the receiver accepts or refuses the
// same octets, and the same messages come out.
package proto
