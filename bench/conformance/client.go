package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/openline/openline/websocket/conformance"
)

//go:embed js/browser.html
var browserPage []byte

// patience is how long a client may take until it asks for the next URL before
// it is given up and started again.
const patience = 20 * time.Second

// workers is how many URLs a client works on at the same time, and a browser.
const (
	workers        = 8
	browserWorkers = 5
)

// runClient starts a client that asks for the URL of one case after another,
// with several under way, and hands it those of the suite. If the client's
// process ends on the way, all cases are played again, one by one.
func runClient(ctx context.Context, w *workshop, prog *program, o *conformance.Options) (*conformance.Report, string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, "", err
	}
	o.CAFile = filepath.Join(w.dir, "ca.pem")
	n := workers
	if prog.page {
		n = browserWorkers
		limited := *o
		limited.Parallel = min(o.Parallel, n)
		o = &limited
	}
	c := &callers{prog: prog, workers: n, base: "http://" + l.Addr().String(), ca: o.CAFile, jobs: make(chan *job), current: map[string]*job{}}
	mux := http.NewServeMux()
	mux.HandleFunc("/next", c.next)
	mux.HandleFunc("/{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write(browserPage)
	})
	srv := &http.Server{Handler: mux}
	go func() { _ = srv.Serve(l) }()
	defer srv.Close()
	report, err := conformance.Client(ctx, c.start, o)
	if c.settle() && err == nil {
		fmt.Fprintln(os.Stderr, "  once more, one by one")
		c.stop() // the next run has a CA of its own, which a client reads when it starts
		report, err = conformance.Client(ctx, c.start, oneByOne(o, c.settle))
	}
	c.stop()
	return report, usage(c.restarts, c.peak), err
}

// job is one URL that a client is to connect to.
type job struct {
	url  string
	done chan struct{} // closed when the client asks for more, or has ended
	once sync.Once
}

func (j *job) finish() { j.once.Do(func() { close(j.done) }) }

// callers is the client process, and what its workers are about.
type callers struct {
	prog    *program
	workers int
	base    string
	ca      string
	jobs    chan *job

	mu       sync.Mutex
	process  *process        // guarded by mu, as all that follows
	current  map[string]*job // by worker
	waiting  int             // workers that ask for more
	ended    bool            // since settle was last asked
	restarts int
	peak     int64
}

// next answers a worker with its next URL, and takes from its question that it
// is done with the one before.
func (c *callers) next(w http.ResponseWriter, r *http.Request) {
	worker := r.FormValue("worker")
	c.mu.Lock()
	before := c.current[worker]
	delete(c.current, worker)
	c.waiting++
	c.mu.Unlock()
	if before != nil {
		before.finish()
	}
	defer func() {
		c.mu.Lock()
		c.waiting--
		c.mu.Unlock()
	}()
	select {
	case <-r.Context().Done():
	case j := <-c.jobs:
		c.mu.Lock()
		c.current[worker] = j
		c.mu.Unlock()
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		_, _ = w.Write([]byte(j.url))
	}
}

// start has some worker connect to url, and returns when it has ended or the
// case is over.
func (c *callers) start(ctx context.Context, url string) error {
	p, err := c.running()
	if err != nil {
		return err
	}
	j := &job{url: url, done: make(chan struct{})}
	late := time.NewTimer(patience)
	defer late.Stop()
	select {
	case c.jobs <- j:
	case <-ctx.Done():
		return ctx.Err()
	case <-p.done:
		return errors.New("the client ended by itself")
	case <-late.C:
		p.kill() // none of its workers has come back
		return errors.New("the client asks for nothing more")
	}
	select {
	case <-j.done:
		return nil
	case <-p.done:
		return errors.New("the client ended by itself")
	case <-ctx.Done():
		return ctx.Err()
	}
}

// running returns the client's process, which it starts if there is none.
func (c *callers) running() (*process, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.process != nil {
		select {
		case <-c.process.done:
			c.gone()
		default:
			return c.process, nil
		}
	}
	address := c.base + "/next"
	if c.prog.page {
		address = c.base + "/"
	}
	command := append(c.prog.command[:len(c.prog.command):len(c.prog.command)], address)
	p, err := startProcess(command, []string{"SSL_CERT_FILE=" + c.ca, "NODE_EXTRA_CA_CERTS=" + c.ca})
	c.process = p
	return p, err
}

// gone takes note of a process that has ended by itself. c.mu is held.
func (c *callers) gone() {
	c.restarts++
	c.ended = true
	c.peak = max(c.peak, c.process.memory())
	fmt.Fprintf(os.Stderr, "  the client ended by itself (%s) and is started again\n%s\n", c.process.cmd.ProcessState, c.process.errors.String())
	c.process = nil
	for worker, j := range c.current {
		j.finish()
		delete(c.current, worker)
	}
}

// settle waits until all workers ask for more, and reports whether the process
// has ended by itself since it was last asked.
func (c *callers) settle() bool {
	for tries := 0; ; tries++ {
		c.mu.Lock()
		if c.process != nil {
			select {
			case <-c.process.done:
				c.gone()
			default:
			}
		}
		ended, settled := c.ended, c.process == nil || c.waiting == c.workers || tries == 2000
		if settled {
			c.ended = false
		}
		c.mu.Unlock()
		if settled {
			return ended
		}
		<-time.After(10 * time.Millisecond)
	}
}

func (c *callers) stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.process != nil {
		c.process.stop()
		c.peak = max(c.peak, c.process.memory())
		c.process = nil
	}
}
