package server

import (
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"
)

const (
	plainReserve = 48 // connections without a session, beside as many as there may be sessions
	plainAddress = 16 // of one address, beside limits.per_address

	idleTimeout = 30 * time.Second // between two requests on a connection,
	crowdedIdle = 3 * time.Second  // and while three quarters of the connections are used

	sweepEvery = time.Second      // idle connections are looked at no more often
	tellEvery  = 10 * time.Second // refusals are logged no more often
)

// admission bounds the connections that have not become sessions, which the
// transport counts: those whose request a loop has not read yet or answers, and
// net/http's. Without it, connections that ask
// for nothing would keep sessions out. Whatever is beyond the bound is closed
// unanswered, as an answer would hold its descriptor longer.
type admission struct {
	total      int        // sessions and the rest together; 0: no bound
	perAddress int        // the rest of one address; 0: no bound
	sessions   func() int // how many there are
	log        *slog.Logger

	mu        sync.Mutex // guards the following
	plain     int
	addresses map[netip.Addr]int
	idle      map[net.Conn]time.Time // since when
	swept     time.Time
	refused   int // since told
	told      time.Time
}

// newAdmission returns the bounds that the limits make, given the process's
// descriptor limit.
func (r *resolved) newAdmission(files uint64, limited bool, sessions func() int) *admission {
	a := &admission{sessions: sessions, addresses: map[netip.Addr]int{}, idle: map[net.Conn]time.Time{}}
	if n := r.connections(files, limited); n > 0 {
		a.total = n + plainReserve
	}
	if limited {
		// The difference of the reserves is for the log and the like.
		most := max(1, int(min(files, 1<<30))-(reservedFiles-plainReserve))
		if a.total == 0 || a.total > most {
			a.total = most
		}
	}
	if n := r.Limits.PerAddress; n > 0 {
		a.perAddress = n + plainAddress
	}
	return a
}

// countedBy returns what a connection is counted by: its address, the /64 of an
// IPv6 one, which is what a provider's customer has. It is zero for one that
// is not counted: this machine's own, such as a proxy or a backend.
func countedBy(remote netip.AddrPort) netip.Addr {
	ip := remote.Addr().Unmap().WithZone("")
	if ip.IsLoopback() {
		return netip.Addr{}
	}
	if ip.Is6() {
		if prefix, err := ip.Prefix(64); err == nil {
			return prefix.Addr()
		}
	}
	return ip
}

// remoteOf returns the address of a connection's peer, zero if it is no IP
// address.
func remoteOf(nc net.Conn) netip.AddrPort {
	ap, _ := netip.ParseAddrPort(nc.RemoteAddr().String())
	return ap
}

// enter counts a new connection until leave is called, if there may be one more.
func (a *admission) enter(remote netip.AddrPort) (leave func(), ok bool) {
	from := countedBy(remote)
	sessions := a.sessions()
	now := time.Now()
	a.mu.Lock()
	defer a.mu.Unlock()
	used := a.plain + sessions
	if a.total > 0 && used >= a.total-a.total/4 {
		a.sweep(now)
	}
	switch {
	case a.total > 0 && used >= a.total:
		a.refuse(now, remote, "the server has as many connections as it may have", a.total)
		return nil, false
	case from.IsValid() && a.perAddress > 0 && a.addresses[from] >= a.perAddress:
		a.refuse(now, remote, "one address has as many connections as it may have", a.perAddress)
		return nil, false
	}
	a.add(from, 1)
	return func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.add(from, -1)
	}, true
}

// add counts n more connections of an address; a.mu is held.
func (a *admission) add(from netip.Addr, n int) {
	a.plain += n
	if !from.IsValid() || a.perAddress <= 0 {
		return
	}
	if a.addresses[from] += n; a.addresses[from] == 0 {
		delete(a.addresses, from)
	}
}

// refuse logs one line for a burst of refusals; a.mu is held.
func (a *admission) refuse(now time.Time, remote netip.AddrPort, reason string, limit int) {
	a.refused++
	if !a.told.IsZero() && now.Sub(a.told) < tellEvery {
		return
	}
	a.log.Warn("connections are closed unanswered", "reason", reason, "limit", limit, "count", a.refused, "remote", remote.String())
	a.refused, a.told = 0, now
}

// sweep ends what has been idle for long; a.mu is held.
func (a *admission) sweep(now time.Time) {
	if now.Sub(a.swept) < sweepEvery {
		return
	}
	a.swept = now
	for nc, since := range a.idle {
		if now.Sub(since) >= crowdedIdle {
			_ = nc.SetReadDeadline(now) // net/http, which waits for a request, closes it
		}
	}
}

// state is the HTTP server's ConnState: it counts connections for as long as they
// are net/http's, wherever they have been before.
func (a *admission) state(nc net.Conn, state http.ConnState) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if state == http.StateIdle {
		a.idle[nc] = time.Now()
		return
	}
	delete(a.idle, nc)
	switch state {
	case http.StateNew:
		a.add(countedBy(remoteOf(nc)), 1)
	case http.StateClosed, http.StateHijacked:
		a.add(countedBy(remoteOf(nc)), -1)
	}
}
