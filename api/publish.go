package api

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/openline/openline"
	"github.com/openline/openline/transport/problem"
)

// What the calls that publish know in their query.
var (
	publishQuery = []string{"type"}
	waitQuery    = []string{"wait", "timeout"}
)

const (
	typeField = "Openline-Type"
	keyField  = "Idempotency-Key"
)

// receipt is the answer to a publish.
type receipt struct {
	ID        string `json:"id"`
	Delivered int    `json:"delivered"`
	Stored    bool   `json:"stored"`
	Duplicate bool   `json:"duplicate,omitempty"`
}

func (a *API) sendToUser(w http.ResponseWriter, c *call) error {
	return a.accept(w, c, func(p openline.Publication) (openline.Receipt, error) {
		return a.hub.Send(c.Context(), c.params["user"], p)
	})
}

func (a *API) publish(w http.ResponseWriter, c *call) error {
	return a.accept(w, c, func(p openline.Publication) (openline.Receipt, error) {
		p.Channel = c.params["channel"]
		return a.hub.Publish(c.Context(), p)
	})
}

func (a *API) broadcast(w http.ResponseWriter, c *call) error {
	return a.accept(w, c, func(p openline.Publication) (openline.Receipt, error) {
		return a.hub.Broadcast(c.Context(), p)
	})
}

// accept reads a publication, hands it on and answers with its receipt. The
// name in the path is checked before the body is read.
func (a *API) accept(w http.ResponseWriter, c *call, publish func(openline.Publication) (openline.Receipt, error)) error {
	if err := c.checkNames(); err != nil {
		return err
	}
	if c.query.Has("wait") || c.query.Has("timeout") {
		return problem.New(http.StatusNotImplemented, openline.CodeUnsupported, "This server does not wait for acknowledgements; leave out wait and timeout, and the answer says how many sessions were reached.")
	}
	p, err := c.publication()
	if err != nil {
		return err
	}
	if p.Data, err = a.body(w, c); err != nil {
		return err
	}
	got, err := publish(p)
	if err != nil {
		return err
	}
	return reply(w, c.Request, http.StatusOK, receipt(got))
}

// checkNames checks the names that the path holds.
func (c *call) checkNames() error {
	if user, ok := c.params["user"]; ok {
		return openline.CheckUser(user)
	}
	if channel, ok := c.params["channel"]; ok {
		return openline.CheckChannel(channel)
	}
	return nil
}

// publication returns what the header and the query say of one.
func (c *call) publication() (p openline.Publication, err error) {
	p.Type = c.query.Get("type")
	if given := c.Header.Get(typeField); given != "" {
		if p.Type != "" && p.Type != given {
			return p, problem.New(http.StatusBadRequest, openline.CodeBadRequest, "The query says type %q and the field %s says %q; send one of them.", clip(p.Type), typeField, clip(given))
		}
		p.Type = given
	}
	if c.query.Has("type") && p.Type == "" {
		return p, problem.New(http.StatusBadRequest, openline.CodeBadName, "The query parameter type is empty; leave it out for %q.", openline.DefaultType)
	}
	if values := c.Header.Values(keyField); len(values) > 0 {
		if len(values) > 1 {
			return p, problem.New(http.StatusBadRequest, openline.CodeBadRequest, "The field %s is given more than once.", keyField)
		}
		if p.Key = unquote(values[0]); p.Key == "" {
			return p, problem.New(http.StatusBadRequest, openline.CodeBadName, "The field %s is empty.", keyField)
		}
	}
	return p, nil
}

// unquote takes the quotes of a structured field's string (RFC 9651 §3.3.3)
// away, in which some clients put the key, so that both forms are one key.
func unquote(s string) string {
	if len(s) < 2 || s[0] != '"' || s[len(s)-1] != '"' {
		return s
	}
	return strings.NewReplacer(`\"`, `"`, `\\`, `\`).Replace(s[1 : len(s)-1])
}

// entry is one line of a batch: exactly one of To, Channel and All.
type entry struct {
	To      *string         `json:"to"`
	Channel *string         `json:"channel"`
	All     *bool           `json:"all"`
	Type    string          `json:"type"`
	Key     string          `json:"key"`
	Data    json.RawMessage `json:"data"`
}
