// Package wstest helps to test programs that use package websocket.
//
// For most uses, [Pipe] is enough: two ends of a connection over real TCP on
// the loopback interface. Where the other end should do what no well-behaved
// one does, or say exactly what it sees, take a [Peer]: [Connect] makes one that
// is the client of a server under test, [Listen] one that is the server of a
// client under test. A peer sends octets as they are written down and judges
// every frame that it receives by RFC 6455.
//
// # Scripts
//
// What a peer says and what it should be told can be written as text, one
// conversation after the other, and played with [Peer.Play]. Each begins with the
// end that is under test and a name:
//
//	# RFC 6455 §5.4: control frames may come between fragments.
//
//	server: ping in the middle
//	recv 01 83 12 34 56 78 5a 51 3a
//	recv 89 82 12 34 56 78 62 05
//	ping "p1"
//	recv 80 82 12 34 56 78 7e 5b
//	message text "Hello"
//
//	client: reserved opcode
//	recv 83 00
//	fail 1002 at 1
//
// Lines are what happens to the end under test, in order:
//
//	limit 1000             it takes messages of at most 1,000 octets
//	deflate                compression was agreed on, without parameters (RFC 7692)
//	ratio 500              it takes compressed messages that are up to 500 times as long
//	recv 81 02 (2a)*2      it receives these octets; (…)*N stands for N times the group
//	message text "Hello"   it has received this message, and sends it back
//	message binary ff 00   the same for a binary one: a Go string or hexadecimal octets
//	ping "p1"              it has received this Ping, and answers it
//	pong "u"               it has received this Pong, and says nothing
//	close 1000 "bye"       it has received this Close, answers its code and ends TCP; a mere close has no code
//	fail 1002 at 1         it fails the connection with this code, the first octet of the input being enough to tell
//	fin                    its peer ends the stream
//	lost                   it ends the connection, for its peer has gone without a Close
//
// # Time
//
// Nothing here measures time. What does not happen within 30 seconds fails the
// test.
package wstest
