package websocket_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openline/openline/websocket"
)

// stuck says how many connections are held at once. The requirement speaks of
// 10,000; nothing is shared between connections whose cost would grow with
// their number, so that a tenth shows the same cost for each, in the time and
// with the descriptors that a test may take.
const stuck = 1000

// What one connection may cost while nothing happens on it, the server's end and
// the test's socket at the other: about twice what it does cost, as the race
// detector makes it more.
const (
	idleCost      = 16 << 10 // open: a Conn, a goroutine that waits in Read, no buffer
	headerCost    = 16 << 10 // the same with part of a frame header, and a deadline
	handshakeCost = 40 << 10 // in net/http's hands: its buffers and the guard's
)

func testStuckConnections(t *testing.T) { // alone: it measures memory
	t.Run("cost", func(t *testing.T) {
		for _, c := range []struct {
			name, sent string
			cost       int
		}{
			{"idle", baseRequest, idleCost},
			{"in a frame header", baseRequest + "\x82\xff\x00\x00\x00\x00", headerCost},
			{"in the handshake", strings.TrimSuffix(baseRequest, "\r\n"), handshakeCost},
		} {
			t.Run(c.name, func(t *testing.T) {
				l := newCountingListener(t, strings.Contains(c.sent, "\r\n\r\n"))
				s := newStack(t, stackOptions{listen: l, accept: &websocket.AcceptOptions{ConnOptions: websocket.ConnOptions{PingInterval: -1}}})
				s.opens(t, baseRequest) // what is made once is there
				before := memory()
				conns := make([]net.Conn, stuck)
				for i := range conns {
					nc := s.dialRaw(t)
					conns[i] = nc
					io.WriteString(nc, c.sent)
					if strings.Contains(c.sent, "\r\n\r\n") {
						if got := take(nc, len("HTTP/1.1 101")); got != "HTTP/1.1 101" {
							t.Fatalf("connection %d: %q", i, got)
						}
					} else {
						<-l.heard // the server has read what there is
					}
				}
				// net/http lets go of a connection a moment after its 101.
				deadline := time.After(patience)
				for cost := 0; ; {
					if cost = int(memory()-before) / stuck; cost <= c.cost {
						t.Logf("%d octets each", cost)
						break
					}
					select {
					case <-deadline:
						t.Fatalf("each connection costs %d octets, want %d at most", cost, c.cost)
					default:
						runtime.Gosched()
					}
				}
				runtime.KeepAlive(conns)
				for _, nc := range conns {
					nc.Close()
				}
			})
		}
	})
	t.Run("time-outs", func(t *testing.T) {
		for _, c := range []struct {
			name, sent, end string
			answered        bool
			after           time.Duration // by default
		}{
			{"idle", baseRequest, "\x89\x00", true, 45 * time.Second}, // a Ping after 30 s
			{"in a frame header", baseRequest + "\x82\xff\x00\x00\x00\x00", "\x88\x1a\x03\xf0frame arrives too slowly", true, 30 * time.Second},
			{"in the handshake", strings.TrimSuffix(baseRequest, "\r\n"), "HTTP/1.1 408 ", false, 10 * time.Second},
			{"with nothing said", "", "", false, 10 * time.Second},
		} {
			t.Run(c.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					l := newPipeListener()
					accept := &websocket.AcceptOptions{}
					if c.name != "idle" {
						accept.PingInterval = -1
					}
					s := newStack(t, stackOptions{listen: l, accept: accept})
					begin := time.Now()
					var all sync.WaitGroup
					for range stuck {
						nc := l.dial()
						all.Go(func() {
							defer nc.Close()
							br := bufio.NewReader(nc)
							io.WriteString(nc, c.sent)
							if c.answered {
								if resp, err := http.ReadResponse(br, nil); err != nil || resp.StatusCode != 101 {
									t.Error(resp, err)
								}
							}
							rest, err := io.ReadAll(br)
							if spent := time.Since(begin); err != nil || spent < c.after || spent > c.after+5*time.Second || !strings.HasPrefix(string(rest), c.end) {
								t.Errorf("after %v, want %v: %q, %v", spent, c.after, rest, err)
							}
						})
					}
					all.Wait()
					synctest.Wait()
					if left := s.echo.Len(); left > 0 {
						t.Errorf("%d connections are left", left)
					}
				})
			})
		}
	})
}

