package openline

import (
	"bytes"
	"sync"

	"github.com/openline/openline/websocket"
)

// frame is a message's WebSocket form.
type frame = *websocket.Prepared

// scratch holds buffers in which envelopes are encoded before they are framed.
var scratch = sync.Pool{New: func() any { return new([]byte) }}

// maxScratch bounds what a buffer in the pool holds on to.
const maxScratch = 64 << 10

// Frame returns the message as a WebSocket message, framed at the first call and shared by all: the envelope as text, or on the way to a raw session the payload alone,
// text or binary.
func (m *Message) Frame() *websocket.Prepared {
	m.framed.Do(func() {
		if m.whole != nil {
			kind := websocket.Text
			payload, binary := m.Payload()
			if binary {
				kind = websocket.Binary
			}
			m.frame = prepare(kind, payload)
			return
		}
		buffer := scratch.Get().(*[]byte)
		encoded := appendEnvelope((*buffer)[:0], m)
		m.frame = prepare(websocket.Text, encoded)
		if cap(encoded) <= maxScratch {
			*buffer = encoded
		}
		scratch.Put(buffer)
	})
	return m.frame
}

// prepare frames a message. What the hub publishes is UTF-8; should a broker bring text that is not, no session ends for it.
func prepare(kind websocket.MessageType, data []byte) *websocket.Prepared {
	p, err := websocket.Prepare(kind, data)
	if err != nil {
		p, _ = websocket.Prepare(kind, bytes.ToValidUTF8(data, []byte("\uFFFD")))
	}
	return p
}
