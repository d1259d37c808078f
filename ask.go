package openline

import (
	"context"
	"encoding/json"
	"time"
)

// Ask is Receive for a transport whose upstream is not the session's line: what Receive would answer through the line goes to reply, called before Ask returns, maybe more than
// once and maybe never. A raw session publishes and answers nothing.
func (s *Session) Ask(ctx context.Context, data []byte, reply func(m *Message)) {
	if s.ended() {
		r := Request{session: s, asker: reply}
		_ = parseRequest(&r, data) // for its ref
		r.refuse(refuse(CodeClosed, "the session has ended"))
		return
	}
	if s.raw != nil {
		s.ReceiveRaw(ctx, data, false)
		return
	}
	s.receive(ctx, data, reply)
}

// Visitor returns a session that is never opened: it is in no list, gets no messages, and is for Ask alone, which for it knows publish, send, history, presence, ping and the application's own
// types. Options.OnOpen and OnClose are not called for it.
func (h *Hub) Visitor(p Opening) (*Session, error) {
	if h.draining.Load() {
		return nil, draining()
	}
	if e := checkAlphabet("user", p.User, false); e != nil {
		return nil, e
	}
	return &Session{
		hub: h, shard: h.shards[0], line: nowhere{}, id: newSessionID(), user: p.User, transport: p.Transport, remote: p.RemoteAddr,
		opened: time.Now().UnixNano(), claims: p.Claims, visiting: true,
	}, nil
}

// nowhere is a visitor's line.
type nowhere struct{}

func (nowhere) Send(*Message) error { return ErrSessionClosed }
func (nowhere) Close(int, string)   {}

// noSession refuses what a visitor cannot do.
func noSession(kind string) *Error {
	return refuse(CodeBadRequest, "%s is for a session: say which, as sys:open named it", kind)
}

// answer sends the reply of a request: through the line, or to who asked.
func (r *Request) answer(kind string, data []byte) {
	if r.asker == nil {
		_ = r.session.answer(kind, r.Ref, data)
		return
	}
	r.asker(r.session.system(kind, r.Ref, data))
}

// ok answers the request with sys:ok.
func (r *Request) ok(data json.RawMessage) { r.answer("sys:ok", data) }

// refuse answers the request with sys:error, and ends the session if e says so.
func (r *Request) refuse(e *Error) {
	if r.asker == nil {
		_ = r.session.ReplyError(r.Ref, e)
		return
	}
	r.answer("sys:error", errorData(e.Code, e.Message))
	if e.Close != 0 {
		r.session.shut(e.Close, clip(e.Message, 120), false)
	}
}
