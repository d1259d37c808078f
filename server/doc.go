// Package server puts Openline together: a configuration, the hub, its
// transports, the HTTP API and the page, behind one listener.
//
// For most uses, [Load] reads the configuration, [New] takes the address and
// [Server.Run] serves until its context ends.
//
// # Starting
//
// With no configuration a server listens on loopback alone, lets anybody on
// the machine be any user, and makes an API key for the run. On an address
// that others can reach, [New] refuses to start without a token secret and API
// keys.
//
// # Stopping
//
// When the context of Run ends, /readyz answers 503, sessions are told to come
// back and closed with 1001, requests are finished, and Run returns; at the
// latest after [Config.Drain].
package server
