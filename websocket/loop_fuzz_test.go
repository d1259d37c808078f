//go:build unix

package websocket

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"syscall"
	"testing"

	"github.com/openline/openline/websocket/internal/frame"
	"github.com/openline/openline/websocket/internal/proto"
)

// noted is a handler that notes what it is told.
type noted struct {
	events []string
	closed chan struct{}
}

func (h *noted) OnOpen(*LoopConn) { h.events = append(h.events, "open") }

func (h *noted) OnMessage(_ *LoopConn, m Message) {
	h.events = append(h.events, fmt.Sprintf("message %d %x", m.Type, m.Data))
	_ = append(m.Data, 0xEE) // which spoils nothing that is still to be read
}

func (h *noted) OnPong(_ *LoopConn, payload []byte) {
	h.events = append(h.events, fmt.Sprintf("pong %x", payload))
}

func (h *noted) OnClose(_ *LoopConn, e *CloseError) {
	h.events = append(h.events, fmt.Sprintf("close %d %q", e.Code, e.Reason))
	close(h.closed)
}

// wantedEvents is what a handler is to be told of octets that end with the stream,
// by the core alone, and the code of the Close frame that is to be sent, 0 for none.
func wantedEvents(b []byte, limits proto.Limits) (events []string, code CloseCode) {
	events = []string{"open"}
	in := proto.NewReceiver(false, false, limits)
	var message []byte
	for len(b) > 0 {
		n, ev, err := in.Receive(b)
		b = b[n:]
		switch {
		case err != nil:
			code, reason := closeCode(err)
			return append(events, fmt.Sprintf("close %d %q", code, reason)), code
		case ev.Kind == proto.Data:
			if message = append(message, ev.Payload...); ev.Last {
				events = append(events, fmt.Sprintf("message %d %x", ev.Opcode, message))
				message = nil
			}
		case ev.Kind == proto.Pong && len(ev.Payload) > 0:
			events = append(events, fmt.Sprintf("pong %x", ev.Payload))
		case ev.Kind == proto.Close:
			code := CloseCode(ev.Code)
			events = append(events, fmt.Sprintf("close %d %q", code, ev.Payload))
			if code == CloseMandatoryExtension {
				code = CloseNormal // a server does not send it
			}
			return events, code
		}
	}
	return append(events, fmt.Sprintf("close %d %q", CloseAbnormal, "")), 0
}

// socketPair is two connected sockets.
func socketPair(t *testing.T) (a, b *net.UnixConn) {
	t.Helper()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	ends := [2]*net.UnixConn{}
	for i, fd := range fds {
		f := os.NewFile(uintptr(fd), "socket")
		nc, err := net.FileConn(f)
		_ = f.Close()
		if err != nil {
			t.Fatal(err)
		}
		ends[i], _ = nc.(*net.UnixConn)
	}
	return ends[0], ends[1]
}

// sentClose checks that b is frames, and returns the code of the Close among them.
func sentClose(t *testing.T, b []byte) (code CloseCode) {
	t.Helper()
	for len(b) > 0 {
		h, n, err := frame.ParseHeader(b)
		if err != nil || n == 0 || h.Length > uint64(len(b)-n) || code != 0 {
			t.Fatalf("what was sent ends in % x (%v)", b, err)
		}
		if payload := b[n : n+int(h.Length)]; h.Opcode == frame.Close {
			if code = CloseNoStatus; len(payload) >= 2 {
				code = CloseCode(payload[0])<<8 | CloseCode(payload[1])
			}
		}
		b = b[n+int(h.Length):]
	}
	return code
}

// FuzzLoop: wherever the input is cut, and whoever drives the connection, its
// handler is told what the core makes of the whole.
func FuzzLoop(f *testing.F) {
	for _, s := range []string{
		"\x81\x85\x00\x00\x00\x00Hello\x88\x82\x00\x00\x00\x00\x03\xe8",
		"\x01\x83\x01\x02\x03\x04abc\x89\x81\x00\x00\x00\x00x\x80\x83\x01\x02\x03\x04abc\x8a\x81\x00\x00\x00\x00y",
		"\x82\xfe\x00\x80\x00\x00\x00\x00" + string(make([]byte, 128)) + "\x83\x80",
		"\x82\xff\x00\x00\x00\x00\x00\x00\x30\x00\x00\x00\x00\x00" + string(make([]byte, 0x3000)) + "\x88\x80\x00\x00\x00\x00",
		"\x82\x81\x01\x02\x03\x04x\x81\x80\x01\x02\x03\x04\x89\x80\x01\x02\x03\x04\x81\x82\x00\x00\x00\x00\xc3\xa9\x82\x81\x00\x00\x00\x00y\x81\x81\x00\x00\x00\x00\xc3",
		"\x81\x82\x00\x00\x00\x00\xc3\x28", "\x88\x81\x00\x00\x00\x00\x00", "\x88\x82\x00\x00\x00\x00\x03\xf2",
	} {
		f.Add([]byte(s), []byte{})
		f.Add([]byte(s), []byte{1, 1, 3, 0, 200, 2})
	}
	loop, err := NewLoop()
	if err != nil {
		f.Fatal(err)
	}
	others := newLoop()
	f.Cleanup(func() {
		_ = loop.Shutdown(context.Background())
		_ = others.Shutdown(context.Background())
	})
	o := &ConnOptions{ReadLimit: 1 << 15, PingInterval: -1, StallTimeout: -1}
	limits := o.resolve().limits
	f.Fuzz(func(t *testing.T, b, cuts []byte) {
		if len(b) > 1<<15 || len(cuts) > 64 {
			return
		}
		want, code := wantedEvents(slices.Clone(b), limits)
		for _, l := range []*Loop{loop, others} {
			here, there := socketPair(t)
			h := &noted{closed: make(chan struct{})}
			if _, err := l.Attach(NewTestConn(here, false, o), h); err != nil {
				t.Fatal(err)
			}
			rest := b
			for i := 0; len(rest) > 0; i++ {
				n := len(rest)
				if i < len(cuts) {
					n = min(n, 1+int(cuts[i]))
				}
				if _, err := there.Write(rest[:n]); err != nil {
					break // it has been closed because of what came before
				}
				rest = rest[n:]
				for range 2 { // what was there when the second was asked for has been read
					done := make(chan struct{})
					l.Do(func() { close(done) })
					<-done
				}
			}
			_ = there.CloseWrite()
			<-h.closed
			sent, _ := io.ReadAll(there)
			_ = there.Close()
			if !slices.Equal(h.events, want) {
				t.Fatalf("% x cut by %v, with a poller %v:\n%q\nwant\n%q", b, cuts, l == loop, h.events, want)
			}
			if got := sentClose(t, sent); got != code {
				t.Fatalf("% x cut by %v, with a poller %v: Close with %v, want %v", b, cuts, l == loop, got, code)
			}
		}
	})
}
