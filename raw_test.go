package openline

import (
	"bytes"
	"strings"
	"testing"

	"github.com/openline/openline/websocket"
)

func openRaw(t *testing.T, h *Hub, user, channel string) (*Session, *fakeLine) {
	t.Helper()
	l := newLine()
	s, err := h.Open(t.Context(), l, Opening{User: user, Raw: channel})
	if err != nil {
		t.Fatal(err)
	}
	return s, l
}

func TestRaw(t *testing.T) {
	h := newHub(t, nil)
	s, raw := openRaw(t, h, "alice", "game")
	_, other := openRaw(t, h, "bob", "game")
	_, plain := openSession(t, h, "carol", "game")
	if s.Raw() != "game" || len(h.UserSessions("alice")) != 1 {
		t.Error(s.Raw())
	}
	buffer := []byte("a \"b\"\n")
	s.ReceiveRaw(t.Context(), buffer, false)
	copy(buffer, "xxxxxx")
	s.ReceiveRaw(t.Context(), []byte{0, 255, 'x'}, true)
	if r, err := h.Publish(t.Context(), Publication{Channel: "game", Type: "score", Data: []byte(`{"n":1}`)}); err != nil || r.Delivered != 3 {
		t.Errorf("%+v %v", r, err)
	}
	for _, p := range []func() (Receipt, error){
		func() (Receipt, error) { return h.Send(t.Context(), "alice", Publication{}) },
		func() (Receipt, error) { return h.Broadcast(t.Context(), Publication{From: "carol"}) },
	} {
		if r, err := p(); err != nil || r.Delivered > 1 {
			t.Errorf("%+v %v", r, err)
		}
	}
	if err := s.Send(&Message{Type: "own", Data: []byte(`[1]`)}); err != nil {
		t.Error(err)
	}
	_ = s.Reply(nil, nil)
	wants := []struct {
		kind websocket.MessageType
		data string
	}{{websocket.Text, "a \"b\"\n"}, {websocket.Binary, "\x00\xffx"}, {websocket.Text, `{"n":1}`}, {websocket.Text, `[1]`}}
	for i, l := range []*fakeLine{raw, other} {
		got := l.messages(3)
		for k, m := range got {
			if p := m.Frame(); !m.Bare() || p.Type() != wants[k].kind || string(p.Data()) != wants[k].data {
				t.Errorf("line %d, message %d: %v %q", i, k, p.Type(), p.Data())
			}
		}
		if len(got) != 4-i {
			t.Errorf("line %d got %d messages", i, len(got))
		}
	}
	got := plain.messages(5)
	for i, want := range []string{
		`"type":"raw","channel":"game","from":"alice","data":"a \"b\"\n","time":"`,
		`"type":"raw","channel":"game","from":"alice","data":"AP94","encoding":"base64","time":"`,
		`"type":"score","channel":"game","data":{"n":1},"time":"`,
		`"type":"message","channel":"@*","from":"carol","data":null,"time":"`,
	} {
		m := got[i+1]
		if !contains(string(m.JSON()), want) || m.Bare() || !bytes.Equal(m.Frame().Data(), m.JSON()) {
			t.Errorf("got %s\nwant %s", m.JSON(), want)
		}
	}
	if whole := raw.messages(1)[0].JSON(); !bytes.Equal(whole, got[1].JSON()) {
		t.Errorf("%s", whole)
	}
	if b, err := Decode[[]byte](got[2]); err != nil || string(b) != "\x00\xffx" {
		t.Errorf("%q %v", b, err)
	}
	if err := s.Subscribe("other"); err == nil {
		t.Error("a raw session has subscribed")
	}
}

func TestRawRefusals(t *testing.T) {
	h := newHub(t, &Options{MaxData: 10, Authorize: func(_ *Session, action, target string) error {
		if action == ActionPublish && target == "read-only" {
			return &Error{Code: CodeForbidden, Message: "no"}
		}
		return nil
	}})
	for _, c := range []struct {
		channel string
		data    string
		code    int
	}{
		{"game", "01234567890", CloseTooBig},
		{"game", "\xff", CloseInvalidPayload},
		{"read-only", "x", CloseForbidden},
	} {
		s, l := openRaw(t, h, "alice", c.channel)
		s.Receive(t.Context(), []byte(c.data))
		if l.code != c.code || len(l.messages(0)) != 0 {
			t.Errorf("%q: %d %q, %d messages", c.data, l.code, l.reason, len(l.got))
		}
	}
	s, l := openSession(t, h, "alice")
	s.ReceiveRaw(t.Context(), []byte(`{"type":"ping"}`), false)
	if got := l.take(); !contains(got, "sys:ok") {
		t.Error(got)
	}
	s.ReceiveRaw(t.Context(), []byte{1}, true)
	if got := l.take(); !contains(got, "bad_request", "?raw=CHANNEL") || s.ended() {
		t.Error(got)
	}
}

func TestPayload(t *testing.T) {
	for _, c := range []struct {
		m      *Message
		data   string
		binary bool
	}{
		{&Message{}, "null", false},
		{&Message{Data: []byte(`[1]`)}, "[1]", false},
		{&Message{Raw: true, Data: []byte("x")}, "x", false},
		{&Message{Raw: true, Binary: true, Data: []byte("x")}, "x", true},
	} {
		if data, binary := c.m.Payload(); string(data) != c.data || binary != c.binary {
			t.Errorf("%q %v", data, binary)
		}
	}
	long := strings.Repeat("x", 100_000)
	m := &Message{Raw: true, Data: []byte(long)}
	if got := string(m.JSON()); got != `{"type":"message","data":"`+long+`"}` {
		t.Error("long message", len(got))
	}
}
