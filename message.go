package openline

import (
	"encoding/json"
	"sync"
	"sync/atomic"
	"time"
)

// DefaultType is the type of a message whose publisher gave none.
const DefaultType = "message"

// rawType is the type under which envelope subscribers see what a raw session published.
const rawType = "raw"

// A Message is one envelope. It is shared by all who receive it: whoever made it fills it in before it is handed on, and from then on nobody changes it
// nor the slices in it. It must not be copied after its first use.
type Message struct {
	ID      string          // unique in the deployment, and a cursor; "" for what is outside the one order, such as a reply
	Type    string          // the application's, or one that begins with sys:
	Ref     json.RawMessage // in replies: the request's ref, a JSON string or number
	Channel string          // "@user" in what was sent to a user, "@*" in a broadcast
	From    string          // the user who published it, or ""
	Data    json.RawMessage // JSON, as the publisher wrote it; if Raw, the payload itself
	Time    time.Time       // when the broker took it
	Raw     bool            // published by a raw session: Data is not JSON
	Binary  bool            // Raw, and binary rather than text

	Seq    uint64 // the message's place in the broker's order, from 1 on, which ID says, too; 0 for what is outside the order
	Key    string // what it is the latest of, in a channel that keeps the latest by key, or ""
	Cursor string // the cursor after it, if that is not ID
	Ack    bool   // somebody waits for an acknowledgement: the client is asked for one

	framed sync.Once
	frame  frame // by framed

	tracker *tracker // of who has it, if Ack; set before it is shared
	others  atomic.Pointer[forms]
	late    atomic.Pointer[lateForm]

	bareOnce sync.Once
	bareForm *Message // by bareOnce: the form for raw sessions
	whole    *Message // of a bare form: what it is the form of
}

// JSON returns the envelope, encoded at the first call and shared by all: it is read-only.
func (m *Message) JSON() []byte {
	if m.whole != nil {
		return m.whole.JSON()
	}
	return m.Frame().Data()
}

// Payload returns what a raw session gets of the message, read-only: the payload as it was published and whether it is binary, or the data of an envelope, which is text.
func (m *Message) Payload() (data []byte, binary bool) {
	if m.Raw {
		return m.Data, m.Binary
	}
	return m.carried(), false
}

// Bare reports whether the message is on its way to a raw session: a transport that does not use Frame then sends Payload, else JSON.
func (m *Message) Bare() bool { return m.whole != nil }

// bare returns the form of m that goes to raw sessions, made once.
func (m *Message) bare() *Message {
	if m.whole != nil {
		return m
	}
	m.bareOnce.Do(func() {
		m.bareForm = &Message{
			ID: m.ID, Type: m.Type, Ref: m.Ref, Channel: m.Channel, From: m.From, Data: m.Data, Time: m.Time,
			Raw: m.Raw, Binary: m.Binary, whole: m,
		}
	})
	return m.bareForm
}

// carried returns the data as JSON.
func (m *Message) carried() json.RawMessage {
	if m.Raw {
		return appendRawData(nil, m)
	}
	if len(m.Data) == 0 {
		return json.RawMessage("null")
	}
	return m.Data
}
