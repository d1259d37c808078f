package echo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/openline/openline/websocket"
)

// driver is one way of using a connection.
type driver struct {
	name string
	// echo sends messages back until the connection ends. It calls got for each
	// message that has come whole.
	echo func(ctx context.Context, c *websocket.Conn, got func())
}

// drivers are all there are, the default first.
var drivers = []driver{
	{"messages", echoMessages},
	{"read", echoRead},
	{"stream", echoStream},
	{"prepared", echoPrepared},
}

// Drivers returns the names of the ways in which package websocket can be used,
// for Options and ClientOptions. The first is the default.
func Drivers() []string {
	list := make([]string, len(drivers))
	for i, d := range drivers {
		list[i] = d.name
	}
	return list
}

func findDriver(name string) (driver, error) {
	if name == "" {
		return drivers[0], nil
	}
	for _, d := range drivers {
		if d.name == name {
			return d, nil
		}
	}
	return driver{}, fmt.Errorf("echo: there is no driver %q; there are %s", name, strings.Join(Drivers(), ", "))
}

// echoMessages takes messages in a buffer that is used again.
func echoMessages(ctx context.Context, c *websocket.Conn, got func()) {
	for m, err := range c.Messages(ctx) {
		if err != nil {
			return
		}
		got()
		if c.Write(ctx, m.Type, m.Data) != nil {
			return
		}
	}
}

// echoRead takes messages whole, each in memory of its own.
func echoRead(ctx context.Context, c *websocket.Conn, got func()) {
	for {
		typ, data, err := c.Read(ctx)
		if err != nil {
			return
		}
		got()
		if c.Write(ctx, typ, data) != nil {
			return
		}
	}
}

// echoStream sends a message back while it comes.
func echoStream(ctx context.Context, c *websocket.Conn, got func()) {
	buf := make([]byte, 16<<10)
	for {
		typ, r, err := c.NextReader(ctx)
		if err != nil {
			return
		}
		w, err := c.NextWriter(ctx, typ)
		if err != nil {
			return
		}
		// Text is cut anywhere on its way, and checked as it comes; so the writer
		// takes all that the reader gives.
		if _, err := io.CopyBuffer(w, r, buf); err != nil {
			_ = w.Close() // the connection has ended; this lets other writers know
			return
		}
		got()
		if w.Close() != nil {
			return
		}
	}
}

// echoPrepared queues messages, as one would who sends the same to many, and
// waits only when the peer is behind.
func echoPrepared(ctx context.Context, c *websocket.Conn, got func()) {
	for m, err := range c.Messages(ctx) {
		if err != nil {
			return
		}
		got()
		p, err := websocket.Prepare(m.Type, m.Data)
		if err != nil {
			return // not of a message that was received
		}
		err = c.TrySend(p)
		if errors.Is(err, websocket.ErrQueueFull) {
			err = c.Write(ctx, m.Type, m.Data) // behind what is queued
		}
		if err != nil {
			return
		}
	}
}
