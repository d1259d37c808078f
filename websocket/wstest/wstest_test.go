package wstest_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"github.com/openline/openline/websocket"
	"github.com/openline/openline/websocket/wstest"
)

func echo(ctx context.Context, c *websocket.Conn) {
	for m, err := range c.Messages(ctx) {
		if err != nil || c.Write(ctx, m.Type, m.Data) != nil {
			return
		}
	}
}

func TestPipe(t *testing.T) {
	server, client := wstest.Pipe(t, nil, nil)
	for _, ends := range [][2]*websocket.Conn{{server, client}, {client, server}} {
		if err := ends[0].Write(t.Context(), websocket.Text, []byte("hello")); err != nil {
			t.Fatal(err)
		}
		if typ, msg, err := ends[1].Read(t.Context()); typ != websocket.Text || string(msg) != "hello" || err != nil {
			t.Fatal(typ, msg, err)
		}
	}
}

const scripts = `
# A comment.

server: conversation
limit 100
recv 89 81 12 34 56 78 62 81 81 12 34 56 78 73
ping "p"
message text "a"
recv (82 82 12 34 56 78 ed ca)*2
message binary ff fe
message binary "\xff\xfe"
recv 8a 80 12 34 56 78
pong ""
recv 88 82 12 34 56 78 11 dc
close 1000

server: failure
recv 83
fail 1002 at 1

client: end
recv 01 01 61
fin
lost

client: close
recv 88 05 03 e9 62 79 65
close 1001 "bye"

client: no code
recv 88 00
fin
close
`

func TestPlay(t *testing.T) {
	list, err := wstest.ParseScripts(scripts)
	if err != nil || len(list) != 5 {
		t.Fatal(len(list), err)
	}
	srv := httptest.NewServer(websocket.Handle(echo, nil))
	defer srv.Close()
	for _, s := range list {
		for _, cut := range []int{0, 1, 3} {
			if s.Client {
				p, c := wstest.Listen(t).Dial(nil)
				go echo(t.Context(), c)
				p.Play(&s, cut)
			} else {
				wstest.Connect(t, srv.URL).Play(&s, cut)
			}
		}
	}
	if short, ok := list[1].Shortest(); !ok || !bytes.Equal(short.Input(), []byte{0x83}) {
		t.Fatalf("%+v", short)
	}
	if _, ok := list[0].Shortest(); ok {
		t.Fatal("a script without a failure is as short as it can be")
	}
}

func TestParseRefusals(t *testing.T) {
	for _, text := range []string{
		"recv 81", "server: x\nsend 81", "server: x\nrecv 8", "server: x\nrecv (81*2", "server: x\nrecv (81)*",
		"server: x\nmessage hello", "server: x\nmessage text \"a", "server: x\nclose x", "server: x\nfail 1002 at x", "server: x\nfin 1",
		"server: x\nlimit x",
	} {
		if _, err := wstest.ParseScripts(text); err == nil {
			t.Errorf("%q was accepted", text)
		}
	}
}

// recorder is a testing.TB that notes failure and ends the goroutine as a test
// would.
type recorder struct {
	testing.TB
	failure string
}

func (r *recorder) Helper() {}

func (r *recorder) Fatal(args ...any) { r.failure = fmt.Sprint(args...); runtime.Goexit() }

func (r *recorder) Fatalf(format string, args ...any) {
	r.failure = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

// TestPeerJudges sends a peer what no endpoint may send, and what it does not
// expect.
func TestPeerJudges(t *testing.T) {
	for _, c := range []struct {
		octets string // as the peer receives them, from a server
		client bool   // from a client instead
		do     func(p *wstest.Peer)
		want   string // part of the failure; "" for none
	}{
		{"81 01 61", false, func(p *wstest.Peer) { p.ExpectText("a") }, ""},
		{"01 01 61 80 01 62", false, func(p *wstest.Peer) { p.ExpectText("ab") }, ""},
		{"81 01 61", false, func(p *wstest.Peer) { p.ExpectText("b") }, "want the text message"},
		{"81 81 12 34 56 78 73", true, func(p *wstest.Peer) { p.ExpectText("a") }, ""},
		{"81 01 61", true, func(p *wstest.Peer) { p.Frame() }, "§5.1"},
		{"81 81 12 34 56 78 73", false, func(p *wstest.Peer) { p.Frame() }, "§5.1"},
		{"c1 01 61", false, func(p *wstest.Peer) { p.Frame() }, "§5.2"},
		{"83 00", false, func(p *wstest.Peer) { p.Frame() }, "reserved opcode"},
		{"8b 00", false, func(p *wstest.Peer) { p.Frame() }, "reserved opcode"},
		{"81 7e 00 7d", false, func(p *wstest.Peer) { p.Frame() }, "length form"},
		{"81 7f 00 00 00 00 00 00 ff ff", false, func(p *wstest.Peer) { p.Frame() }, "length form"},
		{"09 00", false, func(p *wstest.Peer) { p.Frame() }, "§5.5"},
		{"80 00", false, func(p *wstest.Peer) { p.Frame() }, "§5.4"},
		{"01 00 01 00", false, func(p *wstest.Peer) { p.Frame(); p.Frame() }, "§5.4"},
		{"81 01 ff", false, func(p *wstest.Peer) { p.Frame() }, "§8.1"},
		{"88 01 03", false, func(p *wstest.Peer) { p.Frame() }, "§5.5.1"},
		{"88 02 03 ed", false, func(p *wstest.Peer) { p.Frame() }, "§7.4"},
		{"88 00 81 00", false, func(p *wstest.Peer) { p.Frame(); p.Frame() }, "after the Close"},
		{"88 00 8a 00", false, func(p *wstest.Peer) { p.Frame(); p.Frame(); p.ExpectEnd() }, ""},
		{"81 05 61", false, func(p *wstest.Peer) { p.Frame() }, "stream ends after 1"},
		{"81", false, func(p *wstest.Peer) { p.Frame() }, "unexpected EOF"},
		{"", false, func(p *wstest.Peer) { p.Frame() }, "EOF"},
		{"", false, func(p *wstest.Peer) { p.ExpectEnd() }, ""},
		{"8a 00", false, func(p *wstest.Peer) { p.ExpectEnd() }, "pong"},
		{"89 01 70", false, func(p *wstest.Peer) { p.ExpectPing() }, ""},
		{"89 01 70", false, func(p *wstest.Peer) { p.ExpectPong("p") }, "want a Pong"},
		{"88 02 03 e9", false, func(p *wstest.Peer) { p.ExpectClose(websocket.CloseNormal) }, "1001"},
		{"89 01 70", false, func(p *wstest.Peer) { p.Message() }, "instead of a message"},
	} {
		octets := c.octets
		here, there := net.Pipe()
		go func() {
			other := wstest.NewPeer(t, there, c.client)
			other.Send(octets)
			_ = there.Close()
		}()
		r := &recorder{TB: t}
		done := make(chan struct{})
		go func() {
			defer close(done)
			c.do(wstest.NewPeer(r, here, !c.client))
		}()
		<-done
		_, _ = io.Copy(io.Discard, here)
		_ = here.Close()
		if (c.want == "") != (r.failure == "") || !strings.Contains(r.failure, c.want) {
			t.Errorf("%s: %q, want %q", c.octets, r.failure, c.want)
		}
	}
}
