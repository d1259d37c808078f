package load

import (
	"crypto/tls"
	"net/netip"
	"time"
)

// engine moves the bytes of many connections, each known by a small number. All
// its methods, and the sink's, are called from one goroutine.
type engine interface {
	// dial begins to open a connection from a local address, or from any. True says
	// that it is open, and the sink is not told.
	dial(id int, local netip.Addr) bool
	// write sends b, which is the caller's again when it returns.
	write(id int, b []byte)
	pause(id int)
	// drop closes the connection. The sink is not told.
	drop(id int)
	// wait hands to the sink what happened, waiting d at the most.
	wait(d time.Duration, to sink) error
	// close drops everything.
	close()
}

// sink is told what happens to connections.
type sink interface {
	connected(id int)
	// received is called with bytes that are the engine's again when it returns.
	received(id int, b []byte)
	ended(id int, err error)
}

// engineOptions are where an engine's connections go.
type engineOptions struct {
	addr netip.AddrPort
	tls  *tls.Config // nil: plain TCP
}
