package websocket_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openline/openline/websocket"
	"github.com/openline/openline/websocket/wstest"
)

// TestCloseFromBothEnds has both ends close at once, with and without somebody
// reading.
func TestCloseFromBothEnds(t *testing.T) {
	for i := range 100 {
		server, client := wstest.Pipe(t, nil, nil)
		var all sync.WaitGroup
		for _, c := range []*websocket.Conn{server, client} {
			all.Go(func() {
				if err := c.Close(websocket.CloseNormal, ""); err != nil {
					t.Error(err)
				}
			})
			if i%2 == 0 {
				all.Go(func() {
					if _, _, err := c.Read(t.Context()); websocket.CloseCodeOf(err) != websocket.CloseNormal {
						t.Error(err)
					}
				})
			}
		}
		all.Wait()
	}
}

// TestManyClose: any number may close one connection, in any way; all return.
func TestManyClose(t *testing.T) {
	for range 50 {
		server, client := wstest.Pipe(t, nil, nil)
		var all sync.WaitGroup
		for i := range 8 {
			all.Go(func() {
				if err := server.Close(websocket.CloseCode(4000+i), ""); err != nil {
					t.Error(err)
				}
			})
		}
		_, _, err := client.Read(t.Context())
		all.Wait()
		e, ok := errors.AsType[*websocket.CloseError](err)
		if !ok || e.Code < 4000 || e.Code > 4007 || !e.Remote {
			t.Fatal(err)
		}
		if e, ok := errors.AsType[*websocket.CloseError](server.Err()); !ok || e.Remote || e.Err != nil {
			t.Fatal(server.Err())
		}
	}
}

// TestWhoClosedFirst looks at what both ends record.
func TestWhoClosedFirst(t *testing.T) {
	server, client := wstest.Pipe(t, nil, nil)
	read := make(chan error, 1)
	go func() {
		_, _, err := server.Read(t.Context())
		read <- err
	}()
	if err := client.Close(4321, "my reason"); err != nil {
		t.Fatal(err)
	}
	<-read
	for _, c := range []struct {
		conn   *websocket.Conn
		remote bool
		reason string
	}{{server, true, "my reason"}, {client, false, ""}} {
		waitFor(t, "Done", c.conn.Done())
		e, ok := errors.AsType[*websocket.CloseError](c.conn.Err())
		if !ok || e.Code != 4321 || e.Remote != c.remote || e.Reason != c.reason || e.Err != nil {
			t.Errorf("%+v", c.conn.Err())
		}
	}
}

// TestCloseDropsMessages: what arrives while Close waits, with nobody reading,
// is dropped; a reader gets it.
func TestCloseDropsMessages(t *testing.T) {
	for _, reader := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			c, there := websocket.NewTestPair(t, &websocket.ConnOptions{})
			peer := wstest.NewPeer(t, there, false)
			got := make(chan string, 2)
			if reader {
				go func() {
					for m, err := range c.Messages(t.Context()) {
						if err == nil {
							got <- string(m.Data)
						}
					}
					close(got)
				}()
				synctest.Wait() // it waits
			} else {
				close(got)
			}
			closed := make(chan error, 1)
			go func() { closed <- c.Close(websocket.CloseNormal, "") }()
			peer.ExpectClose(websocket.CloseNormal)
			peer.SendMessage(websocket.Text, []byte("on the way"))
			peer.SendClose(websocket.CloseNormal, "")
			_ = there.Close()
			if err := <-closed; err != nil {
				t.Error(err)
			}
			var list []string
			for m := range got {
				list = append(list, m)
			}
			if reader != (len(list) == 1) {
				t.Errorf("reader %v: %q", reader, list)
			}
		})
	}
}

