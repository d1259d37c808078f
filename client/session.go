package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/openline/openline/websocket"
)

// session is one attempt to have a session, and the session if it comes to that.
// It is read on the goroutine of Client.run.
type session struct {
	c         *Client
	transport Transport
	link      link          // nil before there is one
	over      chan struct{} // closed at its end
	asked     chan struct{} // a request has been made

	reached atomic.Bool // there was a connection

	mu       sync.Mutex // guards the following
	id       string
	token    string
	requests map[uint64]*request // that wait for a reply among the envelopes
	fault    *Error              // what the requests that wait are told at its end; nil: to try again

	opened  time.Time // the reader's, as the following
	cancel  context.CancelCauseFunc
	lagging bool          // the queue is full, and only replies are taken
	said    *Error        // the sys:error that announced the end
	drain   time.Duration // when sys:drain wants the client back
	helpers sync.WaitGroup
}

func newSession(c *Client, t Transport) *session {
	return &session{
		c: c, transport: t, over: make(chan struct{}), asked: make(chan struct{}, 1), requests: make(map[uint64]*request),
	}
}

func (s *session) name() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.id
}

func (s *session) bearer() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.token
}

// run opens the session, reads it until it ends, and says what that means.
func (s *session) run(life context.Context) verdict {
	defer close(s.over)
	ctx, cancel := context.WithCancelCause(life)
	s.cancel = cancel
	err := s.open(ctx)
	if err == nil {
		err = s.read(ctx)
	}
	err = because(ctx, err)
	cancel(err)
	s.helpers.Wait()
	if s.link != nil {
		s.link.close(life.Err() != nil)
	}
	opened := !s.opened.IsZero()
	if opened {
		s.c.set(nil, nil)
	}
	v := judge(err, opened)
	if !s.reached.Load() {
		v.doubt = none // what has not been reached cannot have held anything back
	}
	if e, ok := errors.AsType[*websocket.CloseError](err); ok && e.Remote {
		s.blame(e)
	}
	if s.said != nil && s.transport != WebSocket {
		v = judgeSaid(s.said, opened)
	}
	return v
}

// open connects and waits for sys:open.
func (s *session) open(ctx context.Context) error {
	if err := s.refresh(ctx); err != nil {
		return err
	}
	timer := time.AfterFunc(s.c.o.OpenTimeout, func() { s.cancel(errNoOpen) })
	defer timer.Stop()
	l, err := s.c.dial(ctx, s.transport, &opening{session: s, token: s.bearer(), since: s.c.since(), channels: s.c.subscribed()})
	if err != nil {
		return err
	}
	s.link = l
	for {
		b, err := l.next(ctx)
		if err != nil {
			return err
		}
		e, err := parseEnvelope(b)
		switch {
		case err != nil:
			return fmt.Errorf("%w: %w", errUnfit, err)
		case e.Type == sysError: // the end follows
			if err := s.take(ctx, e, len(b)); err != nil {
				return err
			}
			continue
		case e.Type != sysOpen:
			return fmt.Errorf("%w: it begins with %q instead of sys:open", errUnfit, e.Type)
		case !timer.Stop():
			return errNoOpen
		}
		s.c.choice.works(s.transport)
		return s.begin(e)
	}
}

