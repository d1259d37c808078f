package websocket_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/openline/openline/websocket"
	"github.com/openline/openline/websocket/wstest"
)

// burst connects to a loop and sends n short messages in one write, of which
// handle is called with each and its number.
func burst(t *testing.T, o *websocket.AcceptOptions, n int, handle func(c *websocket.LoopConn, i int, m websocket.Message)) *wstest.Peer {
	t.Helper()
	i := 0
	h, _ := loopEnds(func(c *websocket.LoopConn, m websocket.Message) {
		i++
		handle(c, i, m)
	})
	url, _ := loopServer(t, o, h)
	p := wstest.Connect(t, url)
	var all []byte
	for range n {
		all = p.AppendFrame(all, true, 1, []byte("short"))
	}
	p.SendBytes(all)
	return p
}

// TestLoopBurstMixed: answers of every kind keep their order among short ones.
func TestLoopBurstMixed(t *testing.T) {
	long := bytes.Repeat([]byte("long"), 17_000) // written apart, but within the queue's bound together
	prepared := prepare(t, "prepared")
	p := burst(t, nil, 40, func(c *websocket.LoopConn, i int, m websocket.Message) {
		var err error
		switch i % 5 {
		case 1:
			err = c.Write(websocket.Binary, long)
		case 2:
			err = c.TrySend(prepared)
		case 3:
			err = errors.Join(c.WriteFragment(websocket.Text, []byte("frag"), false), c.WriteFragment(websocket.Text, []byte("ments"), true))
		default:
			err = c.Write(m.Type, m.Data)
		}
		if err != nil {
			t.Errorf("answer %d: %v", i, err)
		}
	})
	for i := range 40 {
		switch (i + 1) % 5 {
		case 1:
			p.ExpectMessage(websocket.Binary, long)
		case 2:
			p.ExpectText("prepared")
		case 3:
			p.ExpectText("fragments")
		default:
			p.ExpectText("short")
		}
	}
}

// TestLoopBurstRefusals: what cannot be sent is refused among short answers as it is
// alone, and nothing of it is sent.
func TestLoopBurstRefusals(t *testing.T) {
	p := burst(t, nil, 4, func(c *websocket.LoopConn, i int, _ websocket.Message) {
		switch i {
		case 1:
			if err := c.Write(websocket.Text, []byte("\xff")); err == nil || !strings.Contains(err.Error(), "UTF-8") {
				t.Errorf("a text that is none: %v", err)
			}
			_ = c.WriteFragment(websocket.Text, []byte("Hel"), false)
		case 2:
			if err := c.Write(websocket.Text, []byte("between")); err == nil || !strings.Contains(err.Error(), "fragmented message is open") {
				t.Errorf("a message between fragments: %v", err)
			}
			_ = c.WriteFragment(websocket.Text, []byte("lo"), true)
		case 3:
			_ = c.Close(websocket.CloseNormal, "enough")
			err := c.Write(websocket.Text, []byte("after the Close"))
			if e, ok := errors.AsType[*websocket.CloseError](err); !ok || e.Code != websocket.CloseNormal {
				t.Errorf("a message after Close: %v", err)
			}
		}
	})
	p.ExpectText("Hello")
	if reason := p.ExpectClose(websocket.CloseNormal); reason != "enough" {
		t.Errorf("reason %q", reason)
	}
}

// TestLoopBurstCut: who ends the connection gets no further message, though more lie
// in the input.
func TestLoopBurstCut(t *testing.T) {
	got := make(chan int, 10)
	p := burst(t, nil, 10, func(c *websocket.LoopConn, i int, _ websocket.Message) {
		got <- i
		if i == 3 {
			_ = c.CloseNow()
		}
	})
	p.ExpectGone()
	if n := len(got); n != 3 {
		t.Errorf("%d messages, want 3", n)
	}
}

// TestLoopBurstRate: a limit of messages counts each of them.
func TestLoopBurstRate(t *testing.T) {
	o := &websocket.AcceptOptions{ConnOptions: websocket.ConnOptions{MessageRate: 0.001, MessageBurst: 3}}
	p := burst(t, o, 4, func(c *websocket.LoopConn, _ int, m websocket.Message) { _ = c.Write(m.Type, m.Data) })
	for range 3 {
		p.ExpectText("short")
	}
	p.ExpectClose(websocket.ClosePolicyViolation)
}
