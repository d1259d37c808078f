package openline_test

import (
	"context"
	"fmt"

	"github.com/openline/openline"
)

// printer is a line that prints what its session gets. One over a WebSocket is as short: its Send returns conn.TrySend(m.Frame()).
type printer struct{ user string }

func (p printer) Send(m *openline.Message) error {
	fmt.Printf("%s gets %s\n", p.user, m.Type)
	return nil
}

func (p printer) Close(code int, reason string) { fmt.Printf("%s: %d %s\n", p.user, code, reason) }

func ExampleNew() {
	ctx := context.Background()
	type move struct{ X, Y int }
	h := openline.New(&openline.Options{
		OnMessage: func(ctx context.Context, s *openline.Session, r *openline.Request) error {
			m, err := openline.Decode[move](r)
			if err != nil {
				return err
			}
			fmt.Printf("%s moves to %d, %d\n", s.User(), m.X, m.Y)
			return r.Reply("moved")
		},
		OnClose: func(s *openline.Session, why openline.CloseReason) { fmt.Println(s.User(), "is gone:", why.Code) },
	})
	s, err := h.Open(ctx, printer{"alice"}, openline.Opening{User: "alice", Transport: "print"})
	if err != nil {
		fmt.Println(err)
		return
	}
	s.Receive(ctx, []byte(`{"type":"move","ref":1,"data":{"X":3,"Y":4}}`))
	s.Closed(nil)
	_ = h.Shutdown(ctx)
	// Output:
	// alice gets sys:open
	// alice moves to 3, 4
	// alice gets sys:ok
	// alice is gone: 1000
}

func ExampleHub_Presence() {
	ctx := context.Background()
	h := openline.New(&openline.Options{Namespaces: map[string]openline.Namespace{"room": {Presence: true}}})
	s, err := h.Open(ctx, printer{"bob"}, openline.Opening{User: "bob", Channels: []string{"room:7"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	members, total, err := h.Presence("room:7")
	fmt.Println(total, members[0].User, len(members[0].Sessions), err)
	_, _, err = h.Presence("chat:7")
	fmt.Println(err)
	s.Closed(nil)
	_ = h.Shutdown(ctx)
	// Output:
	// bob gets sys:open
	// 1 bob 1 <nil>
	// openline: who is in chat:7 is not kept: set presence in the namespace "chat" of the server's configuration
}

func ExampleHub_Open() {
	ctx := context.Background()
	h := openline.New(nil)
	_, err := h.Open(ctx, printer{"bob"}, openline.Opening{User: "bob", Channels: []string{"@alice"}})
	fmt.Println(err)
	s, err := h.Open(ctx, printer{"bob"}, openline.Opening{User: "bob", Channels: []string{"chat:lobby"}})
	fmt.Println(s.Channels(), err)
	s.Closed(nil)
	_ = h.Shutdown(ctx)
	// Output:
	// openline: the channel "@alice" is reserved, as all that begin with @: use send for a user's inbox; everyone's is for the backend's broadcast
	// bob gets sys:open
	// [chat:lobby] <nil>
}

func ExampleHub_Publish() {
	ctx := context.Background()
	h := openline.New(nil)
	s, err := h.Open(ctx, printer{"alice"}, openline.Opening{User: "alice", Channels: []string{"chat:lobby"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	r, err := h.Publish(ctx, openline.Publication{Channel: "chat:lobby", Data: []byte(`{"text":"hi"}`)})
	fmt.Println(r.Delivered, err)
	r, err = h.Send(ctx, "alice", openline.Publication{Type: "invoice", Data: []byte(`17`)})
	fmt.Println(r.Delivered, err)
	r, err = h.Send(ctx, "nobody", openline.Publication{})
	fmt.Println(r.Delivered, err)
	s.Close(openline.CloseKicked, "that is all")
	s.Closed(nil)
	_ = h.Shutdown(ctx)
	// Output:
	// alice gets sys:open
	// alice gets message
	// 1 <nil>
	// alice gets invoice
	// 1 <nil>
	// 0 <nil>
	// alice gets sys:error
	// alice: 4009 that is all
}

func ExampleDecode() {
	type chat struct {
		Text string `json:"text"`
	}
	m := &openline.Message{Data: []byte(`{"text":"hi"}`)}
	c, err := openline.Decode[chat](m)
	fmt.Println(c.Text, err)
	m = &openline.Message{Data: []byte(`{"text":["hi"]}`)}
	_, err = openline.Decode[chat](m)
	fmt.Println(err)
	m = &openline.Message{Data: []byte(`{"txt":"hi"}`)}
	_, err = openline.Decode[chat](m)
	fmt.Println(err)
	// Output:
	// hi <nil>
	// openline: data.text at byte 8 (line 1, column 9) must be string, found an array
	// openline: data has the field "txt" at byte 1 (line 1, column 2), which openline_test.chat does not have
}

func ExampleCheckUser() {
	fmt.Println(openline.CheckUser("alice"))
	fmt.Println(openline.CheckUser("alice smith"))
	// Output:
	// <nil>
	// openline: a user's name has 1 to 128 bytes of A-Z a-z 0-9 . _ - ~ @ :; byte 5 of "alice smith" is ' '
}
