package client

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/openline/openline/websocket"
)

// quiet takes the lines of parts whose failures the client reports itself.
var quiet = slog.New(slog.DiscardHandler)

const (
	held      = 5 * time.Second // how long a session must have been open for troubles before it to be over
	mostStale = 3               // how many fresh tokens the server may refuse
)

// pace says when to come back.
type pace struct {
	backoff  websocket.Backoff
	troubles int // since a session held
	stales   int
}

// run keeps a session open until ctx ends or the server ends it for good.
func (c *Client) run(ctx context.Context) {
	defer close(c.done)
	if c.owns {
		defer c.o.HTTPClient.CloseIdleConnections()
	}
	p := &pace{backoff: websocket.Backoff{Min: c.o.BackoffMin, Max: c.o.BackoffMax}}
	for {
		t := c.choice.pick()
		c.tell(State{Phase: Connecting, Transport: t})
		s := newSession(c, t)
		v := s.run(ctx)
		if ctx.Err() != nil {
			c.set(nil, ErrClosed)
			c.tell(State{Phase: Closed, Transport: t, Err: ErrClosed})
			return
		}
		next := v.doubt != none && c.choice.failed(t, v.doubt)
		if v.kind == stale {
			if p.stales++; c.o.Token == nil || p.stales > mostStale {
				v.kind = final
			}
		}
		if v.kind == final {
			c.o.Logger.Warn("openline client: ended for good", "user", c.o.User, "transport", t, "err", v.err)
			c.set(nil, v.err)
			c.events.end(v.err, false)
			c.tell(State{Phase: Closed, Transport: t, Err: v.err})
			return
		}
		c.last = v.err
		delay := time.Duration(0)
		if !next {
			delay = p.delay(s, &v)
		}
		c.o.Logger.Info("openline client: no session", "user", c.o.User, "transport", t, "err", v.err, "again_in", delay)
		c.tell(State{Phase: Waiting, Transport: t, Delay: delay, Err: v.err})
		_ = pause(ctx, delay) // if ctx has ended, so will the next session
	}
}

// delay says how long to wait after s.
func (p *pace) delay(s *session, v *verdict) time.Duration {
	if !s.opened.IsZero() && time.Since(s.opened) >= held {
		p.backoff.Reset()
		p.troubles, p.stales = 0, min(p.stales, 1)
	}
	switch {
	case errors.Is(v.err, errLagging):
		return 0
	case v.kind == stale && p.stales == 1:
		return 0 // a token that has run out is no trouble
	}
	hint := s.retry()
	p.troubles++
	switch {
	case v.retry > 0:
		return v.retry + p.backoff.Next()
	case hint > 0 && p.troubles == 1:
		return hint // another one for each client
	}
	return hint + p.backoff.Next()
}

func (c *Client) tell(s State) {
	if c.o.OnState != nil {
		c.o.OnState(s)
	}
}
