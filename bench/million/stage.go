package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/openline/openline/bench/internal/node"
	"github.com/openline/openline/bench/internal/proc"
)

// pair is a server and its clients.
type pair struct {
	want    int // sessions
	server  *node.Node
	clients *node.Node
	ready   int
}

// stage is all processes.
type stage struct {
	o      *options
	dir    string
	before system
	empty  int64 // octets of anonymous memory of a server without sessions, on average
	took   time.Duration

	mu    sync.Mutex // guards the following
	pairs []*pair
	limit string // what forbids more; empty: nothing
}

// chunk is how many sessions are opened between two looks at the machine's memory.
const chunk = 2000

// start starts the processes.
func (s *stage) start(ctx context.Context, parts []int) (err error) {
	program, err := node.Build(ctx, s.dir, false)
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if s.before, err = look(); err != nil {
		return err
	}
	for i, want := range parts {
		if ctx.Err() != nil {
			return errors.New("stopped")
		}
		p := &pair{want: want}
		s.pairs = append(s.pairs, p)
		serve := exec.Command(program, "serve", "--listen", "127.0.0.1:0", "--ping=-1s")
		serve.Env = append(os.Environ(), "OPENLINE_API_KEY="+apiKey, "GOMAXPROCS=1", "GOGC="+s.o.gc)
		if p.server, err = node.Start(serve, filepath.Join(s.dir, fmt.Sprintf("server%d.log", i))); err != nil {
			return err
		}
		clients := exec.Command(self, "-client", p.server.Address)
		clients.Env = append(os.Environ(), "GOMAXPROCS=1", "GOGC=50")
		if p.clients, err = node.Start(clients, filepath.Join(s.dir, fmt.Sprintf("clients%d.log", i))); err != nil {
			return err
		}
	}
	sum, err := s.serverMemory()
	s.empty = sum / int64(len(s.pairs))
	return err
}

// close ends all processes. The system takes a while for all their sockets.
func (s *stage) close() {
	var all sync.WaitGroup
	for _, p := range s.pairs {
		for _, n := range []*node.Node{p.clients, p.server} {
			if n != nil {
				all.Go(n.Kill)
			}
		}
	}
	all.Wait()
}

// order gives a process of clients an order and returns what it answers.
func (p *pair) order(text string) (a answer, err error) {
	line, err := p.clients.Ask(text)
	if err != nil {
		log, _ := os.ReadFile(p.clients.Log)
		return a, fmt.Errorf("the clients of %s: %w\n%s", p.server.Address, err, log)
	}
	err = json.Unmarshal([]byte(line), &a)
	return a, err
}

// open opens all sessions, or as many as the machine has room for.
func (s *stage) open(ctx context.Context) error {
	began := time.Now()
	turns := make(chan struct{}, s.o.atOnce)
	var all sync.WaitGroup
	told := began
	for _, p := range s.pairs {
		turns <- struct{}{}
		all.Go(func() {
			defer func() { <-turns }()
			for s.more(ctx, p) {
			}
		})
		if time.Since(told) > 5*time.Second {
			told = time.Now()
			fmt.Printf("  %d open after %v\n", s.ready(), time.Since(began).Round(time.Second))
		}
	}
	all.Wait()
	s.took = time.Since(began)
	switch {
	case ctx.Err() != nil:
		return errors.New("stopped")
	case s.ready() == 0:
		return errors.New("no session opened: " + s.limit)
	}
	return nil
}

// more opens some sessions of a pair, and reports whether there are more to open.
func (s *stage) more(ctx context.Context, p *pair) bool {
	left := p.want - p.ready
	if left == 0 || s.limited() || ctx.Err() != nil {
		return false
	}
	now, err := look()
	if err == nil && now.available < s.o.memory {
		err = fmt.Errorf("%d MiB of memory are available, and %d are to stay so (-reserve)", now.available>>20, s.o.memory>>20)
	}
	if err != nil {
		s.forbid(err.Error())
		return false
	}
	a, err := p.order("open " + strconv.Itoa(min(left, chunk)))
	s.mu.Lock()
	p.ready = a.Ready
	s.mu.Unlock()
	if err == nil && a.Error != "" {
		err = errors.New(a.Error)
	}
	for why, n := range a.Refused {
		err = errors.Join(err, fmt.Errorf("%d sessions of %s: %s", n, p.server.Address, why))
	}
	if err != nil {
		s.forbid(err.Error())
	}
	return err == nil
}

func (s *stage) limited() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.limit != ""
}

// forbid notes what was missing first.
func (s *stage) forbid(why string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.limit == "" {
		s.limit = why
	}
}

// ready returns how many sessions are open.
func (s *stage) ready() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.pairs {
		n += p.ready
	}
	return n
}

// broadcast sends a message to each server, first to one after the other, then to all
// at once.
func (s *stage) broadcast(ctx context.Context) error {
	for _, atOnce := range []bool{false, true} {
		cpu, err := s.serverCPU()
		if err != nil {
			return err
		}
		var mu sync.Mutex
		var sum answer
		sum.Refused = map[string]int{}
		var failed error
		var all sync.WaitGroup
		one := func(p *pair) {
			a, err := p.order("broadcast")
			mu.Lock()
			defer mu.Unlock()
			if err == nil && a.Error != "" {
				err = errors.New(a.Error)
			}
			failed = errors.Join(failed, err)
			sum.Deliveries += a.Deliveries
			sum.Lost += a.Lost
			sum.Until = max(sum.Until, a.Until)
			maps.Copy(sum.Refused, a.Refused)
		}
		began := time.Now()
		for _, p := range s.pairs {
			switch {
			case ctx.Err() != nil:
				return errors.New("stopped")
			case p.ready == 0:
			case atOnce:
				all.Go(func() { one(p) })
			default:
				one(p)
			}
		}
		all.Wait()
		took := time.Since(began)
		after, err := s.serverCPU()
		if err = errors.Join(err, failed); err != nil {
			return err
		}
		how := "one server after the other"
		if atOnce {
			how = "all servers at once"
		}
		fmt.Printf("broadcast, %s: %d of %d delivered, %d lost, in %v; a server's own %v at the most; servers used %v, %.2f µs a delivery\n",
			how, sum.Deliveries, s.ready(), sum.Lost, took.Round(time.Millisecond), sum.Until.Round(time.Millisecond),
			(after - cpu).Round(time.Millisecond), micro(after-cpu)/float64(sum.Deliveries))
		for why, n := range sum.Refused {
			fmt.Printf("  %d: %s\n", n, why)
		}
		if sum.Deliveries != uint64(s.ready()) || sum.Lost > 0 {
			return errors.New("not everything was delivered")
		}
	}
	if s.limit != "" {
		return fmt.Errorf("%d of %d sessions were opened: %s", s.ready(), s.o.sessions, s.limit)
	}
	return nil
}

func micro(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e3 }

func (s *stage) serverCPU() (sum time.Duration, err error) {
	for _, p := range s.pairs {
		t, err := proc.CPU(p.server.Pid)
		if err != nil {
			return 0, err
		}
		sum += t
	}
	return sum, nil
}

func (s *stage) serverMemory() (sum int64, err error) {
	for _, p := range s.pairs {
		m, err := proc.Resident(p.server.Pid)
		if err != nil {
			return 0, err
		}
		sum += m.Anonymous
	}
	return sum, nil
}

func (s *stage) clientMemory() (sum int64) {
	for _, p := range s.pairs {
		if m, err := proc.Resident(p.clients.Pid); err == nil {
			sum += m.Anonymous
		}
	}
	return sum
}
