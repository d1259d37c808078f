package websocket_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openline/openline/websocket"
	"github.com/openline/openline/websocket/wstest"
)

func prepare(t *testing.T, text string) *websocket.Prepared {
	t.Helper()
	p, err := websocket.Prepare(websocket.Text, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestWriteCutShort: on a pipe, a write takes as long as the reader does.
func TestWriteCutShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, there := websocket.NewTestPair(t, &websocket.ConnOptions{PingInterval: -1})
		peer := wstest.NewPeer(t, there, false)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()

		// Before its first octet: as if it had never been.
		if err := c.Write(ctx, websocket.Text, []byte("never")); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
		if err := c.Err(); err != nil {
			t.Fatal(err)
		}
		wrote := make(chan error, 1)
		go func() { wrote <- c.Write(t.Context(), websocket.Text, []byte("first")) }()
		peer.ExpectText("first")
		if err := <-wrote; err != nil {
			t.Fatal(err)
		}

		// What others had queued is kept, also when a part of it is out.
		for _, taken := range []int{0, 1, 8} {
			websocket.QueueWithoutSending(c, prepare(t, "queued"))
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			go func() { wrote <- c.Write(ctx, websocket.Text, []byte("never")) }()
			part := make([]byte, taken)
			if _, err := io.ReadFull(there, part); err != nil {
				t.Fatal(err)
			}
			if err := <-wrote; !errors.Is(err, context.DeadlineExceeded) {
				t.Fatalf("%d octets taken: %v", taken, err)
			}
			go func() { wrote <- c.Write(t.Context(), websocket.Text, []byte("next")) }()
			rest := make([]byte, 2+4+6-taken)
			if _, err := io.ReadFull(there, rest); err != nil {
				t.Fatal(err)
			}
			frame := append(part, rest...)
			for i := range frame[6:] {
				frame[6+i] ^= frame[2+i%4]
			}
			if string(frame[6:]) != "queued" {
				t.Fatalf("%d octets taken: got %q", taken, frame)
			}
			peer.ExpectText("next")
			if err := <-wrote; err != nil {
				t.Fatal(err)
			}
		}

		// In the middle of its frame: the connection ends.
		ctx, cancel = context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		go func() { wrote <- c.Write(ctx, websocket.Text, []byte("half")) }()
		if _, err := io.ReadFull(there, make([]byte, 3)); err != nil {
			t.Fatal(err)
		}
		err := <-wrote
		if websocket.CloseCodeOf(err) != websocket.CloseAbnormal || !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
		peer.ExpectGone()
	})
}

// TestWriteWaitsInOrder: writers that wait for each other keep their order, and
// one that gives up leaves the others theirs.
func TestWriteWaitsInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, there := websocket.NewTestPair(t, &websocket.ConnOptions{PingInterval: -1, WriteTimeout: -1})
		peer := wstest.NewPeer(t, there, false)
		var writers sync.WaitGroup
		for i := range 10 {
			ctx, cancel := context.WithCancel(t.Context())
			writers.Go(func() {
				defer cancel()
				err := c.Write(ctx, websocket.Text, fmt.Append(nil, i))
				if gaveUp := i == 3 || i == 7; gaveUp != errors.Is(err, context.Canceled) || !gaveUp && err != nil {
					t.Errorf("writer %d: %v", i, err)
				}
			})
			synctest.Wait() // the writer is in its place
			if i == 3 || i == 7 {
				cancel()
				synctest.Wait()
			}
		}
		for i := range 10 {
			if i != 3 && i != 7 {
				peer.ExpectText(fmt.Sprint(i))
			}
		}
		writers.Wait()
		_ = c.CloseNow()
	})
}

// TestWriteTimeout: a peer that takes nothing ends the connection, though the
// caller set no limit.
func TestWriteTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := websocket.NewTestPair(t, &websocket.ConnOptions{WriteTimeout: 7 * time.Second})
		start := time.Now()
		err := c.Write(t.Context(), websocket.Text, []byte("x"))
		if e, ok := errors.AsType[*websocket.CloseError](err); !ok || e.Code != websocket.CloseAbnormal || !e.Remote {
			t.Fatal(err)
		}
		if took := time.Since(start); took != 7*time.Second {
			t.Errorf("it took %s", took)
		}
	})
}

