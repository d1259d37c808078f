package transport

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/openline/openline"
	"github.com/openline/openline/transport/problem"
)

func notYours() error {
	return problem.New(http.StatusForbidden, openline.CodeForbidden, "The cursor is of another user's session. Leave out what stands behind its first dot.")
}

func gone(code int, reason string) error {
	return problem.New(http.StatusGone, openline.CodeClosed, "The session has been ended (%d): %s. To begin another, leave out what stands behind the cursor's first dot.", code, reason)
}

// servePoll answers GET /poll/{user}.
func (t *HTTP) servePoll(w http.ResponseWriter, r *http.Request, q *request) error {
	wait, err := readWait(q)
	if err != nil {
		return err
	}
	if one := t.ended.find(q.polling, q.User); one != nil {
		return gone(one.code, one.reason)
	}
	p, err := t.ws.polls.find(q)
	if err != nil {
		return err
	}
	var answer []byte
	if p != nil {
		h, again, err := p.begin(r.Context(), q)
		switch {
		case err != nil:
			return err
		case again != nil:
			answer = again
		case h != nil:
			if a, ok := w.(*loopAnswer); ok {
				a.hold(p, h, wait)
				return nil
			}
			answer = p.await(w, r, h, wait)
		}
	}
	if answer == nil {
		if answer, err = t.openPoll(r, q); err != nil {
			return err
		}
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(answer)))
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(answer) // what is lost is asked for again
	return nil
}

// readWait returns how long a poll may be held.
func readWait(q *request) (time.Duration, error) {
	if !q.query.Has("wait") {
		return 0, nil
	}
	text := q.query.Get("wait")
	wait, err := time.ParseDuration(text)
	if seconds, e := strconv.ParseUint(text, 10, 31); e == nil {
		wait, err = time.Duration(seconds)*time.Second, nil
	}
	if err != nil || wait < 0 {
		return 0, problem.New(http.StatusBadRequest, openline.CodeBadRequest, "wait=%s is no time to wait: give a number of seconds, such as 25 or 25s.", clipName(text))
	}
	return min(wait, maxHold), nil
}

// openPoll opens a session, whose first answer begins with sys:open.
func (t *HTTP) openPoll(r *http.Request, q *request) ([]byte, error) {
	release, err := t.admit(r, q.User)
	if err != nil {
		return nil, err
	}
	filled := make(chan struct{})
	p := &poll{t: t, release: release, until: q.expires, pace: newRate(t.o.PollRate, 0), filled: filled}
	hub, err := t.ws.o.Hub.Open(r.Context(), p, q.Opening)
	if err != nil {
		release()
		return nil, err
	}
	p.id, p.user = hub.ID(), hub.User()
	p.hub.Store(hub)
	t.ws.polls.add(p)
	if log := t.ws.log; log.Enabled(t.ws.ctx, slog.LevelDebug) {
		log.Debug("session opened", "user", p.user, "transport", q.Transport, "remote", q.RemoteAddr)
	}
	select {
	case <-filled: // who polls once a minute would else get sys:open each time, and never what came after the cursor
	case <-r.Context().Done(): // nobody will ever know its name
		p.leave()
		return nil, r.Context().Err()
	}
	p.mu.Lock()
	if p.over { // before it was known which session that is
		p.endSoon()
	}
	answer, ready := p.give()
	p.rest()
	p.mu.Unlock()
	if ready != nil {
		ready.Ready()
	}
	return answer, nil
}

// begin begins a poll of the session. It returns the poll, or an answer that is there
// already; with neither, another session is to go on from the cursor.
func (p *poll) begin(ctx context.Context, q *request) (h *hold, again []byte, err error) {
	p.mu.Lock()
	if !p.pace.take(time.Now()) {
		p.mu.Unlock()
		return nil, nil, problem.New(http.StatusTooManyRequests, openline.CodeRateLimit, "The session is polled too often. With wait=25s a poll is answered when there is something.").With("Retry-After", "1")
	}
	asks, err := p.judge(q)
	if err != nil || asks == elsewhere {
		p.mu.Unlock()
		if err == nil {
			p.leave()
		}
		return nil, nil, err
	}
	p.until = q.expires
	p.turn++
	p.idle = false
	p.rouse() // the poll before this one
	if asks == repeat {
		defer p.mu.Unlock()
		defer p.rest()
		return nil, p.answer(p.given, len(p.waiting) > 0 || p.behind), nil
	}
	ready := p.acknowledge()
	h = &hold{turn: p.turn, nothing: p.answer(nil, false)}
	p.mu.Unlock()
	if ready != nil {
		ready.Ready()
	}
	_ = p.hub.Load().Ack(q.Since) // well-formed: see judge
	if err := p.addChannels(ctx, q); err != nil {
		p.end(h, true)
		return nil, nil, err
	}
	return h, nil, nil
}

// promiseTime is how long a poll is held in any case after an answer that has said that
// there is more, which is on its way then.
const promiseTime = time.Second

