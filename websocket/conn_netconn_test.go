package websocket_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openline/openline/websocket"
	"github.com/openline/openline/websocket/wstest"
)

// netPipe is a connection as two net.Conns.
func netPipe(t *testing.T) (a, b net.Conn) {
	t.Helper()
	server, client := wstest.Pipe(t, nil, nil)
	return websocket.NetConn(t.Context(), server, websocket.Binary), websocket.NetConn(t.Context(), client, websocket.Binary)
}

// isTimeout reports whether err is what a net.Conn gives when its deadline
// passes.
func isTimeout(err error) bool {
	timeout, ok := errors.AsType[net.Error](err)
	return errors.Is(err, os.ErrDeadlineExceeded) && ok && timeout.Timeout()
}

func TestNetConnCarriesAStream(t *testing.T) {
	a, b := netPipe(t)
	data := make([]byte, 3<<20)
	for i := range data {
		data[i] = byte(i * 13)
	}
	var writers sync.WaitGroup
	for _, w := range []net.Conn{a, b} {
		writers.Go(func() {
			for rest, n := data, 1; len(rest) > 0; n = n*2 + 1 {
				n = min(n, len(rest), 300_000)
				if _, err := w.Write(rest[:n]); err != nil {
					t.Error(err)
					return
				}
				rest = rest[n:]
			}
		})
	}
	for _, r := range []net.Conn{a, b} {
		writers.Go(func() {
			got := make([]byte, len(data))
			if _, err := io.ReadFull(r, got); err != nil || !bytes.Equal(got, data) {
				t.Error("not what was written:", err)
			}
		})
	}
	writers.Wait()
	if a.LocalAddr().String() != b.RemoteAddr().String() || a.RemoteAddr().String() != b.LocalAddr().String() {
		t.Error("addresses")
	}
}

func TestNetConnEnd(t *testing.T) {
	a, b := netPipe(t)
	if _, err := a.Write([]byte("last")); err != nil {
		t.Fatal(err)
	}
	closed := make(chan error, 1)
	go func() { closed <- a.Close() }()
	if all, err := io.ReadAll(b); err != nil || string(all) != "last" {
		t.Fatalf("%q, %v", all, err)
	}
	if err := <-closed; err != nil {
		t.Fatal(err)
	}
	for name, try := range map[string]func() error{
		"Write":             func() error { _, err := b.Write([]byte("x")); return err },
		"Read at this end":  func() error { _, err := a.Read(make([]byte, 1)); return err },
		"Write at this end": func() error { _, err := a.Write([]byte("x")); return err },
	} {
		if err := try(); err == nil {
			t.Errorf("%s after the end succeeds", name)
		}
	}
	if n, err := b.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Error("a second end:", n, err)
	}
}

// TestNetConnOddClose: an end that is no normal one is no io.EOF.
func TestNetConnOddClose(t *testing.T) {
	for _, end := range []func(p *wstest.Peer){
		func(p *wstest.Peer) { p.SendClose(4000, "") },
		func(p *wstest.Peer) { p.Close() },
		func(p *wstest.Peer) { p.Send("83") },
	} {
		p, c := wstest.Listen(t).Dial(nil)
		nc := websocket.NetConn(t.Context(), c, websocket.Binary)
		end(p)
		if _, err := io.ReadAll(nc); websocket.CloseCodeOf(err) == 0 {
			t.Errorf("%v", err)
		}
		p.Close()
	}
}

