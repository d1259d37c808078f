package api

import (
	"net/http"
	"regexp"
	"strconv"
	"time"

	"github.com/openline/openline"
	"github.com/openline/openline/transport/problem"
)

// pageQuery is what the calls that page through sessions know in their query.
var pageQuery = []string{"after", "limit"}

const (
	defaultLimit = 100
	maxLimit     = 1000
)

// sessionID is the form of the hub's session ids: 128 bits in base32.
var sessionID = regexp.MustCompile(`^[0-9a-v]{25}[048cgkos]$`)

// kicked is the close reason of a session that the backend disconnects.
const kicked = "disconnected by the backend"

// session is how the API shows a session.
type session struct {
	Session   string    `json:"session"`
	User      string    `json:"user"`
	Transport string    `json:"transport"`
	Channels  []string  `json:"channels"`
	Raw       string    `json:"raw,omitempty"`
	Address   string    `json:"address"`
	Opened    time.Time `json:"opened"`
}

func show(list []*openline.Session) []session {
	shown := make([]session, 0, len(list))
	for _, s := range list {
		channels := s.Channels()
		if channels == nil {
			channels = []string{}
		}
		shown = append(shown, session{
			Session: s.ID(), User: s.User(), Transport: s.Transport(), Channels: channels, Raw: s.Raw(),
			Address: s.RemoteAddr(), Opened: s.Opened().UTC().Truncate(time.Millisecond),
		})
	}
	return shown
}

func (a *API) user(c *call) (any, error) {
	list := show(a.hub.UserSessions(c.name))
	return struct {
		User     string    `json:"user"`
		Online   bool      `json:"online"`
		Sessions []session `json:"sessions"`
	}{c.name, len(list) > 0, list}, nil
}

// disconnected is the answer to a disconnect.
type disconnected struct {
	Disconnected int `json:"disconnected"`
}

func (a *API) disconnectUser(c *call) (any, error) {
	return disconnected{a.hub.DisconnectUser(c.name, openline.CloseKicked, kicked)}, nil
}

func (a *API) disconnect(c *call) (any, error) {
	if !a.hub.Disconnect(c.name, openline.CloseKicked, kicked) {
		return nil, problem.New(http.StatusNotFound, "not_found", "There is no session %q, or no longer.", clip(c.name))
	}
	return disconnected{1}, nil
}

// limit returns the query's limit.
func (c *call) limit() (int, error) {
	text := c.query.Get("limit")
	if !c.query.Has("limit") {
		return defaultLimit, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > maxLimit {
		return 0, problem.New(http.StatusBadRequest, openline.CodeBadRequest, "The limit %q is not a number from 1 to %d.", clip(text), maxLimit)
	}
	return n, nil
}

// page is one page of sessions. Next, for the parameter after, is there when
// there may be more.
type page struct {
	Channel  string    `json:"channel,omitempty"`
	Count    *int      `json:"count,omitempty"`
	Sessions []session `json:"sessions"`
	Next     string    `json:"next,omitempty"`
}

// turn makes a page of what list returns for one session more than the limit.
func (c *call) turn(list func(after string, limit int) []*openline.Session) (*page, error) {
	limit, err := c.limit()
	if err != nil {
		return nil, err
	}
	after := c.query.Get("after")
	if after != "" && !sessionID.MatchString(after) {
		return nil, problem.New(http.StatusBadRequest, openline.CodeBadRequest, "The value %q of after is not a session's id: take it from next, or leave it out for the first page.", clip(after))
	}
	got := list(after, limit+1)
	p := &page{}
	if len(got) > limit {
		got = got[:limit]
		p.Next = got[limit-1].ID()
	}
	p.Sessions = show(got)
	return p, nil
}

func (a *API) sessions(c *call) (any, error) {
	p, err := c.turn(a.hub.Sessions)
	if err != nil {
		return nil, err
	}
	n := a.hub.Len()
	p.Count = &n
	return p, nil
}

func (a *API) subscribers(c *call) (any, error) {
	channel := c.name
	p, err := c.turn(func(after string, limit int) []*openline.Session {
		return a.hub.Subscribers(channel, after, limit)
	})
	if err != nil {
		return nil, err
	}
	n := a.hub.SubscriberCount(channel)
	p.Channel, p.Count = channel, &n
	return p, nil
}
