// Command library measures what WebSocket costs a server: in CPU time and in memory,
// for this project's drivers, for other libraries, and for raw TCP as the bound.
//
//	cd bench && go run ./library
//	go run ./library -servers "openline loop,gws" -scenarios 1000x32,pipelined -rounds 3 -time 1s
//	go run ./library -smoke
//	go run ./library -write ../docs/performance.md -svg ../docs/libraries.svg
//
// Each server is a process of its own on the first processor, the load another on
// the last. Servers take turns, round by round, and a raw echo is measured beside
// each round, for a machine's speed changes; what counts is the ratio of what was
// measured in the same round. It talks to 127.0.0.1 only, and ends by itself.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"time"

	"github.com/openline/openline/bench/internal/page"
	"github.com/openline/openline/bench/internal/proc"
	"github.com/openline/openline/bench/internal/stat"
	"github.com/openline/openline/internal/chart"
)

func main() {
	if len(os.Args) == 4 && os.Args[1] == "serve" {
		fmt.Fprintf(os.Stderr, "%s: %v\n", os.Args[2], serve(os.Args[2], os.Args[3]))
		os.Exit(1)
	}
	var o options
	flag.StringVar(&o.servers, "servers", "", "which servers, with commas between (default all)")
	flag.StringVar(&o.scenarios, "scenarios", usual, "which scenarios, with commas between, or all")
	flag.IntVar(&o.rounds, "rounds", 5, "how often each is measured")
	flag.DurationVar(&o.time, "time", time.Second, "how long a measurement is")
	flag.StringVar(&o.svg, "svg", "", "write a chart to this file")
	flag.StringVar(&o.write, "write", "", "write the tables into this file, between its markers <!-- libraries -->")
	flag.BoolVar(&o.smoke, "smoke", false, "measure briefly what is promised, and print a line for each promise")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, &o); err != nil {
		fmt.Fprintln(os.Stderr, "library:", err)
		os.Exit(1)
	}
}

type options struct {
	servers, scenarios string
	rounds             int
	time               time.Duration
	svg, write         string
	smoke              bool
}

// descriptors are what the most connections of a scenario need.
const descriptors = idleMany + 500

func run(ctx context.Context, o *options) error {
	if err := proc.Descriptors(descriptors); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "openline-bench")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	w, err := newWorkshop(dir)
	if err != nil {
		return err
	}
	if err := proc.PinLoad(); err != nil {
		return err
	}
	if o.smoke {
		return w.smoke(ctx)
	}
	names, err := pickServers(o.servers)
	if err != nil {
		return err
	}
	list, err := pickScenarios(o.scenarios)
	if err != nil {
		return err
	}
	fmt.Printf("%s %s/%s, %d processors; %d rounds of %v\n", runtime.Version(), runtime.GOOS, runtime.GOARCH, proc.Cores(), o.rounds, o.time)
	var results []*result
	var beside []float64
	for _, s := range list {
		r, err := w.compare(ctx, s, names, o.rounds, o.time)
		beside = append(beside, r.beside...)
		r.print(os.Stdout, stat.Median(beside))
		results = append(results, r)
		if err != nil {
			return err
		}
	}
	return write(o, results)
}

// write writes the files that were asked for.
func write(o *options, results []*result) error {
	if o.write != "" {
		var b strings.Builder
		markdown(&b, results)
		if err := page.Insert(o.write, "libraries", b.String()); err != nil {
			return err
		}
	}
	if o.svg == "" {
		return nil
	}
	var b strings.Builder
	const summary = "Bars of CPU time or memory for each server, shorter is better; the tables beside the chart have the same figures."
	if err := chart.Write(&b, panels(results), "What WebSocket costs a server", summary); err != nil {
		return err
	}
	return os.WriteFile(o.svg, []byte(b.String()), 0o644)
}
