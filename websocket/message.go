package websocket

import "github.com/openline/openline/websocket/internal/frame"

// MessageType says whether a message is text or binary (RFC 6455 §5.6).
type MessageType uint8

// The two types of message. A Text message is UTF-8, which is checked on
// receipt and before sending (RFC 6455 §8.1).
const (
	Text   = MessageType(frame.Text)
	Binary = MessageType(frame.Binary)
)

// String returns "text" or "binary".
func (t MessageType) String() string { return frame.Opcode(t).String() }

// Message is what [Conn.Messages] yields.
type Message struct {
	Type MessageType
	Data []byte // valid until the next iteration
}
