package openline

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
)

// A hook may do with a visitor what it does with a session: what is not for visitors is an error, and the next request is answered.
func TestVisitorInHooks(t *testing.T) {
	var subscribed, unsubscribed, sent error
	h := newHub(t, &Options{OnMessage: func(_ context.Context, s *Session, _ *Request) error {
		subscribed, unsubscribed = s.Subscribe("a"), s.Unsubscribe("a")
		sent = s.Send(&Message{Data: []byte("1")})
		return nil
	}})
	v, err := h.Visitor(Opening{User: "alice"})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		var got []*Message
		v.Ask(t.Context(), []byte(`{"type":"own","ref":1}`), func(m *Message) { got = append(got, m) })
		if len(got) != 1 || got[0].Type != "sys:ok" {
			t.Errorf("%d answers: %s", len(got), got[0].JSON())
		}
		if _, ok := errors.AsType[*Error](subscribed); !ok || unsubscribed == nil || !errors.Is(sent, ErrSessionClosed) {
			t.Errorf("%v, %v, %v", subscribed, unsubscribed, sent)
		}
	}
}

// Who asks in the name of a session that has ended is told so for each request, by its ref.
func TestAskEnded(t *testing.T) {
	h := newHub(t, nil)
	s, _ := openSession(t, h, "alice")
	s.Close(CloseNormal, "")
	for request, want := range map[string]string{`{"type":"ping","ref":7}`: "7", `{"type":"none","ref":"a"}`: `"a"`, `{"type"`: ""} {
		var got []*Message
		s.Ask(t.Context(), []byte(request), func(m *Message) { got = append(got, m) })
		if len(got) != 1 || got[0].Type != "sys:error" || string(got[0].Ref) != want || codeOf(got[0]) != CodeClosed {
			t.Errorf("%s: %d answers, %s", request, len(got), got[0].JSON())
		}
	}
}

// codeOf returns the word of a sys:error.
func codeOf(m *Message) string {
	var d struct{ Code string }
	_ = json.Unmarshal(m.Data, &d) // "" says it
	return d.Code
}