func memory() int64 {
	runtime.GC()
	runtime.GC() // what the first has only moved out of the pools
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}

// countingListener tells when a connection has been read from for the first time,
// unless the connections are to stay what they are.
type countingListener struct {
	net.Listener
	heard chan struct{}
}

func newCountingListener(t *testing.T, plain bool) *countingListener {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &countingListener{Listener: l}
	if !plain {
		c.heard = make(chan struct{}, 2*stuck)
	}
	return c
}

func (l *countingListener) Accept() (net.Conn, error) {
	nc, err := l.Listener.Accept()
	if err != nil || l.heard == nil {
		return nc, err
	}
	return &countedConn{TCPConn: nc.(*net.TCPConn), heard: l.heard}, nil
}

type countedConn struct {
	*net.TCPConn
	heard chan struct{}
	once  atomic.Bool
}

func (c *countedConn) Read(p []byte) (int, error) {
	n, err := c.TCPConn.Read(p)
	if n > 0 && !c.once.Swap(true) {
		c.heard <- struct{}{}
	}
	return n, err
}

// held opens a connection that stays open.
func (s *stack) held(t *testing.T, request string) (*net.TCPConn, int) {
	t.Helper()
	nc := s.dialRaw(t)
	io.WriteString(nc, request)
	resp, err := http.ReadResponse(bufio.NewReader(nc), nil)
	if err != nil {
		t.Fatal(err)
	}
	return nc, resp.StatusCode
}

func testLimits(t *testing.T) {
	t.Run("connections in all", func(t *testing.T) {
		limit := &websocket.Limiter{Connections: 3}
		s := newStack(t, stackOptions{accept: &websocket.AcceptOptions{Limiter: limit}})
		var open []*net.TCPConn
		for range 3 {
			nc, status := s.held(t, baseRequest)
			if status != 101 {
				t.Fatalf("connection %d: %d", len(open)+1, status)
			}
			open = append(open, nc)
		}
		if a := s.refused(t, baseRequest, 503); a.Header.Get("Retry-After") == "" {
			t.Error("503 without Retry-After")
		}
		if limit.Open() != 3 {
			t.Errorf("%d are open", limit.Open())
		}
		// One goes, and makes room.
		io.WriteString(open[0], sayBye)
		io.Copy(io.Discard, open[0])
		open[0].Close()
		s.opensInTime(t, baseRequest)
	})
	t.Run("connections of one address", func(t *testing.T) {
		limit := &websocket.Limiter{PerAddress: 2, Address: func(r *http.Request) string { return r.Header.Get("X-User") }}
		s := newStack(t, stackOptions{accept: &websocket.AcceptOptions{Limiter: limit}})
		for _, user := range []string{"a", "b"} {
			for range 2 {
				if _, status := s.held(t, change("+X-User: "+user)); status != 101 {
					t.Fatalf("%s: %d", user, status)
				}
			}
			if a := s.refused(t, change("+X-User: "+user), 429); a.Header.Get("Retry-After") == "" {
				t.Error("429 without Retry-After")
			}
		}
	})
	t.Run("100 handshakes a second", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			limit := &websocket.Limiter{HandshakesPerSecond: 20}
			l := newPipeListener()
			newStack(t, stackOptions{listen: l, accept: &websocket.AcceptOptions{Limiter: limit}})
			try := func() int {
				nc := l.dial()
				defer nc.Close()
				go io.WriteString(nc, baseRequest)
				br := bufio.NewReader(nc)
				resp, err := http.ReadResponse(br, nil)
				if err != nil {
					t.Fatal(err)
				}
				if resp.StatusCode == 429 {
					if resp.Header.Get("Retry-After") != "1" {
						t.Errorf("Retry-After: %q", resp.Header.Get("Retry-After"))
					}
					io.Copy(io.Discard, br)
				}
				return resp.StatusCode
			}
			let := map[int]int{}
			for range 10 { // seconds
				for range 100 {
					let[try()]++
					<-time.After(10 * time.Millisecond)
				}
			}
			// A burst of one second's worth, and then the rate.
			if let[101] < 200 || let[101] > 220 || let[101]+let[429] != 1000 {
				t.Errorf("in 10 s: %v", let)
			}
			<-time.After(time.Minute)
			if status := try(); status != 101 {
				t.Errorf("a minute later: %d", status)
			}
			synctest.Wait()
			if limit.Open() != 0 {
				t.Errorf("%d are open", limit.Open())
			}
		})
	})
	t.Run("messages of one connection", func(t *testing.T) {
		for _, client := range ends {
			e := newBench(t, echoing, websocket.ConnOptions{MessageRate: 0.001, MessageBurst: 3}).open(client)
			for range 4 {
				e.SendMessage(websocket.Text, []byte("x"))
			}
			for range 3 {
				e.ExpectText("x")
			}
			e.ExpectClose(websocket.ClosePolicyViolation)
		}
	})
	t.Run("counters go back", testCountersGoBack)
}

