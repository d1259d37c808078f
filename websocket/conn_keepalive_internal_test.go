package websocket

import (
	"io"
	"log/slog"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

// TestKeepAliveTogether: connections that were opened alike have one clock, and each
// of them is asked, and given up, in its own time.
func TestKeepAliveTogether(t *testing.T) {
	const interval, timeout = 30 * time.Second, 10 * time.Second
	o := &ConnOptions{PingInterval: interval, PongTimeout: timeout, Logger: slog.New(slog.DiscardHandler)}
	cfg := o.resolve()
	for range 2 { // a clock may begin anew, in another bubble too
		synctest.Test(t, func(t *testing.T) {
			start := time.Now()
			var conns []*Conn
			var peers []net.Conn
			open := func() {
				here, there := net.Pipe()
				c := newConn(here, false, cfg, "", nil, nil)
				go func() { _, _, _ = c.Read(t.Context()) }()
				conns, peers = append(conns, c), append(peers, there)
			}
			pinged := func(i int) {
				t.Helper()
				var b [2]byte
				if _, err := io.ReadFull(peers[i], b[:]); err != nil || b != [2]byte{0x89, 0} {
					t.Fatalf("connection %d: %x, %v", i, b, err)
				}
			}
			for range 4 { // one a second
				open()
				time.Sleep(time.Second)
			}
			_ = conns[0].CloseNow() // whose time would have come first
			for _, i := range []int{1, 2, 3} {
				pinged(i)
				if at := time.Since(start); at != interval+time.Duration(i)*time.Second {
					t.Errorf("connection %d was asked after %s", i, at)
				}
			}
			// The first answers, the second closes, the third is silent.
			if _, err := peers[1].Write([]byte{0x8A, 0x80, 0, 0, 0, 0}); err != nil {
				t.Fatal(err)
			}
			_ = conns[2].CloseNow()
			<-conns[3].Done()
			if at := time.Since(start); conns[3].Err() == nil || at < interval+timeout || at > interval+2*timeout+4*time.Second {
				t.Errorf("a silent peer was given up after %s: %v", at, conns[3].Err())
			}
			pinged(1)
			if conns[1].Err() != nil {
				t.Error(conns[1].Err())
			}
			_ = conns[1].CloseNow()
			synctest.Wait()
			if k := cfg.keepAlives; k.members != 0 || k.lists != [2]keepAliveList{} {
				t.Errorf("%d are left", k.members)
			}
			// And again, when there was nobody.
			again := time.Now()
			open()
			pinged(4)
			if at := time.Since(again); at != interval {
				t.Errorf("asked after %s", at)
			}
			_ = conns[4].CloseNow()
		})
	}
}

// TestDone: the channel is closed at the end, whether it was asked for before or
// after, and is always the same.
func TestDone(t *testing.T) {
	for _, before := range []bool{true, false} {
		here, there := net.Pipe()
		c := newConn(here, false, new(ConnOptions).resolve(), "", nil, nil)
		var done <-chan struct{}
		if before {
			done = c.Done()
			select {
			case <-done:
				t.Error("closed before the end")
			default:
			}
		}
		_ = c.CloseNow()
		if done != nil && done != c.Done() {
			t.Error("it is another channel")
		}
		<-c.Done()
		_ = there.Close()
	}
}