// TestNetConnDeadlines: a deadline that passes interrupts, can be moved and
// leaves the connection usable, in the middle of a message too.
func TestNetConnDeadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, there := websocket.NewTestPair(t, &websocket.ConnOptions{PingInterval: -1})
		peer := wstest.NewPeer(t, there, false)
		nc := websocket.NetConn(t.Context(), c, websocket.Binary)
		one := make([]byte, 1)
		start := time.Now()
		expect := func(what string, after time.Duration, err error) {
			t.Helper()
			if !isTimeout(err) {
				t.Errorf("%s: %v", what, err)
			}
			if took := time.Since(start); took != after {
				t.Errorf("%s: after %s, want %s", what, took, after)
			}
			start = time.Now()
		}
		_ = nc.SetReadDeadline(time.Now().Add(time.Second))
		_, err := nc.Read(one)
		expect("Read", time.Second, err)
		_, err = nc.Read(one)
		expect("Read after the deadline", 0, err)
		_, err = nc.Read(nil)
		expect("an empty Read after the deadline", 0, err)

		_ = nc.SetDeadline(time.Now().Add(-time.Hour))
		_, err = nc.Read(one)
		expect("Read with a deadline in the past", 0, err)
		_, err = nc.Write(one)
		expect("Write with a deadline in the past", 0, err)

		// While somebody waits: nearer, farther and away.
		_ = nc.SetDeadline(time.Time{})
		time.AfterFunc(time.Second, func() { _ = nc.SetReadDeadline(time.Now().Add(time.Second)) })
		_, err = nc.Read(one)
		expect("Read whose deadline was set meanwhile", 2*time.Second, err)
		_ = nc.SetReadDeadline(time.Now().Add(time.Second))
		time.AfterFunc(time.Second/2, func() { _ = nc.SetReadDeadline(time.Now().Add(time.Minute)) })
		_, err = nc.Read(one)
		expect("Read whose deadline was put off", time.Second/2+time.Minute, err)
		_ = nc.SetReadDeadline(time.Now().Add(time.Hour))
		time.AfterFunc(time.Second, func() { _ = nc.SetDeadline(time.Unix(1, 0)) })
		_, err = nc.Read(one)
		expect("Read that was interrupted", time.Second, err)

		// In the middle of a message.
		_ = nc.SetDeadline(time.Time{})
		go peer.SendBytes([]byte{0x82, 4, 'a', 'b'})
		got := make([]byte, 8)
		n, err := io.ReadAtLeast(nc, got, 2)
		if n != 2 || err != nil {
			t.Fatal(n, err)
		}
		start = time.Now()
		_ = nc.SetReadDeadline(time.Now().Add(time.Second))
		_, err = nc.Read(got)
		expect("Read in a message", time.Second, err)
		_ = nc.SetReadDeadline(time.Time{})
		go peer.SendBytes([]byte{'c', 'd'})
		if n, err = io.ReadAtLeast(nc, got, 2); err != nil || string(got[:n]) != "cd" {
			t.Fatalf("%q, %v", got[:n], err)
		}

		// Nobody reads what is written: nothing of it left, so the next can.
		start = time.Now()
		_ = nc.SetWriteDeadline(time.Now().Add(time.Second))
		_, err = nc.Write([]byte("lost"))
		expect("Write", time.Second, err)
		_ = nc.SetWriteDeadline(time.Time{})
		wrote := make(chan error, 1)
		go func() {
			_, err := nc.Write([]byte("kept"))
			wrote <- err
		}()
		peer.ExpectMessage(websocket.Binary, []byte("kept"))
		if err := <-wrote; err != nil {
			t.Fatal(err)
		}

		// Deadlines do not meet: one for reading leaves writing alone.
		_ = nc.SetReadDeadline(time.Unix(1, 0))
		go func() {
			_, err := nc.Write([]byte("more"))
			wrote <- err
		}()
		peer.ExpectMessage(websocket.Binary, []byte("more"))
		if err := <-wrote; err != nil {
			t.Fatal(err)
		}
		_ = c.CloseNow()
	})
}

// TestNetConnDeadlineThatIsMovedAsItPasses: what was put off in time does not
// pass.
func TestNetConnDeadlineThatIsMovedAsItPasses(t *testing.T) {
	for range 200 {
		synctest.Test(t, func(t *testing.T) {
			c, there := websocket.NewTestPair(t, &websocket.ConnOptions{PingInterval: -1})
			nc := websocket.NetConn(t.Context(), c, websocket.Binary)
			_ = nc.SetReadDeadline(time.Now().Add(time.Second))
			time.Sleep(time.Second) // the clock of the bubble: the timer fires now
			_ = nc.SetReadDeadline(time.Now().Add(time.Hour))
			go func() { _, _ = there.Write([]byte{0x82, 1, 'x'}) }()
			if n, err := nc.Read(make([]byte, 1)); n != 1 || err != nil {
				t.Fatal(n, err)
			}
			_ = c.CloseNow()
		})
	}
}

func TestNetConnContext(t *testing.T) {
	server, client := wstest.Pipe(t, nil, nil)
	ctx, cancel := context.WithCancel(t.Context())
	nc := websocket.NetConn(ctx, server, websocket.Text)
	read := make(chan error, 1)
	go func() {
		_, err := nc.Read(make([]byte, 1))
		read <- err
	}()
	if _, err := nc.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if typ, msg, err := client.Read(t.Context()); typ != websocket.Text || string(msg) != "x" || err != nil {
		t.Fatal(typ, msg, err)
	}
	cancel()
	if err := <-read; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if _, err := nc.Write([]byte("x")); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	_ = nc.SetDeadline(time.Now().Add(time.Hour))
	if _, err := nc.Read(make([]byte, 1)); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// TestNetConnCloseUnblocks: Close ends a Read that waits, and a Write.
func TestNetConnCloseUnblocks(t *testing.T) {
	a, b := netPipe(t)
	read := make(chan error, 1)
	go func() {
		_, err := b.Read(make([]byte, 1))
		read <- err
	}()
	closed := make(chan error, 1)
	go func() { closed <- b.Close() }()
	if _, err := io.ReadAll(a); err != nil {
		t.Error(err)
	}
	if err := <-read; err == nil {
		t.Error("Read succeeds")
	}
	if err := <-closed; err != nil {
		t.Error(err)
	}
	if err := b.Close(); err != nil {
		t.Error("a second Close:", err)
	}
}
