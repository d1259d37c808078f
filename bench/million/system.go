package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// system is what the machine has and uses.
type system struct {
	total     int64 // octets of memory
	available int64
	slab      int64  // of the kernel's own
	sockets   string // its TCP sockets, as it counts them
}

// look reads /proc.
func look() (s system, err error) {
	b, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return s, err
	}
	if s, err = parseMeminfo(b); err != nil {
		return s, err
	}
	b, err = os.ReadFile("/proc/net/sockstat")
	s.sockets = parseSockstat(b)
	return s, err
}

// parseMeminfo reads /proc/meminfo.
func parseMeminfo(b []byte) (s system, err error) {
	fields := map[string]*int64{"MemTotal": &s.total, "MemAvailable": &s.available, "Slab": &s.slab}
	for line := range bytes.Lines(b) {
		name, value, _ := strings.Cut(string(line), ":")
		into := fields[name]
		if into == nil {
			continue
		}
		kib, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
		if err != nil {
			return s, fmt.Errorf("/proc/meminfo: %w", err)
		}
		*into = kib << 10
		delete(fields, name)
	}
	if len(fields) > 0 {
		return s, errors.New("/proc/meminfo does not say all that is needed")
	}
	return s, nil
}

// parseSockstat finds the line of TCP in /proc/net/sockstat.
func parseSockstat(b []byte) string {
	for line := range bytes.Lines(b) {
		if rest, ok := bytes.CutPrefix(line, []byte("TCP: ")); ok {
			return strings.TrimSpace(string(rest))
		}
	}
	return ""
}

// figures prints what the open sessions cost.
func (s *stage) figures() error {
	n := int64(s.ready())
	now, err := look()
	if err != nil {
		return err
	}
	servers, err := s.serverMemory()
	if err != nil {
		return err
	}
	cpu, err := s.serverCPU()
	if err != nil {
		return err
	}
	used := (now.total - now.available) - (s.before.total - s.before.available)
	clients := s.clientMemory()
	user := servers + clients
	slab := now.slab - s.before.slab
	fmt.Printf("%d of %d sessions open, each has said sys:open\n", n, s.o.sessions)
	if s.limit != "" {
		fmt.Printf("no more, because: %s\n", s.limit)
	}
	fmt.Printf("opened in %v, %.0f a second; servers used %v of processor time so far\n", s.took.Round(1e8), float64(n)/s.took.Seconds(), cpu.Round(1e8))
	fmt.Printf("servers' memory: %d MiB (Pss_Anon), %d octets a session; %d above what they have without\n",
		servers>>20, servers/n, (servers-s.empty*int64(len(s.pairs)))/n)
	fmt.Printf("clients' memory: %d MiB\n", clients>>20)
	fmt.Printf("the machine's memory in use grew by %d MiB: %d octets a session, of which %d are neither servers' nor clients'\n", used>>20, used/n, (used-user)/n)
	fmt.Printf("slab grew by %d MiB: %d octets a session\n", slab>>20, slab/n)
	fmt.Printf("TCP sockets: %s (before: %s)\n", now.sockets, s.before.sockets)
	return nil
}
