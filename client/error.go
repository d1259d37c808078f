package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Error is a refusal of the server's: of a request, or of all further sessions.
type Error struct {
	Code    string // a word: forbidden, bad_request, rate_limit, …
	Message string // a sentence that says what to do
	Status  int    // the HTTP status if it came as one, else 0
}

func (e *Error) Error() string {
	s := "client: the server refused"
	if e.Code != "" {
		s += " (" + e.Code + ")"
	}
	return s + ": " + e.Message
}

var (
	// ErrClosed is what a Client's methods return once Close has been called.
	ErrClosed = errors.New("client: closed by Close")

	// ErrOutcomeUnknown is what Publish and Send return when the connection was lost
	// before the reply and could not be had again while the server still knew the
	// key: the message may have been published, or not.
	ErrOutcomeUnknown = errors.New("client: the connection was lost before the reply, too long ago to repeat the message without the risk of sending it twice")

	errLost    = errors.New("client: the connection was lost")
	errAsked   = errors.New("client: a request was made while the queue was full")
	errLagging = errors.New("client: the application fell behind: what was left out is fetched again")
	errNoOpen  = errors.New("client: no sys:open arrived in time: something on the way holds answers back")
	errGone    = errors.New("client: the server has ended the session")
	errSilent  = errors.New("client: nothing has arrived for too long")
	errEnded   = errors.New("client: the server ended the stream")
)

// refusal is an HTTP answer other than the one that was asked for. It is a
// problem if Openline itself wrote it (RFC 9457), and not something on the way.
type refusal struct {
	said    Error
	problem bool
	retry   time.Duration // Retry-After, 0 for none
}

func (r *refusal) Error() string { return r.said.Error() }
func (r *refusal) Unwrap() error { return &r.said }

// refusedWith makes a refusal of an answer, of which body is the beginning.
func refusedWith(status int, header http.Header, body []byte) *refusal {
	r := &refusal{retry: retryAfter(header.Get("Retry-After"))}
	r.said.Status = status
	media, _, _ := strings.Cut(header.Get("Content-Type"), ";")
	var p struct{ Code, Detail string }
	if strings.TrimSpace(media) == "application/problem+json" && json.Unmarshal(body, &p) == nil {
		r.problem = p.Code != ""
		r.said.Code, r.said.Message = p.Code, p.Detail
	}
	if r.said.Message == "" {
		r.said.Message = fmt.Sprintf("it answered %d %s", status, http.StatusText(status))
	}
	return r
}

// retryAfter reads the field of that name (RFC 9110 §10.2.3): seconds, or a
// date.
func retryAfter(s string) time.Duration {
	if n, err := strconv.Atoi(s); err == nil && n >= 0 {
		return min(time.Duration(min(n, 1<<20))*time.Second, longestRetry)
	}
	if at, err := http.ParseTime(s); err == nil {
		return min(max(time.Until(at), 0), longestRetry)
	}
	return 0
}

// longestRetry bounds how long a server can make a client wait.
const longestRetry = 10 * time.Minute
