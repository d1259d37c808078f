package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/openline/openline/websocket/conformance"
)

// cutOff is what is said of a case during which the process under test ended,
// however the case itself took that.
const cutOff = "the connection was cut off"

// runServer starts a server and plays the suite against it. If the server's
// process ends on the way, which spoils the cases that are played beside the one
// that did it, all are played again, one by one.
func runServer(ctx context.Context, _ *workshop, prog *program, o *conformance.Options) (*conformance.Report, string, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s := &server{command: prog.command, addr: "127.0.0.1:0"}
	if err := s.start(ctx); err != nil {
		return nil, "", err
	}
	var keeper sync.WaitGroup
	keeper.Go(func() { s.keep(ctx) })
	report, err := conformance.Server(ctx, "ws://"+s.addr+"/echo", o)
	if s.ends() > 0 && err == nil {
		fmt.Fprintln(os.Stderr, "  once more, one by one")
		report, err = conformance.Server(ctx, "ws://"+s.addr+"/echo", oneByOne(o, func() bool { return s.settle(ctx) }))
	}
	cancel()
	keeper.Wait()
	return report, usage(s.restarts, s.peak), err
}

// oneByOne are options for a run in which settle is asked after each case
// whether the process under test has ended.
func oneByOne(o *conformance.Options, settle func() bool) *conformance.Options {
	settle()
	single := *o
	single.Parallel = 1
	single.Each = func(r *conformance.Result) {
		if settle() {
			r.Verdict, r.Reason, r.Remark = conformance.Failed, cutOff, ""
		}
		o.Each(r)
	}
	return &single
}

// server is a server under test, which is started again when it ends.
type server struct {
	command []string
	addr    string

	mu       sync.Mutex
	process  *process // guarded by mu, as all that follows
	restarts int
	settled  int // restarts that settle has told of
	peak     int64
}

func (s *server) start(ctx context.Context) error {
	p, err := startProcess(append(s.command[:len(s.command):len(s.command)], "--listen", s.addr), nil)
	if err != nil {
		return err
	}
	addr, err := p.line(ctx)
	if err != nil {
		p.stop()
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.process, s.addr = p, addr
	return nil
}

// keep starts the server again whenever it ends, until ctx does.
func (s *server) keep(ctx context.Context) {
	for {
		p := s.process // only this goroutine changes it
		select {
		case <-ctx.Done():
			p.stop()
		case <-p.done:
		}
		s.mu.Lock()
		s.peak = max(s.peak, p.memory())
		if ctx.Err() == nil {
			s.restarts++
		}
		s.mu.Unlock()
		if ctx.Err() != nil {
			return
		}
		fmt.Fprintf(os.Stderr, "  the server ended by itself (%s) and is started again\n%s\n", p.cmd.ProcessState, p.errors.String())
		if err := s.start(ctx); err != nil {
			fmt.Fprintln(os.Stderr, " ", err)
			return
		}
	}
}

func (s *server) ends() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.restarts
}

// settle waits until the server answers, and reports whether it has been started
// again since it was last asked.
func (s *server) settle(ctx context.Context) bool {
	again := false
	for range 500 {
		err := answers(ctx, "http://"+s.addr+"/")
		s.mu.Lock()
		again = again || s.restarts != s.settled
		s.settled = s.restarts
		s.mu.Unlock()
		if err == nil {
			return again
		}
		select {
		case <-ctx.Done():
			return again
		case <-time.After(20 * time.Millisecond):
		}
	}
	return true
}

// answers asks for any response.
func answers(ctx context.Context, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	t := &http.Transport{DisableKeepAlives: true, ResponseHeaderTimeout: 5 * time.Second}
	resp, err := t.RoundTrip(req)
	if err != nil {
		return errors.New("no answer")
	}
	resp.Body.Close()
	return nil
}

// usage says what is worth knowing about the processes of a run.
func usage(restarts int, peak int64) string {
	s := fmt.Sprintf(", at most %d MiB", peak>>20)
	if restarts > 0 {
		s += fmt.Sprintf(", ended by itself %d times", restarts)
	}
	return s
}
