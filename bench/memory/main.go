// Command memory measures what compression costs a server in memory, and what it
// saves on the wire, beside other libraries in one run:
//
//	cd bench && go run ./memory
//
// Each server is an echo in a process of its own, which is this program again. This
// process is the clients of all of them, the same for each: it opens connections,
// has every one exchange messages, and leaves them idle. What is printed is the
// server's resident memory for a connection, when it has collected its garbage and
// given back what is free.
//
// Servers take turns, several rounds of them. It talks to 127.0.0.1 only, reads
// /proc, and ends by itself.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"time"

	"github.com/openline/openline/bench/internal/proc"
	"github.com/openline/openline/bench/internal/stat"
)

func main() {
	if len(os.Args) == 3 && os.Args[1] == "serve" {
		fmt.Fprintf(os.Stderr, "%s: %v\n", os.Args[2], serve(os.Args[2]))
		os.Exit(1)
	}
	connections := flag.Int("connections", 1000, "how many connections to open")
	messages := flag.Int("messages", 100, "how many messages each sends and gets back")
	rounds := flag.Int("rounds", 3, "how often each server has its turn")
	limit := flag.Duration("limit", 15*time.Minute, "when to give up")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, *limit)
	defer cancel()
	if err := run(ctx, *connections, *messages, *rounds); err != nil {
		fmt.Fprintln(os.Stderr, "memory:", err)
		os.Exit(1)
	}
}

// result is what was measured of one server in one round.
type result struct {
	opened float64 // KiB a connection that has sent nothing yet
	idle   float64 // KiB a connection, when all messages are through
	wire   float64 // bytes of a message on its way from the server, its frame's header included
	plain  float64 // bytes of the message itself
}

func run(ctx context.Context, connections, messages, rounds int) error {
	if err := proc.Descriptors(connections + 100); err != nil {
		return err
	}
	results := map[string][]result{}
	for round := range rounds {
		for _, c := range contenders {
			r, err := measure(ctx, c.name, connections, messages)
			if err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
			fmt.Fprintf(os.Stderr, "round %d  %-34s %7.1f KiB open, %7.1f KiB idle, %5.1f bytes a message\n", round+1, c.name, r.opened, r.idle, r.wire)
			results[c.name] = append(results[c.name], r)
		}
	}
	printTable(results, connections, messages)
	return nil
}

// printTable writes the medians as a table in Markdown.
func printTable(results map[string][]result, connections, messages int) {
	median := func(name string, f func(result) float64) float64 {
		var list []float64
		for _, r := range results[name] {
			list = append(list, f(r))
		}
		return stat.Median(list)
	}
	idle := func(r result) float64 { return r.idle }
	first := contenders[0]
	most, added := median(first.name, idle), median(first.name, idle)-median(first.off, idle)
	fmt.Printf("%d connections, %d messages of %.0f bytes each way on every one; medians of %d rounds\n\n",
		connections, messages, median(first.name, func(r result) float64 { return r.plain }), len(results[first.name]))
	fmt.Println("| server | KiB a connection | × ours | of which compression | × ours | bytes a message | ratio |")
	fmt.Println("| --- | --- | --- | --- | --- | --- | --- |")
	for _, c := range contenders {
		total := median(c.name, idle)
		wire := median(c.name, func(r result) float64 { return r.wire })
		fmt.Printf("| %s | %.1f | %.1f |", c.name, total, total/most)
		if c.off == "" {
			fmt.Print(" | |")
		} else {
			share := total - median(c.off, idle)
			fmt.Printf(" %.1f | %.1f |", share, share/added)
		}
		fmt.Printf(" %.0f | %.1f |\n", wire, median(c.name, func(r result) float64 { return r.plain / r.wire }))
	}
}

// measure has one server its turn.
func measure(ctx context.Context, name string, connections, messages int) (result, error) {
	self, err := os.Executable()
	if err != nil {
		return result{}, err
	}
	s, err := proc.Start(self, "serve", name)
	if err != nil {
		return result{}, err
	}
	defer s.Stop()
	// One connection that is not counted has the server set up what it needs once.
	first := &clients{address: s.Address}
	defer first.close()
	if err := first.open(ctx, 1); err != nil {
		return result{}, err
	}
	if err := first.talk(ctx, messages); err != nil {
		return result{}, err
	}
	empty, err := settle(s)
	if err != nil {
		return result{}, err
	}
	all := &clients{address: s.Address}
	defer all.close()
	if err := all.open(ctx, connections); err != nil {
		return result{}, err
	}
	opened, err := settle(s)
	if err != nil {
		return result{}, err
	}
	before := all.received.Load()
	if err := all.talk(ctx, messages); err != nil {
		return result{}, err
	}
	idle, err := settle(s)
	if err != nil {
		return result{}, err
	}
	count := float64(connections * messages)
	each := func(rss int64) float64 { return float64(rss-empty) / 1024 / float64(connections) }
	return result{
		opened: each(opened), idle: each(idle),
		wire: float64(all.received.Load()-before) / count, plain: float64(all.plain.Load()) / count,
	}, nil
}
