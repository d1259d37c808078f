package client

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// PublishOptions are what may be said with a message. nil are the defaults.
type PublishOptions struct {
	// Type is the application's name for the kind of message. Default "message".
	Type string
	// Key tells the server that this is the same message if it comes again within
	// two minutes. In a channel whose namespace keeps the latest message of each
	// key it says which one this replaces: it must be given there. Default: one that
	// is made for this call, which makes it safe to repeat it when the connection is
	// lost.
	Key string
}

// Receipt is the server's answer to a message.
type Receipt struct {
	ID        string `json:"id"`
	Delivered int    `json:"delivered"` // sessions that it has been handed to
	Stored    bool   `json:"stored"`    // it is in the channel's history
}

// Publish publishes data, as json.Marshal encodes it, to a channel. Like all
// requests it waits for a session and is repeated when the connection is lost
// before the reply, until ctx ends. Then it may have been published or not.
func (c *Client) Publish(ctx context.Context, channel string, data any, o *PublishOptions) (*Receipt, error) {
	return c.publish(ctx, wireRequest{Type: "publish", Channel: channel}, data, o)
}

// Send sends data, as json.Marshal encodes it, to all sessions of a user. It waits
// and repeats as Publish does.
func (c *Client) Send(ctx context.Context, user string, data any, o *PublishOptions) (*Receipt, error) {
	return c.publish(ctx, wireRequest{Type: "send", To: user}, data, o)
}

func (c *Client) publish(ctx context.Context, w wireRequest, data any, o *PublishOptions) (*Receipt, error) {
	b, err := json.Marshal(data)
	if err != nil {
		return nil, fmt.Errorf("client: the data cannot be encoded as JSON: %w", err)
	}
	w.Data = b
	if o != nil {
		w.Event, w.Key = o.Type, o.Key
	}
	if w.Key == "" { // which would say what a message is the latest of, where that is kept
		w.Once = newKey()
	}
	return reply[Receipt](c.ask(ctx, w, nil))
}

// SubscribeOptions are what may be said with a subscription. nil are the defaults.
type SubscribeOptions struct {
	// Since is a cursor: what was published to the channel after it comes first, even
	// what Next has returned before. Default: what is published from now on.
	Since string
}

// Subscribe subscribes to a channel, for this session and those that follow it.
func (c *Client) Subscribe(ctx context.Context, channel string, o *SubscribeOptions) error {
	w := wireRequest{Type: "subscribe", Channel: channel}
	if o != nil {
		w.Since = o.Since
	}
	c.mu.Lock()
	if w.Since != "" || !slices.Contains(c.channels, channel) {
		c.seen.forget(channel) // where only the latest message is kept, it comes again without a cursor, too
	}
	c.mu.Unlock()
	_, err := c.ask(ctx, w, func(s *session, data json.RawMessage, inOrder bool) error {
		var at struct{ Cursor string }
		_ = json.Unmarshal(data, &at) // without one, the place stays
		c.mu.Lock()
		defer c.mu.Unlock()
		if !inOrder && c.session != s {
			return errLost // the next session was opened without the channel
		}
		if !slices.Contains(c.channels, channel) {
			c.channels = append(c.channels, channel)
		}
		// The cursor is the session's place from here on. Beside the stream nobody
		// knows where in it that is: only going back is safe, then.
		if at.Cursor != "" && (inOrder && !s.lagging || earlier(at.Cursor, c.place)) {
			c.place = at.Cursor
			c.events.move(at.Cursor)
		}
		return nil
	})
	return err
}

// earlier reports whether cursor a is before b, as far as that can be known.
func earlier(a, b string) bool {
	epochA, seqA, okA := strings.Cut(a, "-")
	epochB, seqB, okB := strings.Cut(b, "-")
	if !okA || !okB || epochA != epochB {
		return false
	}
	m, errA := strconv.ParseUint(seqA, 10, 64)
	n, errB := strconv.ParseUint(seqB, 10, 64)
	return errA == nil && errB == nil && m < n
}

// Unsubscribe ends the subscription to a channel. What has been received before is
// still in the queue for Next.
func (c *Client) Unsubscribe(ctx context.Context, channel string) error {
	_, err := c.ask(ctx, wireRequest{Type: "unsubscribe", Channel: channel}, func(s *session, _ json.RawMessage, inOrder bool) error {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.channels = slices.DeleteFunc(c.channels, func(name string) bool { return name == channel })
		if !inOrder && c.session != s {
			return errLost // the next session was opened with the channel
		}
		return nil
	})
	return err
}

// Member is a user who is in a channel.
type Member struct {
	User     string    `json:"user"`
	Sessions []string  `json:"sessions"`
	Since    time.Time `json:"since"`
}

// Presence returns who is in a channel.
func (c *Client) Presence(ctx context.Context, channel string) ([]Member, error) {
	type list struct {
		Members []Member `json:"members"`
	}
	l, err := reply[list](c.ask(ctx, wireRequest{Type: "presence", Channel: channel}, nil))
	if err != nil {
		return nil, err
	}
	return l.Members, nil
}

// HistoryOptions say which part of a channel's history is wanted. nil are the
// defaults.
type HistoryOptions struct {
	Since string // a cursor: what came after it. Default: all that there is
	Limit int    // at most so many messages. Default: as many as the server gives at once
}

// Page is a part of a channel's history, oldest first.
type Page struct {
	Messages []*Message `json:"messages"`
	Cursor   string     `json:"cursor"` // the place after the last: Since of the next page
	Gap      *Gap       `json:"gap"`    // what is missing before the first; nil: nothing
}

// History returns a part of what the server keeps of a channel.
func (c *Client) History(ctx context.Context, channel string, o *HistoryOptions) (*Page, error) {
	w := wireRequest{Type: "history", Channel: channel}
	if o != nil {
		w.Since, w.Limit = o.Since, o.Limit
	}
	return reply[Page](c.ask(ctx, w, nil))
}

// reply decodes a reply's data.
func reply[T any](data json.RawMessage, err error) (*T, error) {
	if err != nil {
		return nil, err
	}
	v := new(T)
	if err := json.Unmarshal(data, v); err != nil {
		return nil, fmt.Errorf("client: the server's reply cannot be read: %w", err)
	}
	return v, nil
}
