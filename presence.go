package openline

import (
	"encoding/json"
	"time"
)

// A Member is a user who is in a channel: one of her sessions is subscribed to it, or was less than Options.PresenceGrace ago.
type Member struct {
	User     string    `json:"user"`
	Sessions []string  `json:"sessions"` // ids of her sessions that are subscribed, at most 100 of them; none while she is given time to come back
	Since    time.Time `json:"since"`    // when she came; in UTC
}

// Bounds of what Presence tells at once.
const (
	maxMembers        = 1000
	maxMemberSessions = 100
)

// Presence returns who is in the channel, those first who came first and at most 1,000 of them, and how many there are in all. The error is an *[Error], [CodeUnsupported] where the channel's
// [Namespace] does not ask for Presence.
func (h *Hub) Presence(channel string) (members []Member, total int, err error) {
	if e := checkChannel(channel); e != nil {
		return nil, 0, e
	}
	if !h.namespaces.of(channel).Presence {
		return nil, 0, refuse(CodeUnsupported, "who is in %s is not kept: set presence in the namespace %q of the server's configuration", channel, namespaceOf(channel))
	}
	members, total = h.crowds.list(channel)
	return members, total, nil
}

// doPresence answers with who is in a channel. Who may subscribe may know.
func (s *Session) doPresence(r *Request) *Error {
	if r.Channel == "" {
		return missing("channel", "the channel of which to say who is in it")
	}
	if e := s.maySubscribe(r.Channel); e != nil {
		return e
	}
	members, total, err := s.hub.Presence(r.Channel)
	if err != nil {
		return asError(err)
	}
	data, _ := json.Marshal(struct { // names and times: it cannot fail
		Members []Member `json:"members"`
		Total   int      `json:"total"`
	}{members, total})
	r.ok(data)
	return nil
}
