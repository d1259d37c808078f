// Package mutant is a second opinion on the cases of the conformance suite: a small
// server and client, written for themselves out of the standard library, which share no code
// with package websocket nor with the engine of the suite.
//
// Without a fault they do all that the cases ask for, strictly. With one, they violate
// one rule: [Faults] lists them. A case that does not notice the fault that is
// named after its item is worth nothing.
package mutant
