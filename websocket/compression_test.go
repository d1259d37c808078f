package websocket_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/openline/openline/websocket"
	"github.com/openline/openline/websocket/wstest"
)

// event is a message like those that applications send, of about 170 octets.
func event(i int) []byte {
	r := rand.New(rand.NewPCG(7, uint64(i)))
	return fmt.Appendf(nil, `{"id":"%08x","type":"order:update","channel":"desk-%d","time":"2026-03-0%dT10:%02d:%02d.123Z","data":{"user":"user-%d","price":%d.%02d,"amount":%d,"state":"open"}}`,
		r.Uint32(), r.IntN(5), 1+r.IntN(9), r.IntN(60), r.IntN(60), r.IntN(1000), r.IntN(500), r.IntN(100), r.IntN(10000))
}

func compressed(c websocket.Compression) websocket.ConnOptions {
	return websocket.ConnOptions{Compression: &c}
}

func compressedPipe(tb testing.TB, server, client websocket.Compression) (s, c *websocket.Conn) {
	tb.Helper()
	return wstest.Pipe(tb, &websocket.AcceptOptions{ConnOptions: compressed(server)}, &websocket.DialOptions{ConnOptions: compressed(client)})
}

// Both ends of the library with each other, whatever was agreed on: all ways of
// sending from several goroutines at once, streams and whole messages read.
func TestCompressedBothWays(t *testing.T) {
	t.Parallel()
	for _, terms := range [][2]websocket.Compression{
		{{}, {}},
		{{NoContextTakeover: true}, {}},
		{{}, {NoContextTakeover: true, PeerNoContextTakeover: true}},
		{{WindowBits: 8, PeerWindowBits: 8}, {WindowBits: 9, PeerWindowBits: 15, Level: 9}},
		{{WindowBits: -1, PeerWindowBits: -1, Threshold: -1}, {WindowBits: -1, PeerWindowBits: -1, Threshold: -1, Level: 1}},
		{{WindowBits: 15, PeerWindowBits: 10}, {Threshold: 1}},
	} {
		server, client := compressedPipe(t, terms[0], terms[1])
		for _, pair := range [][2]*websocket.Conn{{server, client}, {client, server}} {
			exchange(t, pair[0], pair[1])
		}
		closed := make(chan error, 1)
		go func() {
			_, _, err := client.Read(context.Background())
			closed <- err
		}()
		if err := server.Close(websocket.CloseNormal, ""); err != nil {
			t.Error(err)
		}
		<-closed
	}
}

func exchange(t *testing.T, from, to *websocket.Conn) {
	t.Helper()
	const each = 60
	message := func(sender, i int) []byte {
		msg := fmt.Appendf(nil, "%d/%d ", sender, i)
		switch i % 5 {
		case 0:
			return append(msg, noise(100*i)...)
		case 1:
			return append(msg, bytes.Repeat(event(i), i)...)
		}
		return append(msg, event(i)...)
	}
	ctx := t.Context()
	var sending sync.WaitGroup
	send := func(sender int, how func(msg []byte) error) {
		sending.Go(func() {
			for i := range each {
				if err := how(message(sender, i)); err != nil {
					t.Errorf("sender %d, message %d: %v", sender, i, err)
					return
				}
			}
		})
	}
	send(0, func(msg []byte) error { return from.Write(ctx, websocket.Binary, msg) })
	send(1, func(msg []byte) error {
		p, err := websocket.Prepare(websocket.Binary, msg)
		if err != nil {
			return err
		}
		for {
			if err = from.TrySend(p); !errors.Is(err, websocket.ErrQueueFull) {
				return err
			}
			if err := from.Ping(ctx); err != nil { // wait until something has been read
				return err
			}
		}
	})
	send(2, func(msg []byte) error {
		w, err := from.NextWriter(ctx, websocket.Binary)
		if err != nil {
			return err
		}
		for chunk := range slices.Chunk(msg, 1500) {
			if _, err := w.Write(chunk); err != nil {
				return err
			}
		}
		return w.Close()
	})
	send(3, func(msg []byte) error { return from.WriteUncompressed(ctx, websocket.Binary, msg) })
	pongs, stop := context.WithCancel(ctx)
	var listening sync.WaitGroup
	listening.Go(func() { _, _, _ = from.Read(pongs) })
	var next [4]int
	for n := range 4 * each {
		var got []byte
		var err error
		if n%2 == 0 {
			_, got, err = to.Read(ctx)
		} else {
			var r io.Reader
			if _, r, err = to.NextReader(ctx); err == nil {
				got, err = io.ReadAll(r)
			}
		}
		if err != nil {
			t.Fatalf("message %d: %v", n, err)
		}
		sender := int(got[0] - '0')
		if want := message(sender, next[sender]); !bytes.Equal(got, want) {
			t.Fatalf("got %.60q, want %.60q", got, want)
		}
		next[sender]++
	}
	sending.Wait()
	stop()
	listening.Wait()
}