// TestCloseNow ends everything that waits.
func TestCloseNow(t *testing.T) {
	for _, client := range ends {
		e := newBench(t, idle, websocket.ConnOptions{}).open(client)
		ctx := t.Context()
		var all sync.WaitGroup
		for name, wait := range map[string]func() error{
			"Read":  func() error { _, _, err := e.conn.Read(ctx); return err },
			"Read2": func() error { _, _, err := e.conn.Read(ctx); return err },
			"Write": func() error { return e.conn.Write(ctx, websocket.Binary, make([]byte, 64<<20)) },
			"NextWriter": func() error {
				w, err := e.conn.NextWriter(ctx, websocket.Binary)
				for err == nil {
					_, err = w.Write(make([]byte, 1<<20))
				}
				return err
			},
			"Ping": func() error { return e.conn.Ping(ctx) },
		} {
			all.Go(func() {
				if err := wait(); websocket.CloseCodeOf(err) != websocket.CloseAbnormal || !errors.Is(err, net.ErrClosed) {
					t.Errorf("%s: %v", name, err)
				}
			})
		}
		if _, err := e.NetConn().Read(make([]byte, 1)); err != nil { // something is on its way
			t.Fatal(err)
		}
		if err := e.conn.CloseNow(); err != nil {
			t.Error(err)
		}
		all.Wait()
		waitFor(t, "Done", e.conn.Done())
		if err := e.conn.Close(websocket.CloseNormal, ""); websocket.CloseCodeOf(err) != websocket.CloseAbnormal {
			t.Error(err)
		}
	}
}

// TestCloseBehindAStuckWriter: Close does not wait for a writer that cannot go
// on longer than CloseTimeout, and frees it.
func TestCloseBehindAStuckWriter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := websocket.NewTestPair(t, &websocket.ConnOptions{WriteTimeout: -1, CloseTimeout: 2 * time.Second})
		wrote := make(chan error, 1)
		go func() { wrote <- c.Write(t.Context(), websocket.Binary, make([]byte, 100)) }()
		synctest.Wait()
		start := time.Now()
		if err := c.Close(websocket.CloseNormal, ""); websocket.CloseCodeOf(err) != websocket.CloseAbnormal {
			t.Error(err)
		}
		if err := <-wrote; websocket.CloseCodeOf(err) != websocket.CloseAbnormal {
			t.Error(err)
		}
		if took := time.Since(start); took != 2*time.Second {
			t.Errorf("it took %s", took)
		}
	})
}

// TestFailureBehindAStuckWriter: a reader that finds a violation returns at once
// though the Close frame cannot leave.
func TestFailureBehindAStuckWriter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, there := websocket.NewTestPair(t, &websocket.ConnOptions{WriteTimeout: -1})
		wrote := make(chan error, 1)
		go func() { wrote <- c.Write(t.Context(), websocket.Binary, make([]byte, 100)) }()
		synctest.Wait()
		go func() { _, _ = there.Write([]byte{0x83}) }()
		start := time.Now()
		if _, _, err := c.Read(t.Context()); websocket.CloseCodeOf(err) != websocket.CloseProtocolError {
			t.Error(err)
		}
		if took := time.Since(start); took != 0 {
			t.Errorf("Read returns after %s", took)
		}
		if err := <-wrote; websocket.CloseCodeOf(err) != websocket.CloseProtocolError {
			t.Error(err)
		}
		if _, err := io.Copy(io.Discard, there); err != nil {
			t.Error(err)
		}
	})
}

