package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

const (
	shortestHold = 5 * time.Second // however often a proxy cuts a poll off
	pollPause    = time.Second     // after an empty answer that should have been held
	batchLimit   = 16 << 20        // of an answer, beside its largest message
)

// polling is the link over long polling.
type polling struct {
	up
	since string // what the last answer gave
	begun bool
	batch []json.RawMessage
	more  bool
}

// dialPoll makes the first poll, which is answered at once.
func (c *Client) dialPoll(ctx context.Context, o *opening) (link, error) {
	l := &polling{up: up{c, o}, since: o.since}
	if err := l.poll(ctx, 0); err != nil {
		return nil, err
	}
	return l, nil
}

func (l *polling) next(ctx context.Context) ([]byte, error) {
	for len(l.batch) == 0 {
		if place, polling, ok := strings.Cut(l.since, "."); ok {
			l.c.polled(place, polling)
		}
		hold := l.c.hold
		if l.more {
			hold = 0
		}
		began := time.Now()
		if err := l.poll(ctx, hold); err != nil {
			return nil, err
		}
		if len(l.batch) == 0 && hold > 0 && time.Since(began) < min(pollPause, hold/2) {
			if err := pause(ctx, pollPause); err != nil {
				return nil, err
			}
		}
	}
	b := l.batch[0]
	l.batch = l.batch[1:]
	return b, nil
}

// poll asks once. Its own patience is longer than the hold.
func (l *polling) poll(ctx context.Context, hold time.Duration) error {
	ctx, cancel := context.WithTimeoutCause(ctx, hold+l.c.o.Silence/3, errSilent)
	defer cancel()
	o := *l.o
	o.since, o.channels, o.token = l.since, l.c.subscribed(), l.o.session.bearer()
	query := o.query()
	if hold > 0 {
		query.Set("wait", hold.String())
	}
	resp, err := l.c.get(ctx, l.c.o.address("/poll/", query), &o, "application/json", "")
	if err != nil {
		return l.cut(err)
	}
	defer resp.Body.Close()
	limit := int64(l.c.o.MaxMessage) + batchLimit
	b, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	switch {
	case err != nil:
		return l.cut(because(ctx, err))
	case int64(len(b)) > limit:
		return errTooLong
	}
	var answer struct {
		Cursor   string
		Messages []json.RawMessage
		More     bool
	}
	if err := json.Unmarshal(b, &answer); err != nil || answer.Cursor == "" {
		return fmt.Errorf("%w: it is JSON, but no answer to a poll", errUnfit)
	}
	l.batch, l.more = answer.Messages, answer.More
	if !l.begun {
		l.begin(answer.Cursor)
	}
	l.since = answer.Cursor
	return nil
}

// begin adds what a server does not say when it takes up a polling session that
// it still has: that there is a session.
func (l *polling) begin(cursor string) {
	l.begun = true
	now := pollSession(cursor)
	if now == "" || now != pollSession(l.since) {
		return
	}
	var first struct{ Type string }
	if len(l.batch) > 0 && json.Unmarshal(l.batch[0], &first) == nil && first.Type == sysOpen {
		return
	}
	open, _ := json.Marshal(map[string]any{"type": sysOpen, "data": map[string]any{"session": now, "resumed": true}}) // cannot fail
	l.batch = append([]json.RawMessage{open}, l.batch...)
}

// pollSession returns the id of the session in a poll's cursor, "" for none.
func pollSession(cursor string) string {
	_, behind, _ := strings.Cut(cursor, ".")
	id, _, _ := strings.Cut(behind, ".")
	return id
}

// cut shortens the hold when something on the way does not endure it, or 204 says
// that there was nothing.
func (l *polling) cut(err error) error {
	r, refused := errors.AsType[*refusal](err)
	switch {
	case refused && r.said.Status == http.StatusNoContent:
		l.batch, l.more = nil, false
		if l.begun {
			return nil
		}
	case refused && r.said.Status == http.StatusGatewayTimeout, errors.Is(err, errSilent):
		l.c.hold = max(l.c.hold/2, min(shortestHold, l.c.hold))
	}
	return err
}

func (l *polling) close(bool) {}

// pause waits.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
