package websocket_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openline/openline/websocket"
	"github.com/openline/openline/websocket/wstest"
)

// cutOff returns a context that ends soon, so that what waits under it is cut
// short. Nothing depends on how soon.
func cutOff(t *testing.T) (context.Context, context.CancelFunc) {
	t.Helper()
	return context.WithTimeout(t.Context(), 10*time.Millisecond)
}

// TestReadGoesOn cuts Read short in the middle of a message, at each place that
// is different, and has the next Read give the message whole.
func TestReadGoesOn(t *testing.T) {
	large := bytes.Repeat([]byte("0123456789abcdef"), 4096)
	for _, client := range ends {
		e := newBench(t, idle, websocket.ConnOptions{}).open(client)
		for name, octets := range map[string][]byte{
			"one frame":   e.AppendFrame(nil, true, 1, []byte("Zß水🍣")),
			"fragments":   e.AppendFrame(e.AppendFrame(e.AppendFrame(nil, false, 1, []byte("Zß\xe6")), false, 0, []byte("\xb0\xb4")), true, 0, []byte("🍣")),
			"large frame": e.AppendFrame(nil, true, 2, large),
		} {
			want := []byte("Zß水🍣")
			if name == "large frame" {
				want = large
			}
			for _, k := range []int{1, 2, 6, 9, 11, 13, len(octets) / 2, len(octets) - 1} {
				if k >= len(octets) {
					continue
				}
				e.SendBytes(octets[:k])
				for range 2 { // also twice at the same place
					ctx, cancel := cutOff(t)
					if _, msg, err := e.conn.Read(ctx); !errors.Is(err, context.DeadlineExceeded) || msg != nil {
						t.Fatalf("%s cut at %d: %q, %v", name, k, msg, err)
					}
					cancel()
				}
				e.SendBytes(octets[k:])
				prefix := []byte("prefix ")
				_, msg, err := e.conn.ReadAppend(t.Context(), prefix)
				if err != nil || !bytes.Equal(msg, append(prefix, want...)) {
					t.Fatalf("%s cut at %d: %d octets, %v", name, k, len(msg), err)
				}
			}
		}
		// What Read began can be read as a stream, too.
		octets := e.AppendFrame(nil, true, 1, []byte("Hello"))
		e.SendBytes(octets[:len(octets)-2])
		ctx, cancel := cutOff(t)
		if _, _, err := e.conn.Read(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
		cancel()
		typ, r, err := e.conn.NextReader(t.Context())
		if err != nil || typ != websocket.Text {
			t.Fatal(typ, err)
		}
		e.SendBytes(octets[len(octets)-2:])
		if msg, err := io.ReadAll(r); err != nil || string(msg) != "Hello" {
			t.Fatalf("%q, %v", msg, err)
		}
		_ = e.conn.CloseNow()
	}
}

// TestReadUnderEndedContext: a context that ended before gives nothing, not even
// what is there, and takes nothing away.
func TestReadUnderEndedContext(t *testing.T) {
	e := newBench(t, idle, websocket.ConnOptions{}).open(false)
	e.SendMessage(websocket.Text, []byte("a"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := e.conn.Read(ctx); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if _, msg, err := e.conn.Read(t.Context()); err != nil || string(msg) != "a" {
		t.Fatal(msg, err)
	}
	_ = e.conn.CloseNow()
	if _, _, err := e.conn.Read(ctx); websocket.CloseCodeOf(err) != websocket.CloseAbnormal {
		t.Fatalf("%v: the end of the connection tells more than that of the context", err)
	}
}

// TestHandlerSeesTheEnd: a handler's context ends with its connection; what Read
// tells is how that ended.
func TestHandlerSeesTheEnd(t *testing.T) {
	got := make(chan error)
	b := newBench(t, func(ctx context.Context, e *endpoint) {
		go func() { _ = e.conn.CloseNow() }()
		for {
			if _, _, err := e.conn.Read(ctx); err != nil {
				got <- err
				return
			}
		}
	}, websocket.ConnOptions{})
	for range 300 {
		p := wstest.Connect(t, b.server.URL)
		e := <-b.accepted
		if err := <-got; websocket.CloseCodeOf(err) != websocket.CloseAbnormal {
			t.Fatal(err)
		}
		<-e.done
		p.Close()
	}
}

// TestPongIsNotLeftToTheNextRead: an application that takes long over a message
// answers the Ping that came before it.
func TestPongIsNotLeftToTheNextRead(t *testing.T) {
	for name, read := range map[string]func(context.Context, *websocket.Conn) error{
		"Read": func(ctx context.Context, c *websocket.Conn) error {
			_, _, err := c.Read(ctx)
			return err
		},
		"NextReader": func(ctx context.Context, c *websocket.Conn) error {
			_, _, err := c.NextReader(ctx)
			return err
		},
		"messageReader": func(ctx context.Context, c *websocket.Conn) error {
			_, r, err := c.NextReader(ctx)
			if err == nil {
				_, err = io.ReadFull(r, make([]byte, 2))
			}
			return err
		},
	} {
		e := newBench(t, func(ctx context.Context, e *endpoint) {
			if err := read(ctx, e.conn); err != nil {
				t.Error(name, err)
			}
			<-ctx.Done() // reads no more
		}, websocket.ConnOptions{}).open(false)
		b := e.AppendFrame(nil, false, 1, []byte("a"))
		b = e.AppendFrame(b, true, 9, []byte("p"))
		b = e.AppendFrame(b, true, 0, []byte("b"))
		if name == "NextReader" {
			b = e.AppendFrame(nil, true, 9, []byte("p"))
			b = e.AppendFrame(b, true, 1, []byte("b"))
		}
		e.SendBytes(b)
		e.ExpectPong("p")
		_ = e.conn.CloseNow()
	}
}

// TestStallIsThePeersFault: time in which the application does not read does not
// count against the peer.
func TestStallIsThePeersFault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, there := websocket.NewTestPair(t, &websocket.ConnOptions{StallTimeout: time.Second, PingInterval: -1})
		peer := wstest.NewPeer(t, there, false)
		go peer.CutBytes(40, peer.AppendFrame(nil, true, 2, make([]byte, 300)))
		_, r, err := c.NextReader(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		p := make([]byte, 10)
		for n := 0; n < 300; {
			k, err := r.Read(p)
			if err != nil {
				t.Fatalf("after %d octets: %v", n, err)
			}
			n += k
			time.Sleep(900 * time.Millisecond) // the clock of the bubble
		}
		// The same for a Read that is taken up again late.
		sent := make(chan struct{})
		go func() {
			peer.SendBytes([]byte{0x82, 2, 'a'})
			close(sent)
		}()
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		if _, _, err := c.Read(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
		<-sent
		time.Sleep(time.Minute) // the clock of the bubble
		go peer.SendBytes([]byte{'b'})
		if _, msg, err := c.Read(t.Context()); err != nil || string(msg) != "ab" {
			t.Fatalf("%q, %v", msg, err)
		}
	})
}

// TestMessages ends without an error only when the peer closed in good order.
func TestMessages(t *testing.T) {
	for _, c := range []struct {
		end  func(p *wstest.Peer)
		code websocket.CloseCode // of the error; 0: none
	}{
		{func(p *wstest.Peer) { p.SendClose(websocket.CloseNormal, "") }, 0},
		{func(p *wstest.Peer) { p.SendClose(websocket.CloseGoingAway, "") }, 0},
		{func(p *wstest.Peer) { p.SendClose(websocket.CloseNoStatus, "") }, 0},
		{func(p *wstest.Peer) { p.SendClose(websocket.CloseInternalError, "") }, websocket.CloseInternalError},
		{func(p *wstest.Peer) { p.SendClose(4000, "") }, 4000},
		{func(p *wstest.Peer) { p.Send("83") }, websocket.CloseProtocolError},
		{func(p *wstest.Peer) { p.Close() }, websocket.CloseAbnormal},
	} {
		type result struct {
			got  []string
			code websocket.CloseCode
		}
		results := make(chan result, 1)
		e := newBench(t, func(ctx context.Context, e *endpoint) {
			var r result
			for m, err := range e.conn.Messages(ctx) {
				if err != nil {
					r.code = websocket.CloseCodeOf(err)
					continue
				}
				r.got = append(r.got, string(m.Data))
			}
			results <- r
		}, websocket.ConnOptions{}).open(false)
		e.SendMessage(websocket.Text, []byte("first"))
		e.SendMessage(websocket.Binary, []byte("2nd"))
		c.end(e.Peer)
		if r := <-results; len(r.got) != 2 || r.got[0] != "first" || r.got[1] != "2nd" || r.code != c.code {
			t.Errorf("%+v, want code %d", r, c.code)
		}
		e.Close()
	}
}