// TestCloseBehindAFrameOnItsWay: where the connection ends while a frame is being
// sent, with a context that ends with the connection, the frame is finished and
// the Close frame stands behind it.
func TestCloseBehindAFrameOnItsWay(t *testing.T) {
	const size = 16 << 20
	for _, test := range []struct{ in, out string }{{"88 82 12 34 56 78 11 dc", "\x88\x02\x03\xe8"}, {"83 80 12 34 56 78", "\x88\x22\x03\xea"}} {
		ended := make(chan struct{})
		b := newBench(t, func(ctx context.Context, e *endpoint) {
			wrote := make(chan struct{})
			go func() {
				defer close(wrote)
				_ = e.conn.Write(ctx, websocket.Binary, make([]byte, size))
			}()
			_, _, _ = e.conn.Read(ctx)
			close(ended)
			<-wrote
		}, websocket.ConnOptions{})
		e := b.open(false)
		var first [1]byte
		if _, err := io.ReadFull(e.NetConn(), first[:]); err != nil {
			t.Fatal(err)
		}
		e.Send(test.in)
		waitFor(t, "the connection to be ending", ended)
		rest, err := io.ReadAll(e.NetConn())
		if err != nil || len(rest) < 9+size || !strings.HasPrefix(string(rest[9+size:]), test.out) {
			t.Errorf("%s: %v, %d octets behind the frame's first, then % x", test.in, err, len(rest), rest[min(len(rest), 9+size):])
		}
		_ = e.NetConn().Close()
		waitFor(t, "the handler", e.done)
	}
}

// TestHandlerThatReturns: its connection is closed with CloseNormal, unless it
// did that itself; its context ends with it.
func TestHandlerThatReturns(t *testing.T) {
	for _, itself := range []bool{false, true} {
		var ctx context.Context
		b := newBench(t, func(c context.Context, e *endpoint) {
			ctx = c
			if itself {
				_ = e.conn.Close(4000, "itself")
			}
		}, websocket.ConnOptions{})
		e := b.open(false)
		want := websocket.CloseNormal
		if itself {
			want = 4000
		}
		e.ExpectClose(want)
		e.SendClose(want, "")
		e.ExpectEnd()
		waitFor(t, "the handler", e.done)
		waitFor(t, "the end of the context", ctx.Done())
	}
}

// TestShutdownTwice: the second is an error, and new connections are refused.
func TestShutdownTwice(t *testing.T) {
	b := newBench(t, sink, websocket.ConnOptions{})
	e := b.open(false)
	if n := b.handler.Len(); n != 1 {
		t.Errorf("Len is %d", n)
	}
	done := make(chan error, 1)
	go func() { done <- b.handler.Shutdown(t.Context()) }()
	if reason := e.ExpectClose(websocket.CloseGoingAway); reason == "" {
		t.Error("no reason")
	}
	_, err := websocket.Dial(t.Context(), wsURL(b.server), nil)
	if h, ok := errors.AsType[*websocket.HandshakeError](err); !ok || h.Status != 503 {
		t.Error(err)
	}
	e.SendClose(websocket.CloseGoingAway, "")
	e.ExpectEnd()
	e.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if err := b.handler.Shutdown(t.Context()); err == nil {
		t.Error("a second Shutdown succeeds")
	}
	b.handler = websocket.Handle(nil, nil)
}

// TestShutdownDuringAHandshake: a connection that opens while the handler stops
// is told so, and waited for.
func TestShutdownDuringAHandshake(t *testing.T) {
	var h *websocket.Handler
	shut := make(chan error, 1)
	limiter := &websocket.Limiter{Address: func(*http.Request) string { // asked in the middle of a handshake
		go func() { shut <- h.Shutdown(t.Context()) }()
		for !websocket.IsClosing(h) {
			runtime.Gosched()
		}
		return "one"
	}}
	h = websocket.Handle(func(context.Context, *websocket.Conn) { t.Error("the application runs") }, &websocket.AcceptOptions{Limiter: limiter})
	srv := httptest.NewServer(h)
	defer srv.Close()
	p := wstest.Connect(t, srv.URL)
	p.ExpectClose(websocket.CloseGoingAway)
	select {
	case err := <-shut:
		t.Fatalf("Shutdown returned before the last connection's end: %v", err)
	default:
	}
	p.SendClose(websocket.CloseGoingAway, "")
	p.ExpectEnd()
	p.Close()
	if err := <-shut; err != nil {
		t.Fatal(err)
	}
	if n := h.Len(); n != 0 {
		t.Errorf("%d connections are left", n)
	}
}
