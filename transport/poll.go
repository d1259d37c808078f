package transport

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/openline/openline"
)

// poll is a session that is asked for its messages. It lives between the requests, and is
// the hub's line to what it keeps.
//
// Messages are kept until a poll says that they have come, by the cursor of the answer that
// had them:
//
//	EPOCH-SEQ . SESSION . BATCH
//	place       id        number of the answer, of those that had messages
//
// A poll with the cursor of the latest answer acknowledges it; one with the cursor before
// that gets the same answer again, since it has been lost on the way.
type poll struct {
	t       *HTTP
	id      string
	user    string
	release func()                           // counts it out
	hub     atomic.Pointer[openline.Session] // set before the first poll is answered

	mu      sync.Mutex // guards the following
	waiting []*openline.Message
	bytes   int               // of them, encoded
	asked   *openline.Session // Room has said no
	behind  bool              // and there is more since
	given   []*openline.Message
	number  uint64 // of the answer with what was given
	base    string // the place before that
	place   string // and after it
	pace    *rate
	turn    uint64        // of the latest poll
	idle    bool          // none is being answered
	held    *hold         // the poll that waits; nil: none does
	filled  chan struct{} // closed for the first poll, when there is all that it can have; nil: it has been answered
	owes    bool          // the latest answer has said that there is more
	over    bool          // nothing more comes
	ended   bool          // the hub knows
	code    int           // why
	reason  string
	until   time.Time   // when its token ends, or zero
	timer   *time.Timer // ends it when no poll comes, or the poll that is held
}

// A hold is a poll that waits for something to give.
type hold struct {
	turn    uint64
	nothing []byte // what it is answered with if it gets nothing
	wake    func() // has it answered; called with mu held
}

// Send implements openline.Line.
func (p *poll) Send(m *openline.Message) error {
	size := len(m.JSON())
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.over:
		return openline.ErrSessionClosed
	case p.t.queue.full(len(p.waiting), p.bytes, size):
		return openline.ErrSlow
	}
	p.waiting = append(p.waiting, m)
	p.bytes += size
	p.rouse()
	return nil
}

// rouse wakes the poll that is held. mu is held.
func (p *poll) rouse() {
	if h := p.held; h != nil {
		p.held = nil
		h.wake()
	}
}

// fill lets the first poll be answered. mu is held.
func (p *poll) fill() {
	if p.filled != nil {
		close(p.filled)
		p.filled = nil
	}
}

// CaughtUp implements openline.AskedLine.
func (p *poll) CaughtUp() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.behind = false
	p.fill()
}

// Room implements openline.PacedLine.
func (p *poll) Room(hub *openline.Session) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.t.queue.room(len(p.waiting), p.bytes, 2) {
		return true
	}
	p.asked, p.behind = hub, true
	p.fill()
	return false
}

// Close implements openline.Line: the poll that is held gets what there is.
func (p *poll) Close(code int, reason string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.over {
		return
	}
	p.over, p.code, p.reason = true, code, reason
	p.rouse()
	p.fill()
	if p.hub.Load() != nil {
		p.endSoon()
	}
}

// endSoon ends the session, once: the place that it had among its user's sessions is free
// at once, the hub is told by another goroutine. mu is held.
func (p *poll) endSoon() {
	if p.ended {
		return
	}
	p.ended = true
	if p.timer != nil {
		p.timer.Stop()
	}
	if forGood(p.code) {
		p.t.ended.add(&grave{id: p.id, user: p.user, code: p.code, reason: p.reason})
	}
	p.t.ws.polls.remove(p.id)
	p.release()
	hub, code, reason := p.hub.Load(), p.code, p.reason
	go func() {
		hub.Closed(nil)
		p.t.logClosed(hub, code, reason, nil)
	}()
}

// leave ends the session, because its client has gone on elsewhere or not at all.
func (p *poll) leave() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.over = true
	p.rouse()
	p.endSoon()
}

// tick is called when the time is over: of a poll that is held, or of a session for which
// none has come.
func (p *poll) tick() {
	p.mu.Lock()
	expired := p.held != nil && !p.until.IsZero() && !time.Now().Before(p.until)
	switch {
	case p.idle:
		p.over = true
		p.endSoon()
	case !expired:
		p.rouse()
	}
	p.mu.Unlock()
	if expired {
		p.hub.Load().Close(openline.CloseUnauthorised, "the token expired at "+p.until.UTC().Format(time.RFC3339))
	}
}

// setTimer has tick called after a time. mu is held.
func (p *poll) setTimer(after time.Duration) {
	if p.timer == nil {
		p.timer = time.AfterFunc(after, p.tick)
		return
	}
	p.timer.Reset(after)
}

// rest begins the time in which the next poll has to come. mu is held.
func (p *poll) rest() {
	p.idle = true
	if linger := p.t.o.PollLinger; linger > 0 && !p.over {
		p.setTimer(linger)
	}
}

// polls are the sessions, by their ids.
type polls struct {
	mu   sync.Mutex
	byID map[string]*poll // guarded by mu
}

func (l *polls) add(p *poll) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.byID == nil {
		l.byID = map[string]*poll{}
	}
	l.byID[p.id] = p
}

func (l *polls) remove(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.byID, id)
}

func (l *polls) len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.byID)
}

// find returns the session that the request's cursor names, if it is there. Another user's
// is not to be had.
func (l *polls) find(q *request) (*poll, error) {
	if q.polling == "" {
		return nil, nil
	}
	l.mu.Lock()
	p := l.byID[q.polling]
	l.mu.Unlock()
	if p != nil && p.user != q.User {
		return nil, notYours()
	}
	return p, nil
}

// takeOver ends the session that the request's cursor names: its client goes on with another.
func (l *polls) takeOver(q *request) error {
	p, err := l.find(q)
	if p != nil {
		p.leave()
	}
	return err
}

var _ openline.AskedLine = (*poll)(nil)
