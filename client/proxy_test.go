package client_test

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
)

// proxy stands between clients and a server, which may be another one after a
// while, and treats their connections badly when it is told to.
type proxy struct {
	l net.Listener

	mu     sync.Mutex // guards the following
	target string     // "" refuses
	pipes  map[*pipe]bool
	all    sync.WaitGroup
}

// pipe is one connection through a proxy.
type pipe struct {
	near, far net.Conn

	mu   sync.Mutex
	mute bool // what comes is thrown away, and nobody is told
}

func newProxy(t *testing.T) *proxy {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{l: l, pipes: make(map[*pipe]bool)}
	p.all.Go(func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			p.all.Go(func() { p.serve(nc) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		p.lead("")
		p.cut()
		p.all.Wait()
	})
	return p
}

func (p *proxy) url() string { return "http://" + p.l.Addr().String() }

// lead makes new connections go to the server at url.
func (p *proxy) lead(url string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.target = strings.TrimPrefix(url, "http://")
}

func (p *proxy) serve(near net.Conn) {
	defer near.Close()
	p.mu.Lock()
	target := p.target
	p.mu.Unlock()
	if target == "" {
		return
	}
	far, err := net.Dial("tcp", target)
	if err != nil {
		return
	}
	defer far.Close()
	c := &pipe{near: near, far: far}
	p.mu.Lock()
	p.pipes[c] = true
	p.mu.Unlock()
	var both sync.WaitGroup
	both.Go(func() { c.copy(near, far) })
	c.copy(far, near)
	both.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.pipes, c)
}

func (c *pipe) copy(to, from net.Conn) {
	buf := make([]byte, 8<<10)
	for {
		n, err := from.Read(buf)
		c.mu.Lock()
		mute := c.mute
		c.mu.Unlock()
		if n > 0 && !mute {
			_, _ = to.Write(buf[:n])
		}
		if err != nil {
			if !mute {
				_ = to.Close()
			}
			return
		}
	}
}

// each calls f with every connection and returns how many there are.
func (p *proxy) each(f func(*pipe)) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.pipes {
		f(c)
	}
	return len(p.pipes)
}

// cut ends all connections.
func (p *proxy) cut() int {
	return p.each(func(c *pipe) {
		_ = c.near.Close()
		_ = c.far.Close()
	})
}

// hush lets all connections stand and carries nothing more over them: a network
// that is gone without a FIN.
func (p *proxy) hush() int {
	return p.each(func(c *pipe) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.mute = true
	})
}

// middlebox is a proxy that knows HTTP, and too little of it: it does not let an
// Upgrade through; if it hoards, it holds an answer back until that is complete.
func middlebox(t *testing.T, target string, hoards bool) string {
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	through := httputil.NewSingleHostReverseProxy(u)
	through.FlushInterval = -1
	if hoards {
		through.ModifyResponse = func(r *http.Response) error {
			b, err := io.ReadAll(r.Body)
			r.Body = io.NopCloser(strings.NewReader(string(b)))
			return err
		}
	}
	through.ErrorHandler = func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) }
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") != "" {
			http.Error(w, "Bad request.", http.StatusBadRequest)
			return
		}
		through.ServeHTTP(w, r)
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}
