package transport

import (
	"encoding/binary"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/openline/openline"
	"github.com/openline/openline/websocket"
)

// session is a session of the hub on a connection of a loop. It is the handler of
// the connection and the hub's line to it.
//
// What the client sends is copied and dealt with on a goroutine, which lives
// while there is any of it: a request may wait, for a hook or for the loop itself.
type session struct {
	t     *WebSocket
	conn  *websocket.LoopConn              // set before the hub knows of the session
	hub   atomic.Pointer[openline.Session] // set before the first request is dealt with; nil if the hub refused
	asked *request                         // nil once it is open
	user  string
	pace  *rate // of the goroutine
	until int64 // when the session has to end, in nanoseconds since 1970; 0: never
	place int32 // in the heap of expiries; guarded by their lock

	mu      sync.Mutex            // guards the following
	busy    bool                  // a goroutine is at it, or it is being opened
	deaf    bool                  // nothing is taken any more
	paused  bool                  // the loop does not read
	closed  bool                  // the connection has ended: nothing more will come
	waiting []byte                // what the client has sent: type, length in four octets, data
	err     *websocket.CloseError // how it ended
}

// recordHeader is what stands before the data of a message in session.waiting.
const recordHeader = 5

// pauseAt is how much may wait before the client is not read any more.
const pauseAt = 16 << 10

// newSession returns the handler of a connection that is about to be a loop's.
func (t *WebSocket) newSession(q *request) *session {
	return &session{t: t, user: q.User, pace: newRate(t.o.MessageRate, t.o.MessageBurst), asked: q, busy: true}
}

// OnOpen implements websocket.EventHandler: it opens the hub's session, here if
// that needs no waiting, so that sys:open leaves together with the response.
func (s *session) OnOpen(c *websocket.LoopConn) {
	s.conn = c
	q := s.asked
	q.Runner = c.Loop()
	hub, ok, err := s.t.o.Hub.TryOpen(s, q.Opening, s.begun)
	switch {
	case !ok:
		go s.open()
	case err != nil:
		s.refused(err)
	default:
		s.opened(hub)
	}
}

// open opens the hub's session while the loop goes on.
func (s *session) open() {
	hub, err := s.t.o.Hub.Open(s.t.ctx, s, s.asked.Opening)
	if err != nil {
		s.refused(err)
		return
	}
	s.opened(hub)
	s.work()
}

// opened goes on when there is a session.
func (s *session) opened(hub *openline.Session) {
	q := s.asked
	s.hub.Store(hub)
	s.asked = nil
	s.user = hub.User() // the same, without what else the request holds on to
	if log := s.t.log; log.Enabled(s.t.ctx, slog.LevelDebug) {
		log.Debug("session opened", "session", hub, "user", s.user, "transport", q.Transport, "remote", q.RemoteAddr)
	}
	if !q.expires.IsZero() {
		s.until = q.expires.UnixNano()
		s.t.expiry.add(s)
	}
}

// refused goes on when the hub wants no session.
func (s *session) refused(err error) {
	q := s.asked
	s.asked = nil
	code, reason := refusal(err)
	s.t.log.Info("session refused", "user", q.User, "remote", q.RemoteAddr, "code", code, "error", err)
	s.deafen()
	_ = s.conn.Close(websocket.CloseCode(code), clipReason(reason))
	s.begun()
}

// begun lets the goroutine work that deals with what the client sends.
func (s *session) begun() {
	if s.more() {
		go s.work()
	}
}

// OnMessage implements websocket.EventHandler: it puts the message where a
// goroutine takes it from.
func (s *session) OnMessage(c *websocket.LoopConn, m websocket.Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.deaf {
		return // the closing handshake goes on; what comes meanwhile is not taken
	}
	s.waiting = append(s.waiting, byte(m.Type))
	s.waiting = binary.BigEndian.AppendUint32(s.waiting, uint32(len(m.Data)))
	s.waiting = append(s.waiting, m.Data...)
	if !s.busy {
		s.busy = true
		go s.work()
	}
	if len(s.waiting) > pauseAt && !s.paused {
		s.paused = true
		c.Pause()
	}
}

// OnClose implements websocket.EventHandler.
func (s *session) OnClose(_ *websocket.LoopConn, err *websocket.CloseError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed, s.err = true, err
	if !s.busy {
		s.busy = true
		go s.work()
	}
}

// more reports whether there is work for the goroutine, which else is done.
func (s *session) more() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.busy = s.closed || len(s.waiting) > 0
	return s.busy
}

// deafen drops what the client has sent and will send.
func (s *session) deafen() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deaf, s.waiting = true, nil
}

// work deals with what the client has sent, and with its end.
func (s *session) work() {
	for s.more() {
		s.mu.Lock()
		waiting, paused := s.waiting, s.paused
		s.waiting, s.paused = nil, false
		s.mu.Unlock()
		if len(waiting) == 0 {
			s.ended()
			return
		}
		for len(waiting) > 0 {
			end := recordHeader + int(binary.BigEndian.Uint32(waiting[1:]))
			s.receive(websocket.MessageType(waiting[0]), waiting[recordHeader:end])
			waiting = waiting[end:]
		}
		if paused {
			s.conn.Resume()
		}
	}
}

// receive deals with one message.
func (s *session) receive(typ websocket.MessageType, data []byte) {
	switch {
	case !s.pace.take(time.Now()):
		s.deafen()
		s.hub.Load().Close(openline.CloseRateLimit, "too many messages: slow down, then connect again")
	case s.hub.Load().Raw() != "":
		s.hub.Load().ReceiveRaw(s.t.ctx, data, typ == websocket.Binary)
	case typ == websocket.Binary:
		s.deafen()
		s.hub.Load().Close(int(websocket.CloseUnsupportedData), "send envelopes as text messages, or open the session with ?raw=CHANNEL")
	default:
		s.hub.Load().Receive(s.t.ctx, data)
	}
}

// ended tells everybody that the connection is gone. It is the last thing that is
// done.
func (s *session) ended() {
	defer s.t.end(s.user)
	s.t.expiry.remove(s)
	hub := s.hub.Load()
	if hub == nil {
		return
	}
	hub.Closed(s.err)
	s.t.logClosed(hub, s.err)
}

// Send implements openline.Line: it queues a message, framed once for all its
// receivers.
func (s *session) Send(m *openline.Message) error { return s.conn.TrySend(m.Frame()) }

// SendHere implements openline.RunnerLine: it sends the message at once, if none
// follows and none waits.
func (s *session) SendHere(m *openline.Message, more bool) error {
	return s.conn.Send(m.Frame(), more)
}

// Room implements openline.PacedLine.
func (s *session) Room(hub *openline.Session) bool {
	if s.conn.Room() {
		return true
	}
	s.hub.CompareAndSwap(nil, hub) // it may be younger than its first messages
	return false
}

// OnDrain implements websocket.DrainHandler.
func (s *session) OnDrain(*websocket.LoopConn) {
	if hub := s.hub.Load(); hub != nil {
		hub.Ready()
	}
}

// Close implements openline.Line: it starts the closing handshake.
func (s *session) Close(code int, reason string) {
	_ = s.conn.Close(websocket.CloseCode(code), clipReason(reason))
}

var (
	_ openline.RunnerLine    = (*session)(nil)
	_ openline.PacedLine     = (*session)(nil)
	_ websocket.DrainHandler = (*session)(nil)
)
