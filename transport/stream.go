package transport

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/openline/openline"
)

// stream is a session whose messages are the body of one answer that does not end. It is
// the hub's line to it.
//
// Nothing waits for it while it is idle but what notices that the client has gone: when
// there is something to write, a goroutine comes up for it, and writes until there is
// nothing.
type stream struct {
	t       *HTTP
	kind    *kind
	user    string
	release func() // counts it out
	done    chan struct{}
	hub     atomic.Pointer[openline.Session] // set before anything is written
	pipe    pipe                             // set before anything is written
	begun   time.Time
	until   time.Time // when its token ends, or zero

	mu      sync.Mutex // guards the following
	waiting [][]byte
	count   int               // of messages that wait or are being written
	bytes   int               // in them
	asked   *openline.Session // Room has said no
	busy    bool              // a goroutine writes, or nothing may be written yet
	beat    bool              // a heartbeat is due
	renew   bool              // the answer has become as long as it may
	closing bool              // nothing more comes
	code    int               // why
	reason  string
	gone    error  // the client is gone, or takes nothing: errGone at its word
	place   string // the cursor after the latest message that has one
	written int64
	last    time.Time   // of the latest write
	timer   *time.Timer // for the next thing that is due
}

// errGone says that the client has ended the connection in order.
var errGone = errors.New("transport: the client has gone")

// serveDown opens a session on an answer that does not end.
func (t *HTTP) serveDown(w http.ResponseWriter, r *http.Request, q *request, k *kind) error {
	if err := t.ws.polls.takeOver(q); err != nil {
		return err
	}
	release, err := t.admit(r, q.User)
	if err != nil {
		return err
	}
	s := &stream{t: t, kind: k, user: q.User, release: release, done: make(chan struct{}), busy: true, until: q.expires}
	q.Ping = max(t.o.Heartbeat, 0)
	hub, err := t.ws.o.Hub.Open(r.Context(), s, q.Opening)
	if err != nil {
		release()
		return err
	}
	s.user = hub.User() // without what else the request holds on to
	s.hub.Store(hub)
	if log := t.ws.log; log.Enabled(t.ws.ctx, slog.LevelDebug) {
		log.Debug("session opened", "user", s.user, "transport", q.Transport, "remote", q.RemoteAddr)
	}
	w.Header().Set("Content-Type", k.media)
	w.Header().Set("X-Accel-Buffering", "no")
	held := s.start(w, r)
	if !held {
		return nil // the connection has been taken over
	}
	select {
	case <-s.done:
	case <-r.Context().Done():
		s.leave(errGone)
		<-s.done
	}
	if s.broken() {
		panic(http.ErrAbortHandler) // the body has no end, and is not to look as if it had
	}
	return nil
}

// start begins the answer, and reports whether the request has to be held for it.
func (s *stream) start(w http.ResponseWriter, r *http.Request) (held bool) {
	p, nc := openPipe(w, r, s.t.o.Stall)
	s.mu.Lock()
	s.pipe = p
	if s.closing {
		p.hurry()
	}
	s.begun = time.Now()
	s.last = s.begun
	if first := s.kind.first(); first != nil {
		s.waiting = append([][]byte{first}, s.waiting...)
		s.count++
		s.bytes += len(first)
	}
	s.mu.Unlock()
	s.t.mu.Lock()
	s.t.streams[s] = struct{}{}
	s.t.mu.Unlock()
	s.work()
	s.setTimer()
	if nc == nil {
		return true
	}
	go func() { s.leave(await(nc)) }() // on a small stack, while net/http lets its own go
	return false
}

// mostAhead is how much a client may send while it is answered without an end.
const mostAhead = 64 << 10

// await returns when the client has gone, and why. What it sends meanwhile could be answered
// only after what never ends.
func await(r io.Reader) error {
	var b [128]byte
	for ahead := 0; ahead < mostAhead; {
		n, err := r.Read(b[:])
		ahead += n
		switch {
		case err == io.EOF:
			return errGone
		case err != nil:
			return err
		}
	}
	return errors.New("transport: the client sends where there is nobody to read")
}

// Send implements openline.Line.
func (s *stream) Send(m *openline.Message) error {
	b := s.kind.form(m)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.gone != nil:
		return s.gone
	case s.closing:
		return openline.ErrSessionClosed
	case s.t.queue.full(s.count, s.bytes, len(b)):
		return openline.ErrSlow
	}
	if place := m.Place(); place != "" {
		s.place = place
	}
	s.waiting = append(s.waiting, b)
	s.count++
	s.bytes += len(b)
	s.wake()
	return nil
}

// wake has somebody write. mu is held.
func (s *stream) wake() {
	if !s.busy {
		s.busy = true
		go s.work()
	}
}

// Room implements openline.PacedLine.
func (s *stream) Room(hub *openline.Session) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.t.queue.room(s.count, s.bytes, 2) {
		return true
	}
	s.asked = hub
	return false
}

// Close implements openline.Line: what waits goes out, and then the answer ends in order.
func (s *stream) Close(code int, reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		return
	}
	s.closing, s.code, s.reason = true, code, reason
	if s.pipe != nil {
		s.pipe.hurry()
	}
	s.wake()
}

// leave ends the session of a client that has gone.
func (s *stream) leave(err error) {
	s.mu.Lock()
	if s.gone == nil {
		s.gone = err
	}
	busy := s.busy
	s.busy = true
	s.mu.Unlock()
	s.pipe.abort()
	if !busy {
		s.finish()
	}
}

// finish is the last thing that is done, once, by whoever is busy.
func (s *stream) finish() {
	s.mu.Lock()
	if s.timer != nil {
		s.timer.Stop()
	}
	s.waiting = nil
	err, code, reason := s.gone, s.code, s.reason
	s.mu.Unlock()
	s.t.mu.Lock()
	delete(s.t.streams, s)
	s.t.mu.Unlock()
	hub := s.hub.Load()
	if errors.Is(err, errGone) {
		err = nil
	}
	hub.Closed(err)
	s.release()
	s.t.logClosed(hub, code, reason, err)
	close(s.done)
}

// broken reports whether the body had no orderly end.
func (s *stream) broken() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.gone != nil
}

func (t *HTTP) logClosed(hub *openline.Session, code int, reason string, err error) {
	if log := t.ws.log; log.Enabled(t.ws.ctx, slog.LevelDebug) {
		log.Debug("session closed", "user", hub.User(), "remote", hub.RemoteAddr(),
			"lasted", time.Since(hub.Opened()).Round(time.Millisecond), "code", code, "reason", reason, "error", err)
	}
}

var _ openline.PacedLine = (*stream)(nil)