// TestWriteCutShortOverTCP fills the system's buffers first, so that the write
// stops in the middle.
func TestWriteCutShortOverTCP(t *testing.T) {
	for _, client := range ends {
		e := newBench(t, sink, websocket.ConnOptions{}).open(client)
		large := make([]byte, 64<<20)
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			_, _ = e.NetConn().Read(make([]byte, 1)) // it has begun
			cancel()
		}()
		if err := e.conn.Write(ctx, websocket.Binary, large); !errors.Is(err, context.Canceled) ||
			websocket.CloseCodeOf(err) != websocket.CloseAbnormal {
			t.Fatal(err)
		}
		e.expectErr(t, websocket.CloseAbnormal, true)
	}
}

// TestTLSWriteCutShort: a TLS stream cannot go on after a write that was cut
// short, so the connection ends there and then, not at the next write.
func TestTLSWriteCutShort(t *testing.T) {
	for _, client := range ends {
		e := openTLS(t, client, sink)
		var err error
		for websocket.CloseCodeOf(err) == 0 { // until the system's buffers are full, and a write is stuck
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			err = e.conn.Write(ctx, websocket.Binary, make([]byte, 16_000)) // one record
			cancel()
		}
		if !errors.Is(err, context.DeadlineExceeded) || websocket.CloseCodeOf(err) != websocket.CloseAbnormal {
			t.Fatal(err)
		}
		e.expectErr(t, websocket.CloseAbnormal, true)
	}
}

// TestTLSUnderManyContexts: contexts that end between calls do no harm over TLS.
func TestTLSUnderManyContexts(t *testing.T) {
	for _, client := range ends {
		e := openTLS(t, client, idle)
		for i := range 50 {
			ctx, cancel := context.WithCancel(t.Context())
			if err := e.conn.Write(ctx, websocket.Text, fmt.Append(nil, i)); err != nil {
				t.Fatal(err)
			}
			cancel()
			if err := e.conn.Write(ctx, websocket.Text, nil); !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
			ctx, cancel = cutOff(t)
			if _, _, err := e.conn.Read(ctx); i%10 == 0 && !errors.Is(err, context.DeadlineExceeded) {
				t.Fatal(err)
			}
			cancel()
			e.ExpectText(fmt.Sprint(i))
		}
		e.SendMessage(websocket.Text, []byte("back"))
		if _, msg, err := e.conn.Read(t.Context()); err != nil || string(msg) != "back" {
			t.Fatal(msg, err)
		}
		_ = e.conn.CloseNow()
		e.Close()
	}
}

// TestWhyAWriteFails: a peer that closes and vanishes has said why, though a
// write finds that it is gone before anybody reads its Close.
func TestWhyAWriteFails(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("elsewhere a reset may take what was received before it")
	}
	for _, client := range ends {
		for _, reading := range []bool{false, true} {
			e := newBench(t, idle, websocket.ConnOptions{}).open(client)
			first := make(chan struct{})
			read := make(chan error, 1)
			go func() {
				if !reading {
					<-first
				}
				_, msg, err := e.conn.Read(t.Context())
				if err == nil && string(msg) == "before" {
					_, _, err = e.conn.Read(t.Context())
				}
				read <- err
			}()
			e.SendMessage(websocket.Text, []byte("before"))
			e.SendClose(4008, "too slow")
			e.Reset()
			err := error(nil)
			for err == nil {
				err = e.conn.Write(t.Context(), websocket.Text, []byte("x"))
			}
			close(first)
			if err := <-read; websocket.CloseCodeOf(err) != 4008 {
				t.Errorf("%s, reading %v: Read gives %v", endName(client), reading, err)
			}
			if code := websocket.CloseCodeOf(err); code != 4008 && code != websocket.CloseAbnormal {
				t.Errorf("%s, reading %v: Write gives %v", endName(client), reading, err)
			}
			if websocket.CloseCodeOf(e.conn.Err()) != 4008 {
				t.Error(e.conn.Err())
			}
		}
		// Nobody reads: the connection ends all the same.
		e := newBench(t, idle, websocket.ConnOptions{}).open(client)
		e.Reset()
		err := error(nil)
		for err == nil {
			err = e.conn.Write(t.Context(), websocket.Text, []byte("x"))
		}
		if websocket.CloseCodeOf(err) != websocket.CloseAbnormal {
			t.Error(err)
		}
		waitFor(t, "the end", e.conn.Done())
	}
}
