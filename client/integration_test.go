package client_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/openline/openline/client"
	"github.com/openline/openline/server"
)

// guard bounds a wait that would otherwise hang a failing test.
const guard = 60 * time.Second

// node is a server that can be stopped.
type node struct {
	url  string
	stop func()
}

func newNode(t *testing.T) *node {
	t.Helper()
	srv, err := server.New(&server.Config{
		Listen: "127.0.0.1:0", Logger: slog.New(slog.DiscardHandler), APIKeys: []string{apiKey},
		Namespaces: map[string]server.NamespaceConfig{"room": {JoinLeave: true}},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- srv.Run(ctx) }()
	n := &node{url: srv.URL(), stop: sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})}
	t.Cleanup(n.stop)
	return n
}

// has reports whether a server has the transport.
func (n *node) has(t *testing.T, transport client.Transport) bool {
	t.Helper()
	if transport == client.WebSocket {
		return true
	}
	resp, err := http.Head(n.url + "/" + string(transport) + "/alice")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	return resp.StatusCode != http.StatusNotFound
}

// follower takes the messages of a client, whose data are numbers, and says how
// far it is.
type follower struct {
	t      *testing.T
	c      *client.Client
	states chan client.State
	came   chan int
	ended  chan struct{}
	gaps   chan *client.Gap
}

// follow opens a client and takes what comes.
func follow(t *testing.T, url string, o *client.Options) *follower {
	t.Helper()
	f := &follower{
		t: t, states: make(chan client.State, 10000), came: make(chan int, 10000), ended: make(chan struct{}), gaps: make(chan *client.Gap, 100),
	}
	o.User, o.Channels, o.Logger = "alice", []string{"chat:x"}, slog.New(slog.DiscardHandler)
	o.OnState = func(s client.State) { f.states <- s }
	o.BackoffMin, o.BackoffMax = 10*time.Millisecond, 100*time.Millisecond
	ctx, cancel := context.WithTimeout(t.Context(), guard)
	defer cancel()
	c, err := client.Dial(ctx, url, o)
	if err != nil {
		t.Fatal(err)
	}
	f.c = c
	go func() {
		defer close(f.ended)
		for {
			e, err := c.Next(context.Background())
			if err != nil {
				return
			}
			switch e := e.(type) {
			case *client.Message:
				var n int
				if err := e.Decode(&n); err != nil {
					t.Error(err)
				}
				f.came <- n
			case *client.Gap:
				f.gaps <- e
			}
		}
	}()
	t.Cleanup(func() {
		_ = c.Close()
		<-f.ended
	})
	return f
}

// expect waits for the numbers from one to another, in order, and calls at with
// each.
func (f *follower) expect(from, to int, at func(n int)) {
	f.t.Helper()
	late := time.After(guard)
	for want := from; want <= to; want++ {
		select {
		case n := <-f.came:
			if n != want {
				f.t.Fatalf("%d came, %d was expected", n, want)
			}
			if at != nil {
				at(n)
			}
		case <-late:
			for len(f.states) > 0 {
				f.t.Logf("%+v", <-f.states)
			}
			f.t.Fatalf("%d did not come", want)
		}
	}
}

// open waits for a session and returns its state.
func (f *follower) open() client.State {
	f.t.Helper()
	late := time.After(guard)
	for {
		select {
		case s := <-f.states:
			if s.Phase == client.Open {
				return s
			}
		case <-late:
			f.t.Fatal("no session")
		}
	}
}

// publisher publishes numbers.
func publisher(t *testing.T, url string) func(n int) {
	t.Helper()
	c, err := client.Dial(t.Context(), url, &client.Options{User: "bob", Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return func(n int) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), guard)
		defer cancel()
		if r, err := c.Publish(ctx, "chat:x", n, nil); err != nil || !r.Stored {
			t.Fatalf("publishing %d: %+v, %v", n, r, err)
		}
	}
}

// every plays a test on each transport that the server has.
func every(t *testing.T, test func(t *testing.T, n *node, o *client.Options)) {
	for _, transport := range []client.Transport{client.WebSocket, client.SSE, client.Stream, client.Poll} {
		t.Run(string(transport), func(t *testing.T) {
			t.Parallel()
			n := newNode(t)
			if !n.has(t, transport) {
				t.Skip("the server does not have it")
			}
			test(t, n, &client.Options{Transports: []client.Transport{transport}})
		})
	}
}

// Connections are killed over and over while messages are published.
func TestKilledConnections(t *testing.T) {
	t.Parallel()
	every(t, func(t *testing.T, n *node, o *client.Options) {
		p := newProxy(t)
		p.lead(n.url)
		f := follow(t, p.url(), o)
		publish := publisher(t, n.url)
		published := make(chan struct{})
		go func() {
			defer close(published)
			for i := range 1000 {
				publish(i)
			}
		}()
		cuts := 0
		f.expect(0, 999, func(i int) {
			if i%97 == 50 {
				cuts += p.cut()
			}
		})
		<-published
		if cuts == 0 {
			t.Error("no connection was cut")
		}
		if len(f.came)+len(f.gaps) > 0 {
			t.Errorf("%d messages and %d gaps too many", len(f.came), len(f.gaps))
		}
	})
}

