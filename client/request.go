package client

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/openline/openline/websocket"
)

// wireRequest is a request as it is sent.
type wireRequest struct {
	Type    string          `json:"type"`
	Ref     uint64          `json:"ref"`
	Channel string          `json:"channel,omitempty"`
	To      string          `json:"to,omitempty"`
	Event   string          `json:"event,omitempty"`
	Key     string          `json:"key,omitempty"`
	Once    string          `json:"once,omitempty"`
	ID      string          `json:"id,omitempty"`
	Since   string          `json:"since,omitempty"`
	Limit   int             `json:"limit,omitempty"`
	Data    json.RawMessage `json:"data,omitempty"`
}

// request is one that waits for its reply.
type request struct {
	wireRequest
	done  func(s *session, data json.RawMessage, inOrder bool) error // what a reply changes; nil: nothing
	reply chan *envelope                                             // of capacity 1
}

// ofSession reports whether the request is about the session itself.
func (q *request) ofSession() bool { return q.Type == "subscribe" || q.Type == "unsubscribe" }

// mostGone is how often a server may say that it has no such session, before it is
// believed: it may be another one than holds the session.
const mostGone = 3

// keyLife is for how long a publish is repeated: the server knows its key a
// little longer.
const keyLife = 100 * time.Second

// ask makes a request and returns the reply's data. It waits for a session, and
// repeats what was lost with one.
func (c *Client) ask(ctx context.Context, w wireRequest, done func(*session, json.RawMessage, bool) error) (json.RawMessage, error) {
	w.Ref = c.ref.Add(1)
	q := &request{wireRequest: w, done: done, reply: make(chan *envelope, 1)}
	b, err := json.Marshal(&q.wireRequest)
	if err != nil {
		return nil, fmt.Errorf("client: the request cannot be encoded: %w", err)
	}
	backoff := websocket.Backoff{Min: c.o.BackoffMin, Max: c.o.BackoffMax}
	refreshed, gone := false, 0
	var first time.Time
	for {
		s, err := c.current(ctx)
		if err != nil {
			return nil, err
		}
		if first.IsZero() {
			first = time.Now()
		} else if q.Key+q.Once != "" && time.Since(first) > keyLife {
			return nil, ErrOutcomeUnknown
		}
		e, err := s.ask(ctx, q, b)
		if err == nil {
			return e.result()
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		var retry time.Duration
		if r, ok := errors.AsType[*refusal](err); ok {
			switch {
			case r.said.Status == http.StatusUnauthorized && c.o.Token != nil && !refreshed:
				refreshed = true
				if err := s.refresh(ctx); err != nil {
					return nil, err
				}
				continue
			case q.ofSession() && gone < mostGone && (r.said.Status == http.StatusNotFound || r.said.Status == http.StatusGone):
				if gone++; s.transport == Poll {
					s.cancel(errGone) // its next poll may be long in coming
				}
			case !r.passing():
				return nil, &r.said
			}
			retry = r.retry
		} else if e, ok := errors.AsType[*Error](err); ok {
			return nil, e
		}
		if err := s.lull(ctx, retry+backoff.Next()); err != nil {
			return nil, err
		}
	}
}

// lull waits before a request is repeated: not longer than the session lasts.
func (s *session) lull(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-s.over:
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

// ask makes a request once.
func (s *session) ask(ctx context.Context, q *request, b []byte) (*envelope, error) {
	if s.transport != WebSocket {
		answer, err := s.link.send(ctx, b, q.ofSession())
		if err != nil {
			return nil, err
		}
		e, err := parseEnvelope(answer)
		if err == nil && e.Type == sysOK && q.done != nil {
			err = q.done(s, e.Data, false)
		}
		return e, err
	}
	s.mu.Lock()
	s.requests[q.Ref] = q
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.requests, q.Ref)
	}()
	poke(s.asked)
	if _, err := s.link.send(ctx, b, true); err != nil {
		return nil, err
	}
	select {
	case e := <-q.reply:
		return e, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-s.over:
	}
	select {
	case e := <-q.reply:
		return e, nil
	default:
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fault != nil {
		return nil, s.fault
	}
	return nil, errLost
}

// awaited reports whether requests wait for replies.
func (s *session) awaited() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.requests) > 0
}

// answer hands a reply to who waits for it.
func (s *session) answer(e *envelope) {
	ref, err := strconv.ParseUint(string(e.Ref), 10, 64)
	if err != nil {
		return
	}
	s.mu.Lock()
	q := s.requests[ref]
	delete(s.requests, ref)
	s.mu.Unlock()
	if q == nil {
		return // nobody waits any more
	}
	if e.Type == sysOK && q.done != nil {
		_ = q.done(s, e.Data, true) // fails only out of order
	}
	q.reply <- e
}

// blame tells the requests that wait that one of them may be why the server
// ended the connection, so that it is not sent again and again.
func (s *session) blame(e *websocket.CloseError) {
	code := codeBadRequest
	switch e.Code {
	case websocket.CloseMessageTooBig:
		code = codeTooLarge
	case websocket.ClosePolicyViolation, websocket.CloseInvalidPayload, websocket.CloseUnsupportedData:
	default:
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = &Error{Code: code, Message: fmt.Sprintf("the connection was closed for a request: %s %s", e.Code, e.Reason)}
}

// result returns what a reply says.
func (e *envelope) result() (json.RawMessage, error) {
	if e.Type != sysError {
		return e.Data, nil
	}
	refused := new(Error)
	if err := json.Unmarshal(e.Data, refused); err != nil {
		return nil, fmt.Errorf("client: the server refused with a sys:error that cannot be read: %w", err)
	}
	return nil, refused
}

// newKey returns a key that no other message has.
func newKey() string { return rand.Text() }