// A message that is prepared once is the same octets for all connections with
// the same window, and what they are sent afterwards may refer to it.
func TestPreparedCompressed(t *testing.T) {
	t.Parallel()
	prepared, err := websocket.Prepare(websocket.Text, event(1))
	if err != nil {
		t.Fatal(err)
	}
	var first []byte
	for _, extension := range []string{
		"permessage-deflate", "permessage-deflate; server_no_context_takeover", "permessage-deflate; client_max_window_bits",
		"permessage-deflate; server_max_window_bits=9", "permessage-deflate; server_max_window_bits=8",
	} {
		b := newBench(t, echoing, whole())
		b.extension = extension
		e := b.open(false)
		size := 0
		e.SendMessage(websocket.Text, event(2))
		e.ExpectText(string(event(2)))
		for range 3 {
			if err := e.conn.TrySend(prepared); err != nil {
				t.Fatal(err)
			}
			f := e.Frame()
			if first == nil {
				first = f.Payload
			}
			if !f.RSV1 || !bytes.Equal(f.Payload, first) {
				t.Fatalf("%s: %x, want %x", extension, f.Payload, first)
			}
			size = len(f.Payload)
		}
		// The same text again: with takeover it refers to what was prepared.
		e.SendMessage(websocket.Text, event(1))
		f, facts := deflatedFrame(t, e)
		if again := len(f.Payload); strings.Contains(extension, "server_no") != (again >= size) || facts.Octets != len(event(1)) {
			t.Errorf("%s: prepared in %d octets, the same again in %d", extension, size, again)
		}
		e.bye(t, false)
	}
}

// A write that is given up before its first octet leaves a connection on which
// compression goes on.
func TestCompressedWriteGivenUp(t *testing.T) {
	t.Parallel()
	here, there := net.Pipe()
	o := &websocket.DialOptions{ConnOptions: whole()}
	o.NetDial = func(context.Context, string, string) (net.Conn, error) { return here, nil }
	dialed := make(chan *websocket.Conn, 1)
	go func() {
		c, err := websocket.Dial(t.Context(), "ws://ws.test/", o)
		if err != nil {
			t.Error(err)
		}
		dialed <- c
	}()
	p := wstest.AcceptOver(t, there, "Sec-WebSocket-Extensions: permessage-deflate")
	c := <-dialed
	if c == nil {
		t.FailNow()
	}
	defer func() { _ = c.CloseNow() }()
	for i := range 5 {
		sent := make(chan error, 1)
		go func() { sent <- c.Write(t.Context(), websocket.Text, event(i)) }()
		p.ExpectText(string(event(i)))
		if err := <-sent; err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		go func() { sent <- c.Write(ctx, websocket.Text, event(i+1)) }() // nobody reads this
		cancel()
		if err := <-sent; !errors.Is(err, context.Canceled) {
			t.Fatalf("given up: %v", err)
		}
	}
}

// A stream gives what has been inflated while the message still arrives, and
// fails at the first octet that makes its text impossible.
func TestCompressedStream(t *testing.T) {
	t.Parallel()
	for _, client := range ends {
		got := make(chan string)
		run := func(ctx context.Context, e *endpoint) {
			_, r, err := e.conn.NextReader(ctx)
			for err == nil {
				b := make([]byte, 100)
				var n int
				n, err = r.Read(b)
				got <- string(b[:n])
			}
			if err == io.EOF {
				_, _, err = e.conn.Read(ctx)
			}
			e.err = err
			close(got)
		}
		e := newBench(t, run, whole()).open(client)
		// "gopher " and an end of the fragment in the middle of the stream.
		e.SendFrame(false, 1|rsv1, gopherD1[:7])
		seen := ""
		for len(seen) < len("gopher") {
			seen += <-got
		}
		if !strings.HasPrefix(gopher, seen) {
			t.Errorf("%q", seen)
		}
		// c3 28 in a stored block: the fragment does not end the message, nor even
		// the block.
		e.SendFrame(false, 0, gopherD1[7:])
		e.SendFrame(false, 0, []byte("\x00\x00\xff\xff\x00\x10\x00\xef\xff\xc3\x28"))
		go func() {
			for range got { //nolint:revive // to its end
			}
		}()
		e.ExpectClose(websocket.CloseInvalidPayload)
		e.ExpectEnd()
		e.Close()
		e.expectErr(t, websocket.CloseInvalidPayload, false)
	}
}

