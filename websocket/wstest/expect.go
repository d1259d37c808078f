package wstest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/openline/openline/websocket"
)

// Next reads one frame, unmasked and judged. io.EOF says that the stream ended
// in good order. It may be called on any goroutine, one at a time.
func (p *Peer) Next() (websocket.Frame, error) {
	_ = p.nc.SetReadDeadline(time.Now().Add(guard))
	return p.in.next()
}

// Frame reads one frame, whatever it is.
func (p *Peer) Frame() websocket.Frame {
	p.tb.Helper()
	f, err := p.Next()
	if err != nil {
		p.fatalf("instead of a frame: %v", err)
	}
	return f
}

// Message reads one message, in however many frames it comes. A control frame
// before or in it fails the test.
func (p *Peer) Message() (websocket.MessageType, []byte) {
	p.tb.Helper()
	var typ websocket.MessageType
	for {
		f := p.Frame()
		if f.Opcode >= opClose {
			p.fatalf("instead of a message: %s", describe(f))
		}
		if f.Opcode != opContinuation {
			typ = websocket.MessageType(f.Opcode)
		}
		if f.Fin {
			return typ, p.in.message
		}
	}
}

// ExpectMessage reads one message, which has to be the given one.
func (p *Peer) ExpectMessage(typ websocket.MessageType, data []byte) {
	p.tb.Helper()
	gotType, got := p.Message()
	if gotType != typ || !bytes.Equal(got, data) {
		p.fatalf("got the %s message %s, want the %s message %s", gotType, short(got), typ, short(data))
	}
}

// ExpectText is ExpectMessage for a text.
func (p *Peer) ExpectText(text string) {
	p.tb.Helper()
	p.ExpectMessage(websocket.Text, []byte(text))
}

// ExpectPing reads a Ping and returns its payload.
func (p *Peer) ExpectPing() []byte {
	p.tb.Helper()
	f := p.Frame()
	if f.Opcode != opPing {
		p.fatalf("got %s, want a Ping", describe(f))
	}
	return f.Payload
}

// ExpectPong reads a Pong, whose payload has to be the given one.
func (p *Peer) ExpectPong(payload string) {
	p.tb.Helper()
	if f := p.Frame(); f.Opcode != opPong || string(f.Payload) != payload {
		p.fatalf("got %s, want a Pong %s", describe(f), short([]byte(payload)))
	}
}

// ExpectClose reads a Close frame with the given code, CloseNoStatus for one
// without a body, and returns its reason.
func (p *Peer) ExpectClose(code websocket.CloseCode) (reason string) {
	p.tb.Helper()
	f := p.Frame()
	got, reason := closeBody(f.Payload)
	if f.Opcode != opClose || got != code {
		p.fatalf("got %s, want Close %s", describe(f), code)
	}
	return reason
}

// ExpectEnd waits for the end of the stream in good order: FIN, no reset and no
// further frame.
func (p *Peer) ExpectEnd() {
	p.tb.Helper()
	switch f, err := p.Next(); {
	case err == nil:
		p.fatalf("got %s, want the end of the stream", describe(f))
	case err != io.EOF:
		p.fatalf("the stream did not end in good order: %v", err)
	}
}

// ExpectGone waits for the end of the connection, by FIN or by a reset, and no
// frame before it.
func (p *Peer) ExpectGone() {
	p.tb.Helper()
	f, err := p.Next()
	if err == nil {
		p.fatalf("got %s, want the end of the connection", describe(f))
	}
	if timeout, ok := errors.AsType[interface {
		error
		Timeout() bool
	}](err); ok && timeout.Timeout() {
		p.fatalf("the connection did not end: %v", err)
	}
}

// describe says what a frame is, for people.
func describe(f websocket.Frame) string {
	name := f.OpcodeName()
	if !f.Fin {
		name = "unfinished " + name
	}
	if f.Opcode == opClose {
		code, reason := closeBody(f.Payload)
		return fmt.Sprintf("a close frame %s %q", code, reason)
	}
	return fmt.Sprintf("a %s frame %s", name, short(f.Payload))
}

// short shows octets, but not more than fit a line.
func short(b []byte) string {
	const most = 48
	if len(b) > most {
		return fmt.Sprintf("%q… (%d octets)", b[:most], len(b))
	}
	return fmt.Sprintf("%q", b)
}
