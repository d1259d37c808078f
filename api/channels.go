package api

import (
	"net/http"

	"github.com/openline/openline"
	"github.com/openline/openline/transport/problem"
)

// historyQuery is what the call for a channel's history knows in its query.
var historyQuery = []string{"since", "limit"}

// verbatim is an answer that is JSON already, and goes out byte for byte.
type verbatim []byte

// history answers with a page of what the channel has kept.
func (a *API) history(c *call) (any, error) {
	limit, err := c.limit()
	if err != nil {
		return nil, err
	}
	since := c.query.Get("since")
	if c.query.Has("since") && since == "" {
		return nil, problem.New(http.StatusBadRequest, openline.CodeBadRequest, "The query parameter since is empty; leave it out for the beginning.")
	}
	p, err := a.hub.History(c.name, since, limit)
	if err != nil {
		return nil, err
	}
	return verbatim(p.JSON()), nil
}

// attendance is how the API shows who is in a channel.
type attendance struct {
	Members []openline.Member `json:"members"`
	Total   int               `json:"total"`
}

func (a *API) presence(c *call) (any, error) {
	members, total, err := a.hub.Presence(c.name)
	if err != nil {
		return nil, err
	}
	return attendance{members, total}, nil
}
