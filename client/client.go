package client

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Client holds one session with a server, over whatever connections that takes.
// Its methods may be called from any goroutine; Next from one at a time.
type Client struct {
	o      *config
	events *queue
	cancel context.CancelCauseFunc
	begun  chan struct{} // closed when there has been a session
	done   chan struct{} // closed when run has returned
	choice *choice       // run's
	hold   time.Duration // run's: how long polls are held on this way to the server
	ref    atomic.Uint64 // of the last request
	last   error         // run's: why the last attempt or session ended
	wake   chan struct{} // there may be something to acknowledge
	owns   bool          // HTTPClient is the client's own

	mu       sync.Mutex    // guards the following
	session  *session      // that is open, or nil
	err      error         // why there will be none, or nil
	changed  chan struct{} // closed when session or err changes
	channels []string      // subscribed to
	place    string        // where the next session goes on
	polling  string        // what a poll's cursor has behind the place: the session that the server may still have, or ""
	seen     seen
	unacked  string // asks to be acknowledged, and the application has it
	toAck    string // to be acknowledged now; it stands for all before it
}

// Dial opens a session with the server at url, its base such as
// https://example.com, and returns when it is open. Until ctx ends it is tried
// again where that can help; the error is an [*Error] where it cannot. ctx is not
// needed afterwards: from then on the client keeps the session by itself, until
// Close or until the server ends it for good.
func Dial(ctx context.Context, url string, o *Options) (*Client, error) {
	resolved, err := o.resolve(url)
	if err != nil {
		return nil, err
	}
	c := &Client{
		o:        resolved,
		events:   &queue{most: resolved.QueueMessages, mostBytes: resolved.QueueBytes, place: o.Since},
		begun:    make(chan struct{}),
		done:     make(chan struct{}),
		choice:   newChoice(resolved.Transports),
		hold:     resolved.Hold,
		wake:     make(chan struct{}, 1),
		owns:     o.HTTPClient == nil,
		changed:  make(chan struct{}),
		channels: slices.Clone(o.Channels),
		place:    o.Since,
	}
	life, cancel := context.WithCancelCause(context.Background())
	c.cancel = cancel
	go c.run(life)
	select {
	case <-c.begun:
		return c, nil
	case <-c.done:
		c.mu.Lock()
		defer c.mu.Unlock()
		return nil, c.err
	case <-ctx.Done():
	}
	_ = c.Close()
	if c.last != nil {
		return nil, fmt.Errorf("client: no session was opened in time: %w (last: %w)", ctx.Err(), c.last)
	}
	return nil, fmt.Errorf("client: no session was opened in time: %w", ctx.Err())
}

// Next waits for the next event, in the server's order and each once, whatever
// happens to connections. Asking for the next one says that the application has
// taken in the last: that is when a message whose sender waits for that is
// acknowledged.
//
// The error is that of ctx, or once the client has ended [ErrClosed] or the
// server's [*Error], after all that was received before.
func (c *Client) Next(ctx context.Context) (Event, error) {
	for {
		c.acknowledge()
		it, err := c.events.pop(ctx)
		if err != nil {
			return nil, err
		}
		if it.ack != "" {
			c.mu.Lock()
			c.unacked = it.ack
			c.mu.Unlock()
		}
		if it.event != nil {
			return it.event, nil
		}
	}
}

// acknowledge has the message acknowledged that Next returned last, if its sender
// waits for that.
func (c *Client) acknowledge() {
	c.mu.Lock()
	id := c.unacked
	if id != "" {
		c.unacked, c.toAck = "", id
	}
	c.mu.Unlock()
	if id != "" {
		poke(c.wake)
	}
}

// poke leaves a mark in a channel of capacity 1.
func poke(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

// Cursor returns the place in the stream behind the event that Next returned
// last, for [Options].Since of a later client. It is opaque, and "" before there is
// a session.
func (c *Client) Cursor() string { return c.events.cursor() }

// Channels returns the channels that the session is subscribed to.
func (c *Client) Channels() []string { return c.subscribed() }

// Close ends the session and returns when that is done. What has been received and
// not been asked for is dropped, and a message that has been asked for last is not
// acknowledged any more. It always returns nil.
func (c *Client) Close() error {
	c.cancel(ErrClosed)
	<-c.done
	c.events.end(ErrClosed, true)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.err = ErrClosed
	return nil
}

// current waits for an open session.
func (c *Client) current(ctx context.Context) (*session, error) {
	for {
		c.mu.Lock()
		s, err, changed := c.session, c.err, c.changed
		c.mu.Unlock()
		if s != nil || err != nil {
			return s, err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// set makes s the session that is open, nil for none, or ends the client with err.
func (c *Client) set(s *session, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.session, c.err = s, err
	close(c.changed)
	c.changed = make(chan struct{})
}

func (c *Client) subscribed() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.channels)
}

// since returns the cursor to resume from. It names the polling session that the
// server may still have, so that this one takes its place.
func (c *Client) since() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.place == "" || c.polling == "" {
		return c.place
	}
	return c.place + "." + c.polling
}

// moved notes where the session is, in c.mu's order.
func (c *Client) moved(place string) {
	if place == "" {
		return
	}
	c.mu.Lock()
	c.place = place
	c.mu.Unlock()
	c.events.move(place)
}

// polled notes where a poll left off, and in which polling session.
func (c *Client) polled(place, polling string) {
	c.moved(place)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.polling = polling
}