// A read that is given up in the middle of a compressed message is taken up
// again, wherever the message was cut, by a read of either kind.
func TestCompressedReadGivenUp(t *testing.T) {
	t.Parallel()
	for _, client := range ends {
		e := newBench(t, idle, whole()).open(client)
		for cut := range gopherD1 {
			octets := e.AppendFrame(nil, true, 1|rsv1, gopherD1)
			at := len(octets) - len(gopherD1) + cut
			e.SendBytes(octets[:at])
			ctx, cancel := context.WithCancel(t.Context())
			given := make(chan error, 1)
			go func() {
				_, _, err := e.conn.Read(ctx)
				given <- err
			}()
			if cut%2 == 0 {
				runtime.Gosched() // sometimes it has read before it is given up, sometimes not
			}
			cancel()
			if err := <-given; !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
			e.SendBytes(octets[at:])
			var got []byte
			var err error
			if cut%3 == 0 {
				var r io.Reader
				if _, r, err = e.conn.NextReader(t.Context()); err == nil {
					got, err = io.ReadAll(r)
				}
			} else {
				_, got, err = e.conn.Read(t.Context())
			}
			if err != nil || string(got) != gopher {
				t.Fatalf("cut at %d: %q, %v", cut, got, err)
			}
		}
		_ = e.conn.CloseNow()
	}
}

// TestCompressedAllocations: compressing and inflating small messages costs no
// memory that has to be collected either.
func TestCompressedAllocations(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector allocates, too")
	}
	prepared, err := websocket.Prepare(websocket.Text, event(1))
	if err != nil {
		t.Fatal(err)
	}
	for _, noTakeover := range []bool{false, true} {
		settings := websocket.Compression{NoContextTakeover: noTakeover, PeerNoContextTakeover: noTakeover}
		server, client := compressedPipe(t, settings, settings)
		ctx := t.Context()
		var buf []byte
		i := 0
		for _, c := range []struct {
			name string
			most float64
			send func(c *websocket.Conn) error
		}{
			{"Write", 2, func(c *websocket.Conn) error { return c.Write(ctx, websocket.Text, prepared.Data()) }},
			{"TrySend", 2, func(c *websocket.Conn) error { return c.TrySend(prepared) }},
		} {
			for _, pair := range [][2]*websocket.Conn{{server, client}, {client, server}} {
				n := testing.AllocsPerRun(1000, func() {
					i++
					if err := c.send(pair[0]); err != nil {
						t.Fatal(err)
					}
					var err error
					if _, buf, err = pair[1].ReadAppend(ctx, buf[:0]); err != nil || !bytes.Equal(buf, prepared.Data()) {
						t.Fatal(err)
					}
				})
				t.Logf("no takeover %v, %s and ReadAppend of %d octets: %v allocations", noTakeover, c.name, len(buf), n)
				if n > c.most {
					t.Errorf("no takeover %v, %s and ReadAppend: %v allocations, want at most %v", noTakeover, c.name, n, c.most)
				}
			}
		}
	}
}

// TestCompressedIdleMemory: what compression adds to a connection that is open
// and has sent and received 100 messages, both directions together.
func TestCompressedIdleMemory(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector takes memory, too")
	}
	const pairs, messages = 100, 100
	cost := func(settings *websocket.Compression) int64 {
		var conns []*websocket.Conn
		o := websocket.ConnOptions{Compression: settings}
		open := func() {
			server, client := wstest.Pipe(t, &websocket.AcceptOptions{ConnOptions: o}, &websocket.DialOptions{ConnOptions: o})
			var buf []byte
			for i := range messages {
				for _, pair := range [][2]*websocket.Conn{{server, client}, {client, server}} {
					if err := pair[0].Write(t.Context(), websocket.Text, event(i)); err != nil {
						t.Fatal(err)
					}
					var err error
					if _, buf, err = pair[1].ReadAppend(t.Context(), buf[:0]); err != nil || !bytes.Equal(buf, event(i)) {
						t.Fatal(err)
					}
				}
			}
			conns = append(conns, server, client)
		}
		open()
		before, _ := heapAndStacks()
		for range pairs {
			open()
		}
		after, _ := heapAndStacks()
		for _, c := range conns {
			_ = c.CloseNow()
		}
		return (after - before) / (2 * pairs)
	}
	plain := cost(nil)
	for _, c := range []struct {
		name     string
		settings websocket.Compression
		most     int64
	}{
		{"with the default windows taken over", websocket.Compression{}, 16 << 10},
		{"without takeover", websocket.Compression{NoContextTakeover: true, PeerNoContextTakeover: true}, 1 << 10},
	} {
		extra := cost(&c.settings) - plain
		t.Logf("compression %s adds %d octets to a connection", c.name, extra)
		if extra > c.most {
			t.Errorf("compression %s adds %d octets to a connection, want at most %d", c.name, extra, c.most)
		}
	}
}
