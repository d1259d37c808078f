package echo

import (
	"bytes"
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/openline/openline/websocket"
)

// deed is something that an end does of its own accord when the connection is
// open.
type deed struct {
	// do does it. The error is what the library has against it, or how the
	// connection ended.
	do func(ctx context.Context, c end, s *settings) error
	// beside: while messages are echoed, not before.
	beside bool
	// server: only a server can.
	server bool
}

var deeds map[string]deed

func init() { // the settings, which deeds read, are read by functions that look here
	deeds = map[string]deed{
		"close":   {do: doClose},
		"send":    {do: doSend(websocket.Text, 1)},
		"binary":  {do: doSend(websocket.Binary, 1)},
		"twice":   {do: doSend(websocket.Binary, 2)},
		"plain":   {do: doPlain},
		"stream":  {do: doStream, beside: true},
		"flood":   {do: doFlood, beside: true},
		"writers": {do: doWriters, beside: true},
		"panic": {server: true, do: func(context.Context, end, *settings) error {
			panic("asked for by do=panic")
		}},
		"shutdown": {server: true}, // the server's, which knows the group
	}
}

func deedNames() string {
	return strings.Join(slices.Sorted(maps.Keys(deeds)), ", ")
}

// use echoes messages by d until the connection ends, and does what s asks for.
// began is called with the connection before anything else. It returns how many
// messages came whole, and how the connection ended.
func use(ctx context.Context, c *websocket.Conn, d driver, s *settings, began func(end)) (messages int, ended error) {
	var e end = c
	var beside sync.WaitGroup
	defer beside.Wait()
	deed := deeds[s.do]
	act := func() {
		if deed.do == nil {
			return
		}
		if err := deed.do(ctx, e, s); err != nil && e.Err() == nil {
			_ = e.Write(ctx, websocket.Text, []byte("error: "+err.Error()))
		}
	}
	got := func() { messages++ }
	if d.loop != nil {
		l := &line{got: got, over: make(chan struct{})}
		e = l
		if !deed.beside {
			l.act = act
		}
		ended = echoLoop(d.loop, c, l, func(e end) {
			began(e)
			if deed.beside {
				beside.Go(act)
			}
		})
		return messages, ended
	}
	began(c)
	if deed.beside {
		beside.Go(act)
	} else {
		act()
	}
	d.echo(ctx, c, got)
	if c.Err() == nil { // whatever else ended the echo, writers are not to go on
		_ = c.Close(websocket.CloseInternalError, "")
	}
	return messages, c.Err()
}

func doClose(_ context.Context, c end, s *settings) error {
	return c.Close(s.code, s.reason)
}

func doSend(typ websocket.MessageType, times int) func(context.Context, end, *settings) error {
	return func(ctx context.Context, c end, s *settings) error {
		for range times {
			if err := c.Write(ctx, typ, s.payload); err != nil {
				return err
			}
		}
		return nil
	}
}

// doPlain sends a text that is not compressed, whatever was agreed on.
func doPlain(ctx context.Context, c end, s *settings) error {
	return c.WriteUncompressed(ctx, websocket.Text, s.payload)
}

// doStream sends one message in pieces.
func doStream(ctx context.Context, c end, s *settings) error {
	w, err := c.NextWriter(ctx, websocket.Binary)
	if err != nil {
		return err
	}
	piece := bytes.Repeat([]byte("0123456789abcdef"), 512)
	for left := s.bytes; left > 0; left -= int64(len(piece)) {
		if _, err := w.Write(piece[:min(left, int64(len(piece)))]); err != nil {
			_ = w.Close()
			return err
		}
	}
	return w.Close()
}

// doFlood sends messages until it cannot any more.
func doFlood(ctx context.Context, c end, _ *settings) error {
	message := bytes.Repeat([]byte("flood..."), 2048)
	for {
		if err := c.Write(ctx, websocket.Binary, message); err != nil {
			return err
		}
	}
}

// maxWritten is the largest message of doWriters.
const maxWritten = 200_000

// doWriters has many write at once, whole messages and fragmented ones, with
// Pings between them. The messages of a writer consist of the octet that is its
// number.
func doWriters(ctx context.Context, c end, s *settings) error {
	var (
		writers sync.WaitGroup
		once    sync.Once
		failed  error
	)
	for n := range cmp.Or(s.n, 4) {
		writers.Go(func() {
			for i := range s.each {
				size := 1 + (n*7919+i*104_729)%maxWritten
				if err := writeOne(ctx, c, i, bytes.Repeat([]byte{byte(n)}, size)); err != nil {
					once.Do(func() { failed = err })
					return
				}
			}
		})
	}
	writers.Wait()
	return failed
}

func writeOne(ctx context.Context, c end, i int, message []byte) error {
	if i%16 == 8 {
		if err := c.Ping(ctx); err != nil {
			return err
		}
	}
	if i%2 == 0 {
		return c.Write(ctx, websocket.Binary, message)
	}
	w, err := c.NextWriter(ctx, websocket.Binary)
	if err != nil {
		return err
	}
	for piece := range slices.Chunk(message, 10_000) {
		if _, err := w.Write(piece); err != nil {
			_ = w.Close()
			return err
		}
	}
	return w.Close()
}
