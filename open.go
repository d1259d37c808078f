package openline

import (
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"strconv"
	"sync"
	"time"
)

// An Opening says what session to open.
type Opening struct {
	User       string        // whose session
	Transport  string        // the transport's name: "websocket", "sse", …
	Channels   []string      // to subscribe to, beside the inbox and everyone's
	Since      string        // a cursor: the session gets what came after it, as far as it is still there; "": what comes from now on
	Raw        string        // the one channel of a raw session, which gets that channel's payloads and no envelopes; "" for an ordinary session
	Ping       time.Duration // how often the transport lets the peer know that it is there, for sys:open; 0 if it does not
	RemoteAddr string        // the peer's address, for lists and logs
	Claims     any           // what the transport knows of the user, for the program's hooks
	Runner     Runner        // the one of Options.Runners that the line belongs to; nil if it belongs to none
}

// opening is what a session has only while it opens.
type opening struct {
	inbox    string
	channels []string // guarded by Session.mu
	since    string
	ping     time.Duration
	gap      *Gap // of all channels, for after sys:open; the shard's

	mu      sync.Mutex
	waiting []*Message // sent before sys:open; guarded by mu
	over    bool       // sys:open is out; guarded by mu
}

// maxWaiting bounds what OnOpen may send.
const maxWaiting = 64

// Open begins a session: it checks p, asks Authorize for each channel, calls OnOpen, subscribes the session to its user's inbox, to everyone's channel and to
// p.Channels, and hands sys:open to the line, before anything else. Of the messages published to those channels it gets all, from the cursor in sys:open on.
//
// A refusal is an *[Error]; its Close is the close code, its Status the HTTP status. The line has not been used then, and Closed is not to be called. Once Open has returned a
// session, the transport must call its Closed when the line is gone.
func (h *Hub) Open(ctx context.Context, line Line, p Opening) (*Session, error) {
	done := make(chan struct{})
	s, err := h.open(ctx, line, p, func() { close(done) })
	if err == nil {
		<-done
	}
	return s, err
}

// TryOpen is Open for what runs on p.Runner, which must not wait. It reports false, and has done nothing, if that is for Open: a hook is to be asked, the hub is being shut
// down, or the runner is none of its. Else then is called, on the runner, when sys:open has been handed to the line, unless there is an error. Until then the session is not to be
// used, but for Closed.
func (h *Hub) TryOpen(line Line, p Opening, then func()) (*Session, bool, error) {
	if h.o.Authorize != nil || h.o.OnOpen != nil || h.draining.Load() || h.shardOf(p.Runner) == nil {
		return nil, false, nil
	}
	s, err := h.open(context.Background(), line, p, then)
	return s, true, err
}

// open has then called on the shard when the session has begun.
func (h *Hub) open(ctx context.Context, line Line, p Opening, then func()) (*Session, error) {
	h.begin()
	s, err := h.prepare(ctx, line, p)
	if err != nil {
		h.finish()
		return nil, err
	}
	if err := h.start(s, then); err != nil {
		h.closing(s)
		h.finish()
		return nil, err
	}
	if h.draining.Load() { // Shutdown may have listed the sessions before this one was there
		s.drain(max(h.o.DrainSpread, 0) / 2)
	}
	return s, nil
}

// prepare makes the session up to and with OnOpen.
func (h *Hub) prepare(ctx context.Context, line Line, p Opening) (*Session, error) {
	if h.draining.Load() {
		return nil, draining()
	}
	if e := checkAlphabet("user", p.User, false); e != nil {
		e.Close = ClosePolicy
		return nil, e
	}
	o := &opening{inbox: inbox(p.User), since: p.Since, ping: p.Ping}
	if p.Since != "" {
		if _, _, e := parseCursor(p.Since); e != nil {
			return nil, refusal(e)
		}
	}
	s := &Session{
		hub: h, line: line, id: newSessionID(), user: o.inbox[1:], transport: cloneName(p.Transport), remote: cloneName(p.RemoteAddr),
		opened: time.Now().UnixNano(), claims: p.Claims,
	}
	h.assign(s, p.Runner)
	s.opening.Store(o)
	channels := p.Channels
	if p.Raw != "" {
		if len(channels) > 0 {
			return nil, &Error{Code: CodeBadRequest, Message: "a raw session has one channel: give raw or channels, not both", Close: ClosePolicy}
		}
		if p.Since != "" {
			return nil, &Error{Code: CodeBadRequest, Message: "a raw session has no cursors, and so nothing to resume from: leave since out", Close: ClosePolicy}
		}
		raw := cloneName(p.Raw)
		s.raw = &raw
		channels = []string{raw}
	}
	if most := h.o.MaxChannels; most >= 0 && len(channels) > most {
		return nil, &Error{Code: CodeLimit, Message: "a session subscribes to " + strconv.Itoa(most) + " channels at most", Close: ClosePolicy}
	}
	for _, c := range channels {
		if e := s.maySubscribe(c); e != nil {
			return nil, refusal(e)
		}
		if !slices.Contains(o.channels, c) {
			o.channels = append(o.channels, cloneName(c))
		}
	}
	if h.o.OnOpen == nil {
		return s, nil
	}
	if err := h.guard(s, "OnOpen", func() error { return h.o.OnOpen(ctx, s) }); err != nil {
		var e *Error
		if !errors.As(err, &e) {
			h.report(s, err)
			e = &Error{Code: CodeForbidden, Message: "the session was refused", Close: CloseForbidden, Err: err}
		}
		return nil, refusal(e)
	}
	return s, nil
}

