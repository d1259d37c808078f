package api

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/openline/openline"
	"github.com/openline/openline/transport/problem"
)

// publishQuery is what the calls that publish know in their query.
var publishQuery = []string{"type", "key", "wait", "timeout"}

// How long a call waits for an acknowledgement.
const (
	delivered   = "delivered" // what to wait for
	defaultWait = 5 * time.Second
	maxWait     = time.Minute
)

const (
	typeField = "Openline-Type"
	keyField  = "Idempotency-Key"
)

func (a *API) publish(ctx context.Context, channel string, p openline.Publication) (openline.Receipt, error) {
	p.Channel = channel
	return a.hub.Publish(ctx, p)
}

func (a *API) broadcast(ctx context.Context, _ string, p openline.Publication) (openline.Receipt, error) {
	return a.hub.Broadcast(ctx, p)
}

func (a *API) tryPublish(channel string, p openline.Publication, then func(openline.Receipt, error)) bool {
	p.Channel = channel
	return a.hub.TryPublish(p, then)
}

func (a *API) tryBroadcast(_ string, p openline.Publication, then func(openline.Receipt, error)) bool {
	return a.hub.TryBroadcast(p, then)
}

// accept reads what a call publishes, hands it on and answers with its
// receipt. What the head says is checked before the body is read.
func (a *API) accept(w http.ResponseWriter, r *http.Request, c *call) error {
	p, err := c.publication()
	if err != nil {
		return err
	}
	if p.Data, err = a.readBody(w, r, c); err != nil {
		return err
	}
	if p.Await > 0 {
		a.patience(w, p.Await)
	}
	got, err := c.route.publish(c.ctx, c.name, p)
	if err != nil {
		return err
	}
	c.buf = appendReceipt(c.buf[:0], got, p.Await > 0) // the hub keeps nothing of the body
	write(w, r.Method, noStore, c.buf)
	return nil
}

// publication returns what the header and the query say of one.
func (c *call) publication() (p openline.Publication, err error) {
	if p.Await, err = c.wait(); err != nil {
		return p, err
	}
	p.Type = c.query.Get("type")
	if given := c.header.Get(typeField); given != "" {
		if p.Type != "" && p.Type != given {
			return p, problem.New(http.StatusBadRequest, openline.CodeBadRequest, "The query says type %q and the field %s says %q; send one of them.", clip(p.Type), typeField, clip(given))
		}
		p.Type = given
	}
	if c.query.Has("type") && p.Type == "" {
		return p, problem.New(http.StatusBadRequest, openline.CodeBadName, "The query parameter type is empty; leave it out for %q.", openline.DefaultType)
	}
	if values := c.header.Values(keyField); len(values) > 0 {
		if len(values) > 1 {
			return p, problem.New(http.StatusBadRequest, openline.CodeBadRequest, "The field %s is given more than once.", keyField)
		}
		if p.Once = unquote(values[0]); p.Once == "" {
			return p, problem.New(http.StatusBadRequest, openline.CodeBadName, "The field %s is empty.", keyField)
		}
	}
	if c.query.Has("key") {
		if p.Key = c.query.Get("key"); p.Key == "" {
			return p, problem.New(http.StatusBadRequest, openline.CodeBadName, "The query parameter key is empty.")
		}
	}
	return p, checkMedia(c.header)
}

// wait returns how long the query wants an acknowledgement waited for.
func (c *call) wait() (time.Duration, error) {
	switch {
	case !c.query.Has("wait") && c.query.Has("timeout"):
		return 0, problem.New(http.StatusBadRequest, openline.CodeBadRequest, "The query parameter timeout says how long to wait; give wait=%s beside it.", delivered)
	case !c.query.Has("wait"):
		return 0, nil
	case c.query.Get("wait") != delivered:
		return 0, problem.New(http.StatusBadRequest, openline.CodeBadRequest, "The value %q of wait is not known; it is %s.", clip(c.query.Get("wait")), delivered)
	case !c.query.Has("timeout"):
		return defaultWait, nil
	}
	text := c.query.Get("timeout")
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 || d > maxWait {
		return 0, problem.New(http.StatusBadRequest, openline.CodeBadRequest, "The timeout %q is not a duration such as 500ms or 2s, %v at most.", clip(text), maxWait)
	}
	return d, nil
}

// unquote takes the quotes of a structured field's string (RFC 9651 §3.3.3)
// away, in which some clients put the key, so that both forms are one key.
func unquote(s string) string {
	if len(s) < 2 || s[0] != '"' || s[len(s)-1] != '"' {
		return s
	}
	return strings.NewReplacer(`\"`, `"`, `\\`, `\`).Replace(s[1 : len(s)-1])
}
