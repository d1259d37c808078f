// Command server measures `openline serve` beside Nchan (nginx) and Socket.IO (Node.js):
// what a delivery, a publish, a connection and an idle session cost a server.
//
//	cd bench && go run ./server
//	go run ./server -rows fanout,users -peers openline,nchan -rounds 5 -time 5s
//	go run ./server -smoke
//
// Each server is alone on the first processor, with one nginx worker, as there is one
// core; the load, the same for all, is on the last. Servers take turns, round by round,
// each started anew; what counts is the ratio of what was measured in the same round.
// It talks to 127.0.0.1 only, and ends by itself.
//
// Nchan keeps its own defaults: 10 messages of a channel, for an hour; Openline keeps
// none today, and Socket.IO neither. A peer that is not installed is left out, with a
// word about it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/openline/openline/bench/internal/proc"
)

type options struct {
	binary string
	rows   string
	peers  string
	rounds int
	time   time.Duration
	smoke  bool
	file   string // for the tables as Markdown
}

func main() {
	var o options
	flag.StringVar(&o.binary, "openline", "", "the server's binary (default: built from this checkout)")
	flag.StringVar(&o.rows, "rows", "", "which rows, with commas between (default all)")
	flag.StringVar(&o.peers, "peers", "", "which servers, with commas between (default all)")
	flag.IntVar(&o.rounds, "rounds", 3, "how often each is measured")
	flag.DurationVar(&o.time, "time", 5*time.Second, "how long messages are published in a measurement")
	flag.BoolVar(&o.smoke, "smoke", false, "measure briefly what is promised, and print a line for each promise")
	flag.StringVar(&o.file, "markdown", "", "write the tables to this file too")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, &o); err != nil {
		fmt.Fprintln(os.Stderr, "server:", err)
		os.Exit(1)
	}
}

// descriptors are what the most sessions of a row need.
const descriptors = idleMany + 500

func run(ctx context.Context, o *options) error {
	chosen, err := pickRows(o.rows)
	if err != nil {
		return err
	}
	if err := proc.Descriptors(descriptors); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "openline-bench-server-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if o.binary == "" {
		o.binary = filepath.Join(dir, "openline")
		build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", o.binary, "./cmd/openline")
		build.Dir = ".."
		if out, err := build.CombinedOutput(); err != nil {
			return fmt.Errorf("go build ./cmd/openline (run this in the folder bench): %w\n%s", err, out)
		}
	}
	list, missing, err := pickPeers(ctx, o.peers, &workshop{dir: dir, binary: o.binary})
	if err != nil {
		return err
	}
	for name, why := range missing {
		fmt.Fprintf(os.Stderr, "%s is left out: %s\n", name, why)
	}
	if err := proc.PinLoad(); err != nil {
		return err
	}
	m := &meter{time: o.time, rounds: o.rounds, settle: 30 * time.Second}
	if o.smoke {
		m.time, m.rounds, m.settle, m.brief = 2*time.Second, 2, 10*time.Second, true
	} else {
		fmt.Printf("%s %s/%s, %d processors; %d rounds of %v\n", runtime.Version(), runtime.GOOS, runtime.GOARCH, proc.Cores(), m.rounds, m.time)
	}
	var failed []error
	var document strings.Builder
	for _, r := range chosen {
		t, err := m.measure(ctx, r, list)
		if o.smoke {
			for _, line := range r.bars(t, missing) {
				line.Write(os.Stdout)
			}
		} else {
			t.print(os.Stdout)
			t.markdown(&document)
		}
		if err != nil {
			failed = append(failed, err)
		}
		if ctx.Err() != nil {
			break
		}
	}
	if o.file != "" {
		failed = append(failed, os.WriteFile(o.file, []byte(document.String()), 0o644))
	}
	return errors.Join(failed...)
}

// pick returns the items whose names are in text, all for none.
func pick[T any](text string, all []T, name func(T) string) (list []T, err error) {
	if text == "" {
		return all, nil
	}
	var names []string
	for _, item := range all {
		names = append(names, name(item))
	}
	for word := range strings.SplitSeq(text, ",") {
		i := slices.Index(names, strings.TrimSpace(word))
		if i < 0 {
			return nil, errors.New("there is no " + word + ", only " + strings.Join(names, ", "))
		}
		list = append(list, all[i])
	}
	return list, nil
}