func draining() *Error {
	return &Error{Code: CodeTryLater, Message: "this node is shutting down: connect again", Close: CloseTryAgainLater}
}

// assign gives the session its shard: that of the runner, if it is one of the hub's.
func (h *Hub) assign(s *Session, r Runner) {
	if s.shard = h.shardOf(r); s.shard != nil {
		_, s.here = s.line.(RunnerLine)
		return
	}
	s.shard = h.shards[binary.BigEndian.Uint64(s.id[8:])%uint64(len(h.shards))]
}

// shardOf returns the shard that runs on r, or nil.
func (h *Hub) shardOf(r Runner) *shard {
	if r == nil {
		return nil
	}
	for _, s := range h.shards {
		if s.runner == r {
			return s
		}
	}
	return nil
}

// refusal returns e as the error of a session that does not begin: with a close code.
func refusal(e *Error) *Error {
	if e.Close != 0 {
		return e
	}
	c := *e
	switch e.Code {
	case CodeForbidden, CodeReserved:
		c.Close = CloseForbidden
	case CodeUnauthorised:
		c.Close = CloseUnauthorised
	case CodeRateLimit:
		c.Close = CloseRateLimit
	case CodeTryLater, CodeClosed:
		c.Close = CloseTryAgainLater
	case CodeInternal:
		c.Close = CloseInternal
	default:
		c.Close = ClosePolicy
	}
	return &c
}

// start subscribes the session, and has then called when sys:open has been handed to the line, unless OnOpen has closed the session or the hub is gone.
func (h *Hub) start(s *Session, then func()) error {
	s.mu.Lock()
	if why := s.why.Load(); why != nil {
		s.mu.Unlock()
		return refusal(&Error{Code: closeWord(why.Code), Message: why.Reason, Close: why.Code})
	}
	h.order.Lock()
	if h.closed {
		h.order.Unlock()
		s.mu.Unlock()
		s.end(&CloseReason{Code: CloseGoingAway, Reason: "the hub is shut down"})
		return refusal(&Error{Code: CodeTryLater, Message: "this node is shut down: connect to another"})
	}
	s.begun = true
	o := s.opening.Load()
	s.parts = make([]*part, 0, 2+len(o.channels))
	s.parts = append(s.parts, h.enter(o.inbox, s.shard), h.enter(everyone, s.shard))
	for _, c := range o.channels {
		s.parts = append(s.parts, h.enter(c, s.shard))
	}
	from, e := h.originOf(o.since)
	if e != nil {
		panic(e) // prepare has read it
	}
	for _, p := range s.parts {
		h.crowds.arrive(s, p.topic)
	}
	s.shard.put(handover{do: open, session: s, parts: slices.Clone(s.parts), origin: from, call: then})
	h.order.Unlock()
	h.sessions.add(s)
	s.mu.Unlock()
	return nil
}

func (s *Session) openData(cursor string, resumed bool, ping time.Duration) []byte {
	b := append(make([]byte, 0, 160), `{"session":`...)
	b = appendString(b, s.ID())
	b = append(b, `,"user":`...)
	b = appendString(b, s.user)
	b = append(b, `,"transport":`...)
	b = appendString(b, s.transport)
	b = append(b, `,"node":`...)
	b = appendString(b, s.hub.o.Node)
	b = append(b, `,"cursor":`...)
	b = appendString(b, cursor)
	b = append(b, `,"resumed":`...)
	b = strconv.AppendBool(b, resumed)
	b = append(b, `,"ping":`...)
	b = strconv.AppendFloat(b, max(ping, 0).Seconds(), 'f', -1, 64)
	return append(b, '}')
}

// begin runs on the shard: the session gets sys:open, what waited for it, and then what it has missed.
func (s *Session) begin(parts []*part, from *origin) {
	for _, p := range parts {
		p.add(s)
	}
	o := s.opening.Load()
	o.mu.Lock() // first: who ends the session after sys:open must not find its last envelope still waiting here
	defer o.mu.Unlock()
	resumed := false
	if from.since != "" {
		resumed = s.resume(from, parts)
	} else {
		s.catchUp(from, parts)
	}
	cursor := s.hub.cursorAt(from.seq)
	m := s.system("sys:open", nil, s.openData(cursor, resumed, o.ping))
	m.Cursor = cursor
	s.tell(m)
	if o.gap != nil {
		s.tell(s.gapMessage(o.gap))
	}
	for _, m := range o.waiting {
		s.tell(m)
	}
	o.waiting, o.over = nil, true
	s.opening.Store(nil)
	if s.behind == nil {
		s.caughtUp()
	}
}

// catchUp has the session get the latest of the channels that keep it.
func (s *Session) catchUp(from *origin, parts []*part) {
	for _, p := range parts {
		if p.topic.rules.Latest {
			b := s.fallBehind(from.seq, from.present)
			b.fresh = true
			b.begin(p, from)
		}
	}
}

// wait keeps m until sys:open is out; false says that it is out already.
func (o *opening) wait(m *Message) (bool, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.over {
		return false, nil
	}
	if len(o.waiting) >= maxWaiting {
		return true, ErrSlow
	}
	o.waiting = append(o.waiting, m)
	return true, nil
}
