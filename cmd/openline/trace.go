package main

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/openline/openline/websocket"
)

// maxTraced is how much of a payload is printed.
const maxTraced = 1024

const (
	sent     = "→"
	received = "←"
)

// trace returns what prints all that goes over the connection.
func (t *conversation) trace() *websocket.Trace {
	var packed [2]inflater // guarded by t.mu: sent, received
	frame := func(arrow string, packed *inflater) func(websocket.Frame) {
		return func(f websocket.Frame) {
			t.mu.Lock()
			defer t.mu.Unlock()
			fmt.Fprint(t.out, packed.format(arrow, &f))
		}
	}
	request := func(b []byte) {
		t.mu.Lock()
		defer t.mu.Unlock()
		packed = [2]inflater{} // another connection
		fmt.Fprint(t.out, formatHead(sent, b))
	}
	response := func(b []byte) {
		t.mu.Lock()
		defer t.mu.Unlock()
		fmt.Fprint(t.out, formatHead(received, b))
	}
	t.lastSent = make(chan struct{}, 1)
	show := frame(sent, &packed[0])
	return &websocket.Trace{Request: request, Response: response, Received: frame(received, &packed[1]), Sent: func(f websocket.Frame) {
		show(f)
		if f.Opcode == opcodeClose {
			select {
			case t.lastSent <- struct{}{}:
			default: // that of an earlier connection, which failed, is still there
			}
		}
	}}
}

// awaitTrace waits until the Close frame of a connection that both ends have
// closed is printed: a frame is told of when it has been sent, which may be
// after the answer to it has come.
func (t *conversation) awaitTrace() {
	if t.lastSent == nil {
		return
	}
	select {
	case <-t.lastSent:
	case <-time.After(time.Second):
	}
}

// secrets are what a trace leaves out, since traces are shown around.
var secrets = regexp.MustCompile(`(?i)(?:[?&]token=|\bbearer[ .])[^\s&,]+|\b(?:proxy-)?authorization: [^\r\n]+|\bcookie: [^\r\n]+`)

func hideSecrets(s string) string {
	return secrets.ReplaceAllStringFunc(s, func(found string) string {
		return found[:strings.IndexAny(found, "=. ")+1] + "(hidden)"
	})
}

// formatHead prints a request or a response line by line.
func formatHead(arrow string, head []byte) string {
	var b strings.Builder
	for line := range strings.Lines(hideSecrets(string(head))) {
		fmt.Fprintf(&b, "%s %s\n", arrow, clean(strings.TrimRight(line, "\r\n")))
	}
	return b.String()
}

// formatFrame prints a frame's fields in the order of the wire (RFC 6455 §5.2)
// and below them its payload.
func formatFrame(arrow string, f *websocket.Frame) string {
	text := formatHeader(arrow, f)
	if len(f.Payload) > 0 {
		text += fmt.Sprintf("%s   %s\n", arrow, formatPayload(f))
	}
	return text
}

func formatHeader(arrow string, f *websocket.Frame) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s FIN=%d RSV1=%d RSV2=%d RSV3=%d opcode=0x%X (%s) MASK=%d", arrow,
		bit(f.Fin), bit(f.RSV1), bit(f.RSV2), bit(f.RSV3), f.Opcode, f.OpcodeName(), bit(f.Masked))
	if f.Masked {
		fmt.Fprintf(&b, " key=%x", f.MaskKey)
	}
	fmt.Fprintf(&b, " length=%d\n", f.Length)
	return b.String()
}

func bit(set bool) int {
	if set {
		return 1
	}
	return 0
}

const opcodeClose = 0x8

func formatPayload(f *websocket.Frame) string {
	p := f.Payload
	if f.Opcode == opcodeClose && len(p) >= 2 {
		text := "code=" + websocket.CloseCode(binary.BigEndian.Uint16(p)).String()
		if len(p) > 2 {
			text += fmt.Sprintf(" reason=%q", p[2:])
		}
		return text
	}
	if f.RSV1 || f.OpcodeName() == "binary" {
		return formatBinary(p, f.Length)
	}
	return formatData(p, f.Length)
}

// formatData prints the beginning of what is size bytes long: as text if it can be
// that. A piece of text may begin and end within a character.
func formatData(p []byte, size uint64) string {
	shown := p[:min(len(p), maxTraced)]
	if !utf8.Valid(trimPartial(shown)) {
		return formatBinary(p, size)
	}
	return clean(string(shown)) + more(size, len(shown))
}

func formatBinary(p []byte, size uint64) string {
	shown := p[:min(len(p), maxTraced)]
	return hex.EncodeToString(shown) + more(size, len(shown))
}

// more says how much of size bytes is not shown.
func more(size uint64, shown int) string {
	if rest := size - uint64(shown); rest > 0 {
		return fmt.Sprintf(" … and %d bytes more", rest)
	}
	return ""
}

// trimPartial cuts the halves of characters off both ends of p.
func trimPartial(p []byte) []byte {
	for n := 0; n < utf8.UTFMax-1 && len(p) > 0 && !utf8.RuneStart(p[0]); n++ {
		p = p[1:]
	}
	for n := 1; n < utf8.UTFMax && n <= len(p); n++ {
		if last := p[len(p)-n:]; utf8.RuneStart(last[0]) {
			if !utf8.FullRune(last) {
				return p[:len(p)-n]
			}
			break
		}
	}
	return p
}

// clean shows what would control a terminal.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t':
			return ' '
		case r < ' ':
			return '␀' + r // the pictures of the control characters
		case r >= 0x7F && r < 0xA0:
			return '␡'
		}
		return r
	}, s)
}
