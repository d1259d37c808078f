// Command fanout opens very many sessions to an `openline serve` of its own,
// broadcasts to all of them through the HTTP API and checks that every session
// got every message, once and in order. It prints what that cost.
//
// It talks to 127.0.0.1 only, and ends by itself.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/openline/openline/websocket"
)

func main() {
	var (
		binary   = flag.String("openline", "../bin/openline", "the server's binary")
		sessions = flag.Int("sessions", 10000, "how many sessions to open")
		messages = flag.Int("messages", 20, "how many messages to broadcast")
		dialers  = flag.Int("dialers", 64, "how many sessions to open at the same time")
		limit    = flag.Duration("limit", 2*time.Minute, "when to give up")
	)
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, *limit)
	defer cancel()
	if err := run(ctx, *binary, *sessions, *messages, *dialers); err != nil {
		fmt.Fprintln(os.Stderr, "fanout:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, binary string, sessions, messages, dialers int) error {
	if err := raiseDescriptors(sessions + 100); err != nil {
		return err
	}
	srv, err := startServer(ctx, binary)
	if err != nil {
		return err
	}
	defer srv.stop()
	empty := srv.usage()

	f := &fleet{url: srv.ws, messages: messages, arrived: make([]arrival, messages)}
	start := time.Now()
	if err := f.open(ctx, sessions, dialers); err != nil {
		return err
	}
	opened := time.Since(start)
	idle := srv.usage()
	fmt.Printf("opened     %d sessions in %.2f s, %.0f a second; server CPU %.0f µs a session\n",
		sessions, opened.Seconds(), float64(sessions)/opened.Seconds(), 1e6*(idle.cpu-empty.cpu).Seconds()/float64(sessions))
	fmt.Printf("memory     %.1f KiB resident a session\n", float64(idle.rss-empty.rss)/1024/float64(sessions))

	var longest, sum time.Duration
	for i := range messages {
		sent := time.Now()
		if err := srv.broadcast(ctx, i); err != nil {
			return err
		}
		last, err := f.await(ctx, i, sessions)
		if err != nil {
			return err
		}
		d := last.Sub(sent)
		longest, sum = max(longest, d), sum+d
	}
	after := srv.usage()
	deliveries := float64(sessions * messages)
	fmt.Printf("broadcast  %d messages to all: %.0f deliveries, each session all of them, once and in order\n", messages, deliveries)
	fmt.Printf("latency    from the request to the last session's receipt: mean %.0f ms, longest %.0f ms\n",
		float64(sum.Milliseconds())/float64(messages), float64(longest.Milliseconds()))
	fmt.Printf("server     %.2f µs of CPU a delivery (CPU-seconds per million)\n", 1e6*(after.cpu-idle.cpu).Seconds()/deliveries)
	return f.close()
}

// raiseDescriptors makes room for n sockets in this process.
func raiseDescriptors(n int) error {
	var lim unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &lim); err != nil {
		return err
	}
	lim.Cur = lim.Max
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &lim); err != nil {
		return err
	}
	if lim.Cur < uint64(n) {
		return fmt.Errorf("this process may have %d descriptors and needs %d: lower -sessions or raise `ulimit -n`", lim.Cur, n)
	}
	return nil
}

// fleet is the sessions.
type fleet struct {
	url      string
	messages int
	arrived  []arrival
	conns    []*websocket.Conn
	readers  sync.WaitGroup
	failed   atomic.Pointer[error]
}

// arrival counts the sessions that have a message.
type arrival struct {
	count atomic.Int64
	last  atomic.Int64 // nanoseconds since 1970 of the latest receipt
}

func (f *fleet) fail(err error) { f.failed.CompareAndSwap(nil, &err) }

func (f *fleet) open(ctx context.Context, sessions, dialers int) error {
	f.conns = make([]*websocket.Conn, sessions)
	var next atomic.Int64
	var wg sync.WaitGroup
	for range dialers {
		wg.Go(func() {
			for i := next.Add(1) - 1; i < int64(sessions) && f.failed.Load() == nil; i = next.Add(1) - 1 {
				c, err := websocket.Dial(ctx, fmt.Sprintf("%s/ws/user%d", f.url, i), nil)
				if err == nil {
					_, _, err = c.Read(ctx) // sys:open
				}
				if err != nil {
					f.fail(fmt.Errorf("session %d: %w", i, err))
					return
				}
				f.conns[i] = c
				f.readers.Go(func() { f.read(c) })
			}
		})
	}
	wg.Wait()
	if err := f.failed.Load(); err != nil {
		return *err
	}
	return nil
}

// read checks what one session gets.
func (f *fleet) read(c *websocket.Conn) {
	want := 0
	for msg, err := range c.Messages(context.Background()) {
		if err != nil {
			if websocket.CloseCodeOf(err) != websocket.CloseNormal {
				f.fail(err)
			}
			return
		}
		var m struct {
			Data struct{ N int } `json:"data"`
		}
		if err := json.Unmarshal(msg.Data, &m); err != nil {
			f.fail(err)
			return
		}
		if m.Data.N != want || want >= f.messages {
			f.fail(fmt.Errorf("a session got message %d where %d was next", m.Data.N, want))
			return
		}
		a := &f.arrived[want]
		a.last.Store(time.Now().UnixNano())
		a.count.Add(1)
		want++
	}
}

// await waits until all sessions have message i and returns when the last got
// it.
func (f *fleet) await(ctx context.Context, i, sessions int) (time.Time, error) {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for f.arrived[i].count.Load() < int64(sessions) {
		if err := f.failed.Load(); err != nil {
			return time.Time{}, *err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return time.Time{}, fmt.Errorf("message %d reached %d of %d sessions: %w", i, f.arrived[i].count.Load(), sessions, ctx.Err())
		}
	}
	return time.Unix(0, f.arrived[i].last.Load()), nil
}

func (f *fleet) close() error {
	var wg sync.WaitGroup
	limit := make(chan struct{}, 256)
	for _, c := range f.conns {
		limit <- struct{}{}
		wg.Go(func() {
			defer func() { <-limit }()
			if err := c.Close(websocket.CloseNormal, ""); err != nil {
				f.fail(errors.Join(errors.New("closing"), err))
			}
		})
	}
	wg.Wait()
	f.readers.Wait()
	if err := f.failed.Load(); err != nil {
		return *err
	}
	return nil
}
