package echo

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/openline/openline/websocket"
)

// outcome is what the application saw of a connection.
type outcome struct {
	over     chan struct{} // closed when the following are known
	code     websocket.CloseCode
	reason   string
	messages int
}

// fill notes how the connection ended.
func (o *outcome) fill(messages int, ended error) {
	o.messages = messages
	o.code = websocket.CloseAbnormal
	if e, ok := errors.AsType[*websocket.CloseError](ended); ok {
		o.code, o.reason = e.Code, e.Reason
	}
	close(o.over)
}

// outcomes are those of the connections that have a token, the latest one of
// each.
type outcomes struct {
	mu    sync.Mutex // guards the following
	of    map[string]*outcome
	order []string // the tokens, the oldest first
}

// maxOutcomes is how many are kept.
const maxOutcomes = 4096

// begin notes that a connection with this token is about to be opened.
func (l *outcomes) begin(token string) *outcome {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.of == nil {
		l.of = make(map[string]*outcome)
	}
	if l.of[token] == nil {
		l.order = append(l.order, token)
		if len(l.order) > maxOutcomes {
			delete(l.of, l.order[0])
			l.order = l.order[1:]
		}
	}
	o := &outcome{over: make(chan struct{})}
	l.of[token] = o
	return o
}

func (l *outcomes) find(token string) *outcome {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.of[token]
}

// seenWait is how long a question waits for its connection to end.
const seenWait = 10 * time.Second

// serveSeen says what the application saw of a connection, when it has ended.
func (s *Server) serveSeen(w http.ResponseWriter, r *http.Request) {
	asked, err := parse(r.URL.RawQuery)
	if err != nil {
		plain(w, http.StatusBadRequest, err.Error())
		return
	}
	o := s.seen.find(asked.token)
	if o == nil {
		plain(w, http.StatusNotFound, "no connection had this case in the query of its URL")
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), seenWait)
	defer cancel()
	select {
	case <-o.over:
		reason := strings.Map(func(r rune) rune {
			if r < ' ' {
				return ' '
			}
			return r
		}, o.reason)
		plain(w, http.StatusOK, fmt.Sprintf("%d %d %s", o.code, o.messages, reason))
	case <-ctx.Done():
		plain(w, http.StatusGatewayTimeout, "the connection has not ended")
	}
}

// query is the outcome as a client tells it.
func (o *outcome) query() string {
	return fmt.Sprintf("code=%d&messages=%d&reason=%s", o.code, o.messages, url.QueryEscape(o.reason))
}

// describeRefusal is what a client that was refused knows of that, as it tells
// it.
func describeRefusal(e *websocket.HandshakeError) string {
	versions := make([]string, len(e.Versions))
	for i, v := range e.Versions {
		versions[i] = strconv.Itoa(v)
	}
	return fmt.Sprintf("status=%d&versions=%s&why=%s&body=%d", e.Status, strings.Join(versions, ","), url.QueryEscape(e.Header.Get("X-Why")), len(e.Body))
}

// tell tells the suite what a client saw, at the host and port that the client
// was given.
func tell(ctx context.Context, host, saw string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+host+"/seen?"+saw, nil)
	if err != nil {
		return fmt.Errorf("echo: telling what was seen: %w", err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: seenWait}
	res, err := client.Do(r)
	if err != nil {
		return fmt.Errorf("echo: telling what was seen: %w", err)
	}
	return res.Body.Close()
}
