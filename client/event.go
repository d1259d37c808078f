package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// An Event is what [Client.Next] returns: a [*Message], a [*Gap] or a
// [*Presence].
type Event interface{ event() }

// Message is one that was published to a channel or sent to the user. It belongs
// to who gets it.
type Message struct {
	ID       string          `json:"id"`                 // unique in the deployment
	Type     string          `json:"type"`               // the application's own, "message" if the publisher gave none
	Channel  string          `json:"channel"`            // "@user" for what was sent to a user, "@*" for a broadcast
	From     string          `json:"from,omitempty"`     // the user who published it, "" for the backend
	Key      string          `json:"key,omitempty"`      // what it replaces the older message of, where a namespace keeps the latest
	Data     json.RawMessage `json:"data"`               // JSON, as it was published
	Encoding string          `json:"encoding,omitempty"` // "base64" if Data is a string of bytes that a raw session published
	Time     time.Time       `json:"time,omitzero"`      // when the server took it
}

// Decode stores the message's data in the value that v points to, as
// json.Unmarshal does.
func (m *Message) Decode(v any) error {
	if err := json.Unmarshal(m.Data, v); err != nil {
		return fmt.Errorf("client: the data of message %s of type %s: %w", m.ID, m.Type, err)
	}
	return nil
}

// Gap says that messages are missing at this place in the stream. They are gone
// from the server's history: what depends on them is to be loaded anew.
type Gap struct {
	Channel string `json:"channel"` // "" for all channels of the session
	After   string `json:"after"`   // the cursor of the last message before the gap
	Before  string `json:"before"`  // the id of the first that is there again, "" if there is none yet
	Reason  string `json:"reason"`  // a word: evicted, expired, restarted, no_history, overflow, unknown_cursor
}

// Presence says that a session has come into a channel or has left it, where the
// channel's namespace tells so.
type Presence struct {
	Channel string
	User    string
	Session string
	Joined  bool // false: it has left
	Time    time.Time
}

func (*Message) event()  {}
func (*Gap) event()      {}
func (*Presence) event() {}

// envelope is what comes over every transport.
type envelope struct {
	Message
	Cursor string          `json:"cursor"`
	Ref    json.RawMessage `json:"ref"`
	Ack    bool            `json:"ack"`
}

func parseEnvelope(b []byte) (*envelope, error) {
	e := new(envelope)
	if err := json.Unmarshal(b, e); err != nil {
		return nil, fmt.Errorf("client: the server sent something else than an envelope: %w", err)
	}
	if e.Type == "" {
		return nil, errors.New("client: the server sent an envelope without a type")
	}
	return e, nil
}

// place returns the cursor after the envelope, "" if it does not move the
// session's place.
func (e *envelope) place() string {
	switch {
	case e.Cursor != "":
		return e.Cursor
	case e.Type != sysOpen && e.Type != sysGap:
		return e.ID
	}
	var data struct {
		Cursor string `json:"cursor"`
	}
	_ = json.Unmarshal(e.Data, &data) // of another form: it moves nothing
	return data.Cursor
}

// The types of envelope that are Openline's own begin with sys:.
const (
	sysOpen  = "sys:open"
	sysOK    = "sys:ok"
	sysError = "sys:error"
	sysGap   = "sys:gap"
	sysDrain = "sys:drain"
	sysJoin  = "sys:join"
	sysLeave = "sys:leave"
)

// toEvent returns what the application sees of the envelope, or nil.
func (e *envelope) toEvent() (Event, error) {
	switch e.Type {
	case sysGap:
		g := new(Gap)
		if err := json.Unmarshal(e.Data, g); err != nil {
			return nil, fmt.Errorf("client: the server sent a sys:gap that cannot be read: %w", err)
		}
		return g, nil
	case sysJoin, sysLeave:
		var who struct{ User, Session string }
		if err := json.Unmarshal(e.Data, &who); err != nil {
			return nil, fmt.Errorf("client: the server sent a %s that cannot be read: %w", e.Type, err)
		}
		return &Presence{Channel: e.Channel, User: who.User, Session: who.Session, Joined: e.Type == sysJoin, Time: e.Time}, nil
	}
	if strings.HasPrefix(e.Type, "sys:") {
		return nil, nil // of a later version of the protocol
	}
	return &e.Message, nil
}
