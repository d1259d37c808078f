package client_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"

	"github.com/openline/openline/client"
	"github.com/openline/openline/server"
)

// serve runs a server until stop is called.
func serve() (url string, stop func()) {
	srv, err := server.New(&server.Config{Listen: "127.0.0.1:0", Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		log.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- srv.Run(ctx) }()
	return srv.URL(), func() {
		cancel()
		<-done
	}
}

func ExampleDial() {
	url, stop := serve()
	defer stop()

	ctx := context.Background()
	bob, err := client.Dial(ctx, url, &client.Options{User: "bob", Channels: []string{"chat:lobby"}})
	if err != nil {
		log.Fatal(err)
	}
	defer bob.Close()
	alice, err := client.Dial(ctx, url, &client.Options{User: "alice"})
	if err != nil {
		log.Fatal(err)
	}
	defer alice.Close()

	type chat struct {
		Text string `json:"text"`
	}
	if _, err := alice.Publish(ctx, "chat:lobby", chat{"hello, all"}, nil); err != nil {
		log.Fatal(err)
	}
	if _, err := alice.Send(ctx, "bob", chat{"hello, bob"}, &client.PublishOptions{Type: "whisper"}); err != nil {
		log.Fatal(err)
	}
	for range 2 {
		e, err := bob.Next(ctx)
		if err != nil {
			log.Fatal(err)
		}
		switch e := e.(type) {
		case *client.Message:
			var c chat
			if err := e.Decode(&c); err != nil {
				log.Fatal(err)
			}
			fmt.Printf("%s from %s in %s: %s\n", e.Type, e.From, e.Channel, c.Text)
		case *client.Gap:
			fmt.Println("messages are missing:", e.Reason)
		}
	}
	// Output:
	// message from alice in chat:lobby: hello, all
	// whisper from alice in @bob: hello, bob
}

func ExampleClient_Subscribe() {
	url, stop := serve()
	defer stop()

	ctx := context.Background()
	c, err := client.Dial(ctx, url, &client.Options{User: "alice"})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	if err := c.Subscribe(ctx, "chat:lobby", nil); err != nil {
		log.Fatal(err)
	}
	fmt.Println(c.Channels())

	err = c.Subscribe(ctx, "@bob", nil)
	if refused, ok := errors.AsType[*client.Error](err); ok {
		fmt.Println(refused.Code)
	}
	// Output:
	// [chat:lobby]
	// reserved
}

func ExampleOptions() {
	url, stop := serve()
	defer stop()

	states := make(chan client.State, 10)
	c, err := client.Dial(context.Background(), url, &client.Options{
		User:       "alice",
		Token:      func(context.Context) (string, error) { return "made by the backend", nil },
		Transports: []client.Transport{client.WebSocket, client.Poll},
		OnState:    func(s client.State) { states <- s },
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println((<-states).Phase)
	fmt.Println((<-states).Transport)
	c.Close()
	// Output:
	// connecting
	// websocket
}
