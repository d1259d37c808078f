package openline

import (
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// A Line is a transport's end of a session: where its messages go. It is the only thing that a hub knows of a transport.
//
// The hub calls both methods from its shards' runners or goroutines, and from those of publishers. They must not block and must not call the hub or the session.
type Line interface {
	// Send hands m to the session's bounded queue, and may be called concurrently. The line keeps m as long as it likes and changes nothing in it.
	// If the queue is full it returns ErrSlow (or websocket.ErrQueueFull), and the session is closed with 4008; any other error says that the line is gone.
	Send(m *Message) error

	// Close starts closing: what the queue holds goes out first if it can. Only the first call counts. When the line is gone, the transport calls Session.Closed.
	Close(code int, reason string)
}

// A PacedLine is a Line that can tell that its peer is behind, so that what is replayed from a history, and the policies of a Namespace, wait for it instead of
// ending the session.
type PacedLine interface {
	Line

	// Room reports whether the queue has room for more than a few messages: whether less than half of it is taken. When it has reported false, the line calls
	// s.Ready once it has got rid of most of them. s is the session whose line it is.
	Room(s *Session) bool
}

// An AskedLine is a PacedLine whose messages are fetched, so that it answers better once there is all that there is to have.
type AskedLine interface {
	PacedLine

	// CaughtUp is called when the session has been handed everything that it had missed: after sys:open, and after each time that Room has reported false.
	CaughtUp()
}

// A Session is one open line of one user. Hub.Open makes it; it ends when Close is called or the line is gone. Its methods may be called from any goroutine.
type Session struct {
	hub       *Hub
	shard     *shard
	line      Line
	id        sessionID
	user      string
	transport string
	remote    string
	opened    int64 // nanoseconds since 1970
	claims    any
	raw       *string // the channel of a raw session

	why     atomic.Pointer[CloseReason] // set once, when the session ends
	opening atomic.Pointer[opening]     // until sys:open has been handed to the line
	behind  *behind                     // nil: it gets messages as they come; the shard's

	mu       sync.Mutex
	values   map[any]any // guarded by mu
	parts    []*part     // what it is subscribed to; guarded by mu
	begun    bool        // past OnOpen; guarded by mu
	detached bool        // out of the registry and of all channels; guarded by mu
	gone     bool        // Closed has been called; guarded by mu
	here     bool        // the line is a RunnerLine of the shard's runner; not changed
	visiting bool        // it is Hub.Visitor's; not changed
	seat     uint32      // among everyone's sessions of the shard; the shard's
}

// ID returns the session's name: 26 letters and digits that nobody can guess.
func (s *Session) ID() string { return s.id.String() }

// LogValue implements slog.LogValuer: a log gets the beginning of the ID, which is enough to find the session again. Whoever knows all of it can speak for the
// session, if he is its user.
func (s *Session) LogValue() slog.Value { return slog.StringValue(s.ID()[:8]) }

// User returns the name of the user whose session it is.
func (s *Session) User() string { return s.user }

// Transport returns the transport's name, such as "websocket".
func (s *Session) Transport() string { return s.transport }

// RemoteAddr returns the peer's address, as the transport gave it.
func (s *Session) RemoteAddr() string { return s.remote }

// Opened returns when the session was opened.
func (s *Session) Opened() time.Time { return time.Unix(0, s.opened).UTC() }

// Claims returns what the transport knows of the user, such as the claims of a token.
func (s *Session) Claims() any { return s.claims }

// Hub returns the hub that the session belongs to.
func (s *Session) Hub() *Hub { return s.hub }

// Raw returns the one channel of a raw session, or "".
func (s *Session) Raw() string {
	if s.raw == nil {
		return ""
	}
	return *s.raw
}

// Channels returns the channels that the session is subscribed to, sorted, without its inbox and everyone's.
func (s *Session) Channels() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	names := []string{}
	if !s.begun {
		if o := s.opening.Load(); o != nil {
			names = append(names, o.channels...)
		}
	}
	for _, p := range s.parts {
		if !reserved(p.topic.name) {
			names = append(names, p.topic.name)
		}
	}
	slices.Sort(names)
	return names
}

// Value returns what SetValue has kept under key, or nil.
func (s *Session) Value(key any) any {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.values[key]
}

// SetValue keeps a value of the program's under key, which is comparable, for as long as the session lives; nil removes it.
func (s *Session) SetValue(key, value any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if value == nil {
		delete(s.values, key)
		return
	}
	if s.values == nil {
		s.values = map[any]any{}
	}
	s.values[key] = value
}

// ended reports whether the session takes no more messages.
func (s *Session) ended() bool { return s.why.Load() != nil }

// cloneName copies a name, so that a long string that it was cut from does not live as long.
func cloneName(name string) string { return strings.Clone(name) }
