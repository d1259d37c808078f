package openline

import (
	"context"
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
