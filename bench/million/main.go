// Command million opens very many sessions, each subscribed, with openline serve on
// this one machine, and sends one broadcast to all of them:
//
//	go run ./million                                   # in bench: a million sessions
//	go run ./million -sessions 40000 -processes 3
//
// A process may have so many descriptors and no more, often 20,000, and two addresses so
// many ports between them. So there are several servers, each
// a process with a port of its own and a single processor (GOMAXPROCS=1), and a process
// of clients for each. Keep-alive pings are off: a million of them every 30 seconds are
// 33,000 a second, which is another thing to measure. Every session is seen open
// (sys:open), and every delivery is counted by the client that got it. When the machine
// runs out of something, what there is stays and is reported, and what was missing.
// Nothing is left behind at the end, nor at Ctrl-C.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/openline/openline/bench/internal/proc"
)

type options struct {
	sessions  int
	processes int
	each      int
	atOnce    int
	memory    int64 // octets that stay available
	gc        string
	client    string
}

func main() {
	o := options{}
	flag.IntVar(&o.sessions, "sessions", 1_000_000, "sessions in all")
	flag.IntVar(&o.processes, "processes", 0, "servers, and as many processes of clients; default: as many as -each asks for")
	// Linux gives out every other port of 28,232 first. Of more connections than that from
	// one address to another, each has to search for long.
	flag.IntVar(&o.each, "each", 14_000, "the most sessions of one server")
	flag.IntVar(&o.atOnce, "at", 2, "processes of clients that open sessions at a time")
	flag.Int64Var(&o.memory, "reserve", 1536, "MiB of memory that stay available: then no more is opened")
	flag.StringVar(&o.gc, "gogc", "100", "GOGC of the servers")
	flag.StringVar(&o.client, "client", "", "be the clients of the server at an address; for the program itself")
	flag.Parse()
	o.memory <<= 20
	if o.client != "" {
		if err := serveClients(o.client); err != nil {
			fmt.Fprintln(os.Stderr, "clients:", err)
			os.Exit(1)
		}
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second Ctrl-C does not wait; the other processes end with this one
	if err := run(ctx, &o); err != nil {
		fmt.Fprintln(os.Stderr, "million:", err)
		os.Exit(1)
	}
}

// plan says how many sessions each process has.
func (o *options) plan() ([]int, error) {
	if o.sessions < 1 || o.each < 1 || o.atOnce < 1 {
		return nil, errors.New("-sessions, -each and -at have to be 1 or more")
	}
	n := o.processes
	if n <= 0 {
		n = (o.sessions + o.each - 1) / o.each
	}
	if o.sessions > n*o.each {
		return nil, fmt.Errorf("%d processes of %d sessions are fewer than %d: give more -processes, or none", n, o.each, o.sessions)
	}
	list := make([]int, n)
	for i := range list {
		list[i] = o.sessions/n + min(1, max(0, o.sessions%n-i))
	}
	return list, nil
}

func run(ctx context.Context, o *options) error {
	parts, err := o.plan()
	if err != nil {
		return err
	}
	if err := proc.Descriptors(parts[0] + 300); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "million-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }() // logs that nobody needs any more
	s := &stage{o: o, dir: dir}
	defer s.close()
	fmt.Printf("%d sessions with %d servers, GOGC=%s, GOMAXPROCS=1, no pings; %d processes open at a time\n", o.sessions, len(parts), o.gc, o.atOnce)
	if err := s.start(ctx, parts); err != nil {
		return err
	}
	if err := s.open(ctx); err != nil {
		return err
	}
	s.settle(ctx)
	if ctx.Err() != nil {
		return errors.New("stopped")
	}
	if err := s.figures(); err != nil {
		return err
	}
	return s.broadcast(ctx)
}

// settleTime is in which the servers give back what the openings took.
const settleTime = 20 * time.Second

func (s *stage) settle(ctx context.Context) {
	t := time.NewTimer(settleTime)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
