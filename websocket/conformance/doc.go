// Package conformance is a suite of cases that any implementation of the
// WebSocket protocol can be held against: RFC 6455, RFC 7692, and what RFC 9112
// and RFC 9110 say about the HTTP in front of them.
//
// For most uses, [Server] and [Client] are enough: the one plays the part of the
// client against a server that is somewhere, the other that of the server for a
// client that is started for each case. Command openline's subcommand conform
// is made of them.
//
// # The end under test
//
// is an echo: it sends each message back with its type, answers Ping and Close as
// its library does, and ends when the connection does. A server does so at the
// path of the URL that the suite is given; a client at the URL that it is given
// for each case. That is enough for most cases. The others need one of the
// [Features], and are skipped with a word where it is not offered.
//
// # Modes
//
// Interop mode plays what is a MUST, and tolerates what the standards leave room
// for: where the protocol has a peer fail the connection with a Close frame, the
// bare end of TCP passes too (RFC 6455 §7.1.7). Strict mode plays every level and
// tolerates nothing.
//
// # Cases
//
// are text, in the folder cases, one file for each group; they are meant to be
// read. LANGUAGE.md beside them has the words.
package conformance
