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
	// message that has come whole. nil: loop does that.
	echo func(ctx context.Context, c *websocket.Conn, got func())
	loop *websocket.Loop
}

// end is what deeds, and those who keep count, want of a connection.
type end interface {
	Write(ctx context.Context, typ websocket.MessageType, p []byte) error
	WriteUncompressed(ctx context.Context, typ websocket.MessageType, p []byte) error
	NextWriter(ctx context.Context, typ websocket.MessageType) (io.WriteCloser, error)
	Ping(ctx context.Context) error
	Close(code websocket.CloseCode, reason string) error
	CloseNow() error
	Err() error
}

// drivers are all there are, the default first.
var drivers = []driver{
	{name: "messages", echo: echoMessages},
	{name: "read", echo: echoRead},
	{name: "stream", echo: echoStream},
	{name: "prepared", echo: echoPrepared},
	{name: "loop"},
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

// findDriver returns a driver, with a loop if it needs one; see driver.stop.
func findDriver(name string) (driver, error) {
	if name == "" {
		return drivers[0], nil
	}
	for _, d := range drivers {
		if d.name != name {
			continue
		}
		if d.echo == nil {
			var err error
			if d.loop, err = websocket.NewLoop(); err != nil {
				return driver{}, err
			}
		}
		return d, nil
	}
	return driver{}, fmt.Errorf("echo: there is no driver %q; there are %s", name, strings.Join(Drivers(), ", "))
}

// stop ends the loop, when its connections have.
func (d *driver) stop(ctx context.Context) error {
	if d.loop == nil {
		return nil
	}
	return d.loop.Shutdown(ctx)
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