// opensInTime is opens for when there is about to be room.
func (s *stack) opensInTime(t *testing.T, request string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for ctx.Err() == nil {
		if list, _ := s.exchange(t, request+hiAndBye, 1<<20); slices.Equal(statuses(list), []int{101}) {
			return
		}
	}
	t.Error("there was no room in time")
}

// cycles is how many times a client connects and goes away, in each of the
// ways. The requirement speaks of 100,000 in all: a leak of one per cycle shows
// after the first, and a leak in a rare interleaving after some hundreds, so
// that 3,000 in all, eight at a time, is what a test run of seconds can give.
const cycles = 250

func testCountersGoBack(t *testing.T) {
	limit := &websocket.Limiter{Connections: 64, PerAddress: 64}
	s := newStack(t, stackOptions{accept: &websocket.AcceptOptions{Limiter: limit}})
	reset := func(nc *net.TCPConn) {
		nc.SetLinger(0)
		nc.Close()
	}
	open := func(nc *net.TCPConn) bool {
		io.WriteString(nc, baseRequest)
		return take(nc, 12) == "HTTP/1.1 101"
	}
	ways := map[string]func(nc *net.TCPConn){
		"at once":              func(nc *net.TCPConn) {},
		"reset at once":        reset,
		"in the request":       func(nc *net.TCPConn) { io.WriteString(nc, baseRequest[:100]) },
		"before the answer":    func(nc *net.TCPConn) { io.WriteString(nc, baseRequest) },
		"reset before it":      func(nc *net.TCPConn) { io.WriteString(nc, baseRequest); reset(nc) },
		"refused":              func(nc *net.TCPConn) { io.WriteString(nc, change("Sec-WebSocket-Version: 1")); io.Copy(io.Discard, nc) },
		"open, then gone":      func(nc *net.TCPConn) { open(nc) },
		"open, then reset":     func(nc *net.TCPConn) { open(nc); reset(nc) },
		"in a frame":           func(nc *net.TCPConn) { open(nc); io.WriteString(nc, sayHi[:3]) },
		"with unread echoes":   func(nc *net.TCPConn) { open(nc); io.WriteString(nc, strings.Repeat(sayHi, 100)); reset(nc) },
		"a protocol violation": func(nc *net.TCPConn) { open(nc); io.WriteString(nc, "\xff\xff") },
		"closed":               func(nc *net.TCPConn) { open(nc); io.WriteString(nc, sayBye); io.Copy(io.Discard, nc) },
	}
	for name, way := range ways {
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				for range cycles / 8 {
					nc, err := net.Dial("tcp", s.addr)
					if err != nil {
						t.Errorf("%s: %v", name, err)
						return
					}
					nc.SetDeadline(time.Now().Add(patience))
					way(nc.(*net.TCPConn))
					nc.Close()
				}
			})
		}
		all.Wait()
	}
	s.opensInTime(t, baseRequest)
	// net/http may still have requests of clients that have long gone.
	deadline := time.Now().Add(patience)
	for limit.Open()+s.echo.Len() > 0 && time.Now().Before(deadline) {
		runtime.Gosched()
	}
	if n := limit.Open(); n != 0 {
		t.Errorf("%d connections are counted that are not there", n)
	}
	if n := s.echo.Len(); n != 0 {
		t.Errorf("the handler has %d connections", n)
	}
}