// refresh asks the application for a token.
func (s *session) refresh(ctx context.Context) error {
	if s.c.o.Token == nil {
		return nil
	}
	token, err := s.c.o.Token(ctx)
	if err != nil {
		return &tokenError{err}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.token = token
	return nil
}

// begin takes a sys:open: of the session, or where a poll found its session gone,
// of the one that the server opened in its place.
func (s *session) begin(e *envelope) error {
	var data struct {
		Session string
		Resumed bool
	}
	if err := json.Unmarshal(e.Data, &data); err != nil {
		return fmt.Errorf("%w: its sys:open cannot be read: %w", errUnfit, err)
	}
	s.mu.Lock()
	s.id = data.Session
	s.mu.Unlock()
	s.c.moved(e.place())
	if s.transport != Poll {
		s.c.mu.Lock()
		s.c.polling = ""
		s.c.mu.Unlock()
	}
	if s.opened.IsZero() {
		s.opened = time.Now()
		s.c.set(s, nil)
		select {
		case <-s.c.begun:
		default:
			close(s.c.begun)
		}
	}
	s.c.tell(State{Phase: Open, Transport: s.transport, Session: data.Session, Resumed: data.Resumed})
	return nil
}

// read takes envelopes until the session ends.
func (s *session) read(ctx context.Context) error {
	if s.transport != Poll {
		s.helpers.Go(func() { s.acknowledge(ctx) })
	}
	for {
		b, err := s.link.next(ctx)
		if err != nil {
			return err
		}
		e, err := parseEnvelope(b)
		if err == nil {
			err = s.take(ctx, e, len(b))
		}
		if err != nil {
			return err
		}
	}
}

// take deals with one envelope.
func (s *session) take(ctx context.Context, e *envelope, size int) error {
	switch {
	case e.Type == sysError && e.Ref == nil:
		s.said = new(Error)
		if err := json.Unmarshal(e.Data, s.said); err != nil {
			return fmt.Errorf("client: the server ended the session with a sys:error that cannot be read: %w", err)
		}
		return s.leave()
	case e.Type == sysOK || e.Type == sysError:
		s.answer(e)
		return nil
	}
	s.said = nil // the end was not near
	switch e.Type {
	case sysOpen:
		return s.begin(e)
	case sysDrain:
		var data struct{ Retry int64 }
		if json.Unmarshal(e.Data, &data) == nil && data.Retry > 0 {
			s.drain = time.Duration(min(data.Retry, longestRetry.Milliseconds())) * time.Millisecond
		}
		return s.leave()
	}
	if s.lagging {
		return nil
	}
	return s.put(ctx, e, size)
}

// leave is for when the server has said that the session is about to end. It ends
// most connections itself; a poll would only be followed by another.
func (s *session) leave() error {
	if s.transport == Poll {
		return errEnded
	}
	return nil
}

// put puts an envelope into the queue, unless that has been there.
func (s *session) put(ctx context.Context, e *envelope, size int) error {
	event, err := e.toEvent()
	if err != nil {
		return err
	}
	c := s.c
	place := e.place()
	it := item{event: event, place: place, size: size}
	// What is known of it is noted before the application can have it, and make a
	// request that changes just that.
	c.mu.Lock()
	fresh := e.ID != "" && event != nil && c.seen.add(e.ID, e.Channel)
	if e.ID != "" && !fresh {
		it.event = nil
	}
	before := c.place
	if place != "" {
		c.place = place
	}
	c.mu.Unlock()
	if e.Ack {
		it.ack = e.ID
	}
	if it.event == nil && it.ack == "" {
		if place != "" {
			c.events.move(place)
		}
		return nil
	}
	if err = s.push(ctx, it); err != nil || s.lagging {
		c.mu.Lock()
		defer c.mu.Unlock()
		if fresh {
			c.seen.remove(e.ID)
		}
		if c.place == place {
			c.place = before
		}
		return err
	}
	if e.Ack && s.transport == Poll {
		return c.events.taken(ctx) // the next poll acknowledges what this one brought
	}
	return nil
}

// push waits for room in the queue. Where the reply to a request may stand behind
// what does not fit, and the application may be waiting for that reply instead of
// making room, only replies are taken from then on. What is left out meanwhile
// comes with the next session, which begins as soon as there is room.
func (s *session) push(ctx context.Context, it item) error {
	if s.transport != WebSocket {
		return s.c.events.push(ctx, it, nil)
	}
	for {
		err := s.c.events.push(ctx, it, s.asked)
		if !errors.Is(err, errAsked) {
			return err
		}
		if s.awaited() {
			s.lagging = true
			s.helpers.Go(func() {
				if s.c.events.relaxed(ctx) == nil {
					s.cancel(errLagging)
				}
			})
			return nil
		}
	}
}

// acknowledge tells the server what the application has taken in.
func (s *session) acknowledge(ctx context.Context) {
	poke(s.c.wake)
	for {
		select {
		case <-s.c.wake:
		case <-ctx.Done():
			return
		}
		s.c.mu.Lock()
		id := s.c.toAck
		s.c.toAck = ""
		s.c.mu.Unlock()
		if id == "" {
			continue
		}
		b, _ := json.Marshal(&wireRequest{Type: "ack", Ref: s.c.ref.Add(1), ID: id}) // strings and a number: cannot fail
		if _, err := s.link.send(ctx, b, true); err != nil {
			s.c.mu.Lock()
			if s.c.toAck == "" {
				s.c.toAck = id // for the next session, if there is nothing later
			}
			s.c.mu.Unlock()
		}
	}
}

// retry is when the server wants the client back, 0 if it has not said.
func (s *session) retry() time.Duration {
	if s.drain > 0 {
		return s.drain
	}
	if r, ok := s.link.(retrier); ok {
		return r.retry()
	}
	return 0
}

// tokenError is a failure of the application's own.
type tokenError struct{ err error }

func (e *tokenError) Error() string { return "client: Options.Token: " + e.err.Error() }
func (e *tokenError) Unwrap() error { return e.err }