// A network that goes silent without a word is noticed, and nothing is lost.
func TestSilentNetwork(t *testing.T) {
	t.Parallel()
	every(t, func(t *testing.T, n *node, o *client.Options) {
		o.Silence, o.OpenTimeout, o.Hold = 3*time.Second, 3*time.Second, time.Second
		p := newProxy(t)
		p.lead(n.url)
		f := follow(t, p.url(), o)
		publish := publisher(t, n.url)
		publish(0)
		f.expect(0, 0, nil)
		p.hush()
		for i := range 10 {
			publish(1 + i)
		}
		f.expect(1, 10, nil)
	})
}

// A server that is drained and another that takes its place, without its memory:
// the gap is told, and what comes then comes.
func TestRestart(t *testing.T) {
	t.Parallel()
	every(t, func(t *testing.T, n *node, o *client.Options) {
		p := newProxy(t)
		p.lead(n.url)
		f := follow(t, p.url(), o)
		publisher(t, n.url)(0)
		f.expect(0, 0, nil)
		f.open()
		next := newNode(t)
		p.lead(next.url)
		n.stop()
		if s := f.open(); s.Resumed {
			t.Errorf("%+v", s)
		}
		if g := <-f.gaps; g.Reason != "restarted" || g.Channel != "" || g.After == "" {
			t.Errorf("%+v", g)
		}
		publish := publisher(t, next.url)
		for i := range 10 {
			publish(i)
		}
		f.expect(0, 9, nil)

		// Killed, this time: no sys:drain, no Close.
		third := newNode(t)
		p.lead("")
		p.cut()
		publish = publisher(t, third.url)
		publish(10)
		p.lead(third.url)
		if s := f.open(); s.Resumed {
			t.Errorf("%+v", s)
		}
		if g := <-f.gaps; g.Reason != "restarted" {
			t.Errorf("%+v", g)
		}
		f.expect(10, 10, nil)
	})
}

// Through what stands in many networks the client finds its way, and nothing is
// lost on it.
func TestMiddleboxes(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		hoards bool
		want   client.Transport
	}{{false, client.SSE}, {true, client.Poll}} {
		t.Run(fmt.Sprintf("hoards %t", test.hoards), func(t *testing.T) {
			t.Parallel()
			n := newNode(t)
			if !n.has(t, test.want) {
				t.Skip("the server does not have it")
			}
			f := follow(t, middlebox(t, n.url, test.hoards), &client.Options{OpenTimeout: 2 * time.Second})
			if s := f.open(); s.Transport != test.want {
				t.Errorf("%+v", s)
			}
			publish := publisher(t, n.url)
			for i := range 100 {
				publish(i)
			}
			f.expect(0, 99, nil)
			if _, err := f.c.Publish(t.Context(), "chat:x", 100, nil); err != nil {
				t.Error(err)
			}
			f.expect(100, 100, nil)
		})
	}
}

// A client that was away for a thousand messages gets them all, with whatever
// transport it comes back.
func TestAway(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	publish := publisher(t, n.url)
	place, at := "", 0
	for _, transport := range []client.Transport{client.WebSocket, client.SSE, client.Stream, client.Poll, client.WebSocket} {
		if !n.has(t, transport) {
			continue
		}
		f := follow(t, n.url, &client.Options{Transports: []client.Transport{transport}, Since: place})
		if place != "" {
			f.expect(at-1000, at-1, nil)
		}
		if len(f.gaps) > 0 {
			t.Errorf("%s: %+v", transport, <-f.gaps)
		}
		_ = f.c.Close()
		place = f.c.Cursor()
		for range 1000 {
			publish(at)
			at++
		}
	}
}

// An application that answers each message before it takes the next one, with a
// queue that is full all the time, gets every reply and every message.
func TestAnswerWhileFlooded(t *testing.T) {
	t.Parallel()
	every(t, func(t *testing.T, n *node, o *client.Options) {
		o.User, o.Channels, o.QueueMessages, o.Logger = "alice", []string{"chat:x"}, 8, slog.New(slog.DiscardHandler)
		o.BackoffMin = 10 * time.Millisecond
		c, err := client.Dial(t.Context(), n.url, o)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		publish := publisher(t, n.url)
		for i := range 500 {
			publish(i)
		}
		ctx, cancel := context.WithTimeout(t.Context(), guard)
		defer cancel()
		for i := range 500 {
			e, err := c.Next(ctx)
			if err != nil {
				t.Fatalf("%d: %v", i, err)
			}
			if m, ok := e.(*client.Message); !ok || string(m.Data) != fmt.Sprint(i) {
				t.Fatalf("%+v, want %d", e, i)
			}
			if r, err := c.Publish(ctx, "chat:y", i, nil); err != nil || !r.Stored {
				t.Fatalf("the answer to %d: %+v, %v", i, r, err)
			}
			if i%100 == 0 { // a request that needs the session, which may be over by now
				if err := c.Subscribe(ctx, fmt.Sprint("chat:", i), nil); err != nil {
					t.Fatalf("subscribing after %d: %v", i, err)
				}
			}
		}
	})
}
