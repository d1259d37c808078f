package main

import (
	"fmt"
	"slices"
	"strings"
)

// kind is what is measured.
type kind int

const (
	echoes     kind = iota // CPU time of an echoed message
	handshakes             // CPU time of a connection that opens and ends
	broadcasts             // CPU time of a delivery
	idle                   // memory of a connection that has nothing to do
)

// scenario is a pattern of load.
type scenario struct {
	name        string // for flags
	title       string // for tables and the chart
	kind        kind
	connections int
	size        int // octets of a message
	outstanding int // messages of a connection that are under way at once
	deflate     bool
	browser     bool // the opening request is a browser's
}

// unit is what the cost of a scenario is counted in.
func (s *scenario) unit() string {
	switch s.kind {
	case handshakes:
		return "CPU ms for 1,000 handshakes"
	case broadcasts:
		return "CPU s for a million deliveries"
	case idle:
		return "octets a connection"
	}
	return "CPU µs a message"
}

// Idle memory is the slope between these numbers of connections.
const (
	idleFew  = 5000
	idleMany = 19000
)

// scenarios are all that there are: the matrix of echoes, and the others.
var scenarios = func() (list []*scenario) {
	for _, n := range []int{100, 1000, 10000} {
		for _, size := range []int{32, 1 << 10, 16 << 10} {
			list = append(list, &scenario{
				name: fmt.Sprintf("%dx%s", n, short(size)), title: fmt.Sprintf("Echo, %s connections, %s", thousands(n), octets(size)),
				connections: n, size: size, outstanding: 1,
			})
		}
	}
	return append(list,
		&scenario{name: "pipelined", title: "Echo, 100 connections, 64 messages of 64 B outstanding", connections: 100, size: 64, outstanding: 64},
		&scenario{name: "1M", title: "Echo, 8 connections, 1 MiB", connections: 8, size: 1 << 20, outstanding: 1},
		&scenario{name: "deflate", title: "Echo, 100 connections, 1 KiB of JSON, compressed", connections: 100, size: 1 << 10, outstanding: 1, deflate: true},
		&scenario{name: "handshakes", title: "Handshakes, a browser's request", kind: handshakes, browser: true},
		&scenario{name: "handshakes-minimal", title: "Handshakes, the shortest request", kind: handshakes},
		&scenario{name: "broadcast", title: "Broadcast of 64 B to 10,000", kind: broadcasts, connections: 10000, size: 64},
		&scenario{name: "idle", title: fmt.Sprintf("Idle memory, from %s to %s connections", thousands(idleFew), thousands(idleMany)), kind: idle, size: 32, outstanding: 1},
	)
}()

// usual are the scenarios that are measured if no others are asked for.
const usual = "1000x32,1000x1K,10000x32,100x16K,pipelined,1M,deflate,handshakes,handshakes-minimal,broadcast,idle"

// fits tells whether a server can take part.
func (s *scenario) fits(p *peer) bool {
	switch {
	case isRaw(p.name):
		return s.kind == echoes && !s.deflate
	case s.deflate:
		return p.deflate
	case s.kind == broadcasts:
		return p.broadcast
	}
	return true
}

// pickScenarios returns those that a list with commas names.
func pickScenarios(asked string) (list []*scenario, err error) {
	if asked == "all" {
		return scenarios, nil
	}
	for name := range strings.SplitSeq(asked, ",") {
		i := slices.IndexFunc(scenarios, func(s *scenario) bool { return s.name == name })
		if i < 0 {
			var all []string
			for _, s := range scenarios {
				all = append(all, s.name)
			}
			return nil, fmt.Errorf("there is no scenario %q: choose from %s, or all", name, strings.Join(all, ","))
		}
		list = append(list, scenarios[i])
	}
	return list, nil
}

// pickServers returns the names in a list with commas, all for "".
func pickServers(asked string) (list []string, err error) {
	var all []string
	for _, p := range peers {
		all = append(all, p.name)
	}
	if asked == "" {
		return all, nil
	}
	for name := range strings.SplitSeq(asked, ",") {
		if !slices.Contains(all, name) {
			return nil, fmt.Errorf("there is no server %q: choose from %q", name, strings.Join(all, ","))
		}
		list = append(list, name)
	}
	return list, nil
}

func short(octets int) string {
	if octets >= 1<<10 {
		return fmt.Sprintf("%dK", octets>>10)
	}
	return fmt.Sprint(octets)
}

func octets(n int) string {
	if n >= 1<<10 {
		return fmt.Sprintf("%d KiB", n>>10)
	}
	return fmt.Sprintf("%d B", n)
}

func thousands(n int) string {
	if n >= 1000 {
		return fmt.Sprintf("%s,%03d", thousands(n/1000), n%1000)
	}
	return fmt.Sprint(n)
}
