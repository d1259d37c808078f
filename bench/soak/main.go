// Command soak lets peers of all sorts loose on a server, at random and for a long
// time, and checks that nothing of them remains:
//
//	go run ./soak                       # in bench: 10 minutes for each server
//	go run ./soak -server serve -time 2m -sessions 1000
//	go run ./soak -time 1m -race        # the servers are built with the race detector
//
// The servers are openline serve and an echo on the loops of package websocket, each a
// process of its own. Some peers are healthy, and check that they lose nothing and see
// the right order. Others end their half, reset, stop reading or writing, break the
// rules, or never come to the point. After a warm-up, and again at the end, all have
// gone and it is quiet for a while: then there are no sessions, the descriptors are
// those of the beginning, and the memory at the end is that after the warm-up. The
// exit code is 1 if anything was not as it should be. What is random follows from the
// seed that is printed; the times at which things meet do not.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/openline/openline/bench/internal/proc"
)

type options struct {
	server   string
	time     time.Duration
	sessions int
	seed     uint64
	race     bool
	only     string
	echo     bool
}

func main() {
	var o options
	flag.StringVar(&o.server, "server", "serve,loop", "servers: serve, loop, or both with a comma")
	flag.DurationVar(&o.time, "time", 10*time.Minute, "how long peers come and go, for each server")
	flag.IntVar(&o.sessions, "sessions", 2000, "peers at a time")
	flag.Uint64Var(&o.seed, "seed", 0, "repeat what is random of an earlier run; 0: a new one")
	flag.BoolVar(&o.race, "race", false, "build the servers with the race detector; memory is not judged then")
	flag.StringVar(&o.only, "only", "", "behaviours, with commas between them; default: all")
	flag.BoolVar(&o.echo, "echo", false, "be the echo server; for the program itself")
	flag.Parse()
	if o.echo {
		if err := serveEcho(); err != nil {
			fmt.Fprintln(os.Stderr, "echo:", err)
			os.Exit(1)
		}
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second Ctrl-C does not wait; the other processes end with this one
	if err := run(ctx, &o); err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o *options) error {
	if o.sessions < 1 || o.sessions > 5000 {
		return fmt.Errorf("-sessions is %d, but has to be 1 to 5000", o.sessions)
	}
	if err := proc.Descriptors(2*o.sessions + 200); err != nil {
		return err
	}
	if o.seed == 0 {
		o.seed = rand.Uint64()
	}
	fmt.Printf("seed %d\n", o.seed)
	missed := 0
	for kind := range strings.SplitSeq(o.server, ",") {
		n, err := server(ctx, o, kind)
		if err != nil {
			return fmt.Errorf("%s: %w", kind, err)
		}
		missed += n
	}
	if missed > 0 {
		return fmt.Errorf("%d misses", missed)
	}
	return nil
}

// server soaks one server, and returns the number of misses.
func server(ctx context.Context, o *options, kind string) (missed int, err error) {
	start := map[string]func(context.Context, string, bool) (*target, error){kindServe: startServe, kindLoop: startLoop}[kind]
	if start == nil {
		return 0, errors.New("there is no such server; they are serve and loop")
	}
	dir, err := os.MkdirTemp("", "soak-")
	if err != nil {
		return 0, err
	}
	t, err := start(ctx, dir, o.race)
	if err != nil {
		return 0, err
	}
	defer t.node.Kill()
	names := map[string]bool{}
	for name := range strings.SplitSeq(o.only, ",") {
		if name != "" {
			names[name] = true
		}
	}
	c, err := newCrowd(t, o.seed, o.sessions, names)
	if err != nil {
		return 0, err
	}
	if err := c.soak(ctx, o); err != nil {
		if ctx.Err() == nil { // the server may have ended: its log says why
			lines, _ := t.node.Complaints("panic", "data race", "fatal error", "level=error")
			err = fmt.Errorf("%w; the log is %s\n%s", err, t.node.Log, strings.Join(lines, "\n"))
		}
		return 0, err
	}
	c.tally.print(os.Stdout)
	if missed = c.tally.misses(); missed == 0 {
		return 0, os.RemoveAll(dir)
	}
	fmt.Printf("the log is %s\n", t.node.Log)
	return missed, nil
}
