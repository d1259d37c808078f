package main

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"syscall"
	"time"
)

// calls is where clients under test ask for the next case.
type calls struct {
	l     net.Listener
	srv   *http.Server
	queue chan *call
	over  chan struct{} // closed when there are no more
	first chan struct{} // closed when a client has asked
	gone  func()        // called when nobody asks any more; may be nil

	mu     sync.Mutex       // guards the following
	busy   map[string]*call // what each client is at, by its name
	asked  bool             // by any client, ever
	missed int              // cases in a row that nobody asked for
}

// call is a case for a client that calls in.
type call struct {
	url   string
	ended chan struct{} // closed when its client asks for another
}

const (
	// callsFirst is how long the first client is waited for, times the patience:
	// somebody may have to start it by hand.
	callsFirst = 5 * time.Minute
	// callsGrace is how long clients that are about to ask are waited for at the
	// end.
	callsGrace = 2 * time.Second
	// callsMissed cases in a row that nobody asks for mean that nobody will.
	callsMissed = 3
)

func listenForCalls(address string) (*calls, error) {
	l, err := net.Listen("tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, usage("another program listens at %s already; choose another port with --listen", address)
	}
	if err != nil {
		return nil, usage("--listen: %v", err)
	}
	c := &calls{l: l, queue: make(chan *call), over: make(chan struct{}), first: make(chan struct{}), busy: make(map[string]*call)}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /next", c.next)
	c.srv = &http.Server{Handler: mux, ReadHeaderTimeout: reachTime}
	go func() { _ = c.srv.Serve(l) }() // it ends with close
	return c, nil
}

func (c *calls) url() string { return "http://" + c.l.Addr().String() + "/next" }

// start hands a case to the next client that asks, and waits until that asks
// again.
func (c *calls) start(ctx context.Context, url string) error {
	k := &call{url: url, ended: make(chan struct{})}
	select {
	case c.queue <- k:
		c.miss(false)
	case <-ctx.Done():
		c.miss(true)
		return errors.New("no client asked for it")
	}
	select {
	case <-k.ended:
		return nil
	case <-ctx.Done():
		return errors.New("the client has not asked for the next case")
	}
}

// miss counts the cases in a row that nobody asked for.
func (c *calls) miss(missed bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.missed++
	if !missed {
		c.missed = 0
	}
	if c.missed == callsMissed && c.gone != nil {
		c.gone()
	}
}

// await waits for the first client to ask.
func (c *calls) await(ctx context.Context) error {
	select {
	case <-c.first:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (c *calls) next(w http.ResponseWriter, r *http.Request) {
	name := r.URL.Query().Get("client")
	c.done(name)
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", "*") // the client may be a page
	h.Set("Cache-Control", "no-store")
	select {
	case k := <-c.queue:
		c.mu.Lock()
		c.busy[name] = k
		c.mu.Unlock()
		h.Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = io.WriteString(w, k.url)
	case <-c.over:
		w.WriteHeader(http.StatusNoContent)
	case <-r.Context().Done():
	}
}

// done notes that a client is through with its case, if it had one.
func (c *calls) done(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.asked {
		c.asked = true
		close(c.first)
	}
	if k := c.busy[name]; k != nil {
		close(k.ended)
		delete(c.busy, name)
	}
}

// close tells the clients that there are no more cases.
func (c *calls) close() {
	close(c.over)
	ctx, cancel := context.WithTimeout(context.Background(), callsGrace)
	defer cancel()
	if c.srv.Shutdown(ctx) != nil {
		c.srv.Close()
	}
}
