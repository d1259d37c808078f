package websocket

import (
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"github.com/openline/openline/websocket/internal/handshake"
)

// Limiter bounds how many connections there may be and how fast they may be
// opened. Set its fields before the first use; its zero value limits nothing.
type Limiter struct {
	// Connections is how many may be open at once; one more is refused with 503.
	Connections int
	// PerAddress is how many may be open from one address; one more is refused
	// with 429. An IPv6 address counts by its /64, which is what a customer of a
	// provider has.
	PerAddress int
	// HandshakesPerSecond bounds the opening requests of one address in the long
	// run, HandshakeBurst at once (default: one second's worth); beyond it they
	// are refused with 429.
	HandshakesPerSecond float64
	HandshakeBurst      int
	// Address tells where a request comes from, as a text to count by. Default:
	// the IP address of the TCP connection. A server behind a proxy must take it
	// from the field that its own proxy sets.
	Address func(*http.Request) string

	mu    sync.Mutex // guards the following
	open  int
	peers map[string]*peer
	sweep int // how many peers there may be before the idle ones are looked for
}

// peer is what is known of one address.
type peer struct {
	address string
	open    int
	due     time.Time // state of the handshake rate
}

// Open returns how many connections are open.
func (l *Limiter) Open() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.open
}

// Acquire counts something in that takes a connection's place without being a
// WebSocket, under the same bounds; release counts it out and is called once. The
// error, if there may be none more, is a *[HandshakeError] with Status, Reason and
// the field Retry-After.
func (l *Limiter) Acquire(r *http.Request) (release func(), err error) {
	release, refusal := l.acquire(r)
	if refusal != nil {
		return nil, &HandshakeError{Status: refusal.Status, Header: refusal.Header, Reason: refusal.Reason}
	}
	return release, nil
}

// acquire counts a connection in; release counts it out and may be called once.
func (l *Limiter) acquire(r *http.Request) (release func(), _ *handshake.Refusal) {
	if l == nil {
		return func() {}, nil
	}
	address := remoteAddress(r)
	if l.Address != nil {
		address = l.Address(r)
	}
	rate := newRateLimit(l.HandshakesPerSecond, l.HandshakeBurst)
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.Connections > 0 && l.open >= l.Connections {
		return nil, retryLater(http.StatusServiceUnavailable, time.Second, "The server has as many connections as it may have. Try again later.")
	}
	p := l.peers[address]
	if p == nil {
		p = l.addPeer(address, now)
	}
	if !rate.take(&p.due, now) {
		return nil, retryLater(http.StatusTooManyRequests, p.due.Sub(now)-rate.tolerance, "Too many opening requests from this address. Try again later.")
	}
	if l.PerAddress > 0 && p.open >= l.PerAddress {
		return nil, retryLater(http.StatusTooManyRequests, time.Second, "Too many connections from this address.")
	}
	l.open++
	p.open++
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.open--
		if p.open--; p.open == 0 && !p.due.After(time.Now()) {
			delete(l.peers, p.address)
		}
	}, nil
}

// addPeer adds an address. So that addresses which have long gone do not stay,
// it looks for those each time their number has doubled.
func (l *Limiter) addPeer(address string, now time.Time) *peer {
	if l.peers == nil {
		l.peers = make(map[string]*peer)
	}
	if len(l.peers) >= max(l.sweep, 1024) {
		for a, p := range l.peers {
			if p.open == 0 && !p.due.After(now) {
				delete(l.peers, a)
			}
		}
		l.sweep = 2 * len(l.peers)
	}
	p := &peer{address: address}
	l.peers[address] = p
	return p
}

func retryLater(status int, after time.Duration, reason string) *handshake.Refusal {
	seconds := int(max(after, 0)/time.Second) + 1
	return &handshake.Refusal{Status: status, Reason: reason, Header: http.Header{"Retry-After": {strconv.Itoa(seconds)}}}
}

func remoteAddress(r *http.Request) string {
	ap, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	ip := ap.Addr().Unmap().WithZone("")
	if ip.Is6() {
		if prefix, err := ip.Prefix(64); err == nil {
			return prefix.String()
		}
	}
	return ip.String()
}