// hold has wake called, with mu held, when the poll is to be answered: when there is something,
// or the time is over.
func (p *poll) hold(h *hold, wait time.Duration, wake func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	empty := len(p.waiting) == 0 && !p.over
	if p.owes && empty {
		wait = max(wait, promiseTime)
	}
	if !empty || wait <= 0 || p.turn != h.turn {
		wake()
		return
	}
	if !p.until.IsZero() {
		wait = min(wait, max(time.Until(p.until), 0))
	}
	h.wake = wake
	p.held = h
	p.setTimer(wait)
}

// end answers a poll with what there is. If its client is gone, that stays for the next.
func (p *poll) end(h *hold, gone bool) []byte {
	p.mu.Lock()
	if p.turn != h.turn { // another poll has come for it
		p.mu.Unlock()
		return h.nothing
	}
	p.held = nil
	answer := h.nothing
	var ready *openline.Session
	if !gone {
		answer, ready = p.give()
	}
	p.rest()
	p.mu.Unlock()
	if ready != nil {
		ready.Ready()
	}
	return answer
}

// drop has a poll answered, if it is still held.
func (p *poll) drop(h *hold) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.held == h {
		p.rouse()
	}
}

// await holds a poll on the goroutine of its handler.
func (p *poll) await(w http.ResponseWriter, r *http.Request, h *hold, wait time.Duration) []byte {
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Time{}) // of the request, which is here
	_ = control.SetWriteDeadline(time.Now().Add(wait + promiseTime + p.t.o.Stall))
	woken := make(chan struct{})
	p.hold(h, wait, func() { close(woken) })
	select {
	case <-woken:
	case <-r.Context().Done():
	}
	return p.end(h, r.Context().Err() != nil)
}

// acknowledge lets go of what has come, and returns a session that is to be told of room.
// mu is held.
func (p *poll) acknowledge() (ready *openline.Session) {
	p.given = nil
	p.base = p.place
	return p.takeAsked()
}

// takeAsked returns the session that waits for room, if there is some. mu is held.
func (p *poll) takeAsked() *openline.Session {
	if p.asked == nil || !p.t.queue.room(len(p.waiting), p.bytes, 4) {
		return nil
	}
	ready := p.asked
	p.asked = nil
	return ready
}

// give answers with what waits, as far as it goes into one answer, and returns a session that
// is to be told of room. mu is held.
func (p *poll) give() (answer []byte, ready *openline.Session) {
	n, bytes := p.batch()
	if n == 0 {
		p.owes = p.behind
		return p.answer(nil, p.behind), nil
	}
	p.given = p.waiting[:n:n]
	if p.waiting = p.waiting[n:]; len(p.waiting) == 0 {
		p.waiting = nil
	}
	p.bytes -= bytes
	p.number++
	p.base = p.place
	for _, m := range p.given {
		if place := m.Place(); place != "" {
			p.place = place
		}
	}
	more := len(p.waiting) > 0 || p.behind
	p.owes = more
	return p.answer(p.given, more), p.takeAsked()
}

// batch returns how many messages go into an answer, and how many octets they are. mu is
// held.
func (p *poll) batch() (n, bytes int) {
	most := bounds{max(p.t.queue.messages/2, 1), max(p.t.queue.bytes/2, 1)}
	if p.t.queue.messages == 0 {
		most.messages = 0
	}
	if p.t.queue.bytes == 0 {
		most.bytes = 0
	}
	for _, m := range p.waiting {
		size := len(m.JSON())
		if most.full(n, bytes, size) {
			break
		}
		n++
		bytes += size
	}
	return n, bytes
}

// answer returns the body of an answer with these messages. mu is held.
func (p *poll) answer(messages []*openline.Message, more bool) []byte {
	size := 128
	for _, m := range messages {
		size += len(m.JSON()) + 1
	}
	b := append(make([]byte, 0, size), `{"cursor":"`...)
	b = append(b, p.place...)
	b = append(b, '.')
	b = append(b, p.id...)
	b = append(b, '.')
	b = strconv.AppendUint(b, p.number, 10)
	b = append(b, `","messages":[`...)
	for i, m := range messages {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, m.JSON()...)
	}
	b = append(b, ']')
	if more {
		b = append(b, `,"more":true`...)
	}
	return append(b, '}')
}

// addChannels subscribes the session to those of the request that it does not have.
func (p *poll) addChannels(ctx context.Context, q *request) error {
	if len(q.Channels) == 0 {
		return nil
	}
	hub := p.hub.Load()
	has := map[string]bool{}
	for _, channel := range hub.Channels() {
		has[channel] = true
	}
	for _, channel := range q.Channels {
		if has[channel] {
			continue
		}
		request, _ := json.Marshal(map[string]string{"type": "subscribe", "channel": channel}) // strings: it cannot fail
		var refused error
		hub.Ask(ctx, request, func(m *openline.Message) {
			if m.Type == "sys:error" {
				refused = refusalOf(m)
			}
		})
		if refused != nil {
			return refused
		}
	}
	return nil
}

// refusalOf returns a sys:error as an error.
func refusalOf(m *openline.Message) *openline.Error {
	var e openline.Error
	var d struct{ Code, Message string }
	if json.Unmarshal(m.Data, &d) != nil {
		return &openline.Error{Code: openline.CodeInternal, Message: "the request was refused"}
	}
	e.Code, e.Message = d.Code, d.Message
	return &e
}
