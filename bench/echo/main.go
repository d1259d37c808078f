// Command echo measures what an echoed message costs a server: in CPU time, for
// this project's drivers, for other libraries, and for raw TCP as the bound.
//
// Each server is a process of its own on one core, the load another on the
// second. Servers take turns, round by round, so that a change of the machine's
// speed meets all alike; what counts is the ratio. It talks to 127.0.0.1 only,
// and ends by itself.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"golang.org/x/sys/unix"
)

// scenario is a pattern of load.
type scenario struct {
	name        string
	connections int
	size        int // octets of a message
	outstanding int // messages of a connection that are under way at once
}

var scenarios = []scenario{
	{"100x32", 100, 32, 1},
	{"1000x32", 1000, 32, 1},
	{"1000x1K", 1000, 1 << 10, 1},
	{"10000x32", 9000, 32, 1},
	{"100x16K", 100, 16 << 10, 1},
	{"pipelined", 100, 64, 64},
	{"1M", 8, 1 << 20, 1},
}

// reference is the server that the others are compared with.
const reference = "openline loop"

func main() {
	if len(os.Args) == 3 && os.Args[1] == "serve" {
		fmt.Fprintln(os.Stderr, serve(os.Args[2]))
		os.Exit(1)
	}
	names := flag.String("servers", "", "which servers, comma-separated (default all)")
	which := flag.String("scenarios", "", "which scenarios, comma-separated (default all)")
	rounds := flag.Int("rounds", 3, "how often each is measured")
	length := flag.Duration("time", 2*time.Second, "how long a measurement is")
	flag.Parse()
	if err := run(pick(*names, serverNames()), pick(*which, scenarioNames()), *rounds, *length); err != nil {
		fmt.Fprintln(os.Stderr, "echo:", err)
		os.Exit(1)
	}
}

func scenarioNames() (list []string) {
	for _, s := range scenarios {
		list = append(list, s.name)
	}
	return list
}

func pick(asked string, all []string) []string {
	if asked == "" {
		return all
	}
	var list []string
	for _, name := range all {
		if slices.Contains(strings.Split(asked, ","), name) {
			list = append(list, name)
		}
	}
	return list
}

// figures are what was measured of a server, one for each round.
type figures struct{ cpu, rate []float64 }

func run(servers, which []string, rounds int, length time.Duration) error {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt)
	if err := pin(0, lastCore()); err != nil {
		return err
	}
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err == nil {
		limit.Cur = limit.Max
		_ = unix.Setrlimit(unix.RLIMIT_NOFILE, &limit)
	}
	for _, s := range scenarios {
		if !slices.Contains(which, s.name) {
			continue
		}
		all := map[string]*figures{}
		for _, name := range servers {
			all[name] = &figures{}
		}
		for round := range rounds {
			for i := range servers {
				name := servers[(i+round)%len(servers)]
				cpu, rate, err := measure(name, &s, length)
				if err != nil {
					fmt.Fprintf(os.Stderr, "%s, %s: %v\n", s.name, name, err)
					continue
				}
				all[name].cpu, all[name].rate = append(all[name].cpu, cpu), append(all[name].rate, rate)
				select {
				case <-stop:
					return fmt.Errorf("interrupted")
				default:
				}
			}
		}
		print(&s, servers, all)
	}
	return nil
}

func print(s *scenario, servers []string, all map[string]*figures) {
	fmt.Printf("\n%s: %d connections, %d octets, %d outstanding\n", s.name, s.connections, s.size, s.outstanding)
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "server\tCPU µs a message\tspread\tratio\tmessages/s\t")
	ref := 0.0
	if f := all[reference]; f != nil {
		ref = median(f.cpu)
	}
	for _, name := range servers {
		f := all[name]
		if len(f.cpu) == 0 {
			continue
		}
		m := median(f.cpu)
		fmt.Fprintf(w, "%s\t%.3f\t%.3f–%.3f\t%.2f\t%.0f\t\n", name, m, slices.Min(f.cpu), slices.Max(f.cpu), m/ref, median(f.rate))
	}
	_ = w.Flush()
}

func median(list []float64) float64 {
	if len(list) == 0 {
		return 0
	}
	list = slices.Sorted(slices.Values(list))
	return list[len(list)/2]
}
