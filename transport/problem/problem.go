// Package problem writes what went wrong with an HTTP request as RFC 9457
// problem details, and logs it.
//
// For most uses, [Of] turns an error of the hub or of package auth into a
// [Problem], and [Problem.Write] answers with it.
package problem

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"strconv"
	"strings"

	"github.com/openline/openline"
	"github.com/openline/openline/auth"
)

// MediaType is the Content-Type of a problem.
const MediaType = "application/problem+json"

// Problem is one answer to a request that was refused or that failed.
type Problem struct {
	// Status is the HTTP status.
	Status int
	// Detail is a sentence that says what to do.
	Detail string
	// Code is a word for programs, the same as in sys:error. It may be empty.
	Code string
	// Header is added to the answer, such as Allow or Retry-After.
	Header http.Header
	// Err is the cause, for the log alone.
	Err error
}

// New returns a Problem whose detail is formatted.
func New(status int, code, format string, args ...any) *Problem {
	return &Problem{Status: status, Code: code, Detail: fmt.Sprintf(format, args...)}
}

// With returns p with a header field set.
func (p *Problem) With(name, value string) *Problem {
	if p.Header == nil {
		p.Header = make(http.Header)
	}
	p.Header.Set(name, value)
	return p
}

// Error makes a Problem an error.
func (p *Problem) Error() string {
	return "problem: " + strconv.Itoa(p.Status) + ": " + p.Detail
}

// Unwrap returns the cause.
func (p *Problem) Unwrap() error { return p.Err }

// Of returns the problem that err is: a *Problem itself, an [*auth.Error], an
// [*openline.Error], a body that is too large; anything else is a fault of the
// server, whose text stays in the log.
func Of(err error) *Problem {
	var (
		p       *Problem
		refused *auth.Error
		hub     *openline.Error
		large   *http.MaxBytesError
	)
	switch {
	case errors.As(err, &p):
		return p
	case errors.As(err, &refused):
		p := &Problem{Status: refused.Status, Code: authCode(refused.Status), Detail: sentence(refused.Reason)}
		if c := refused.Challenge(); c != "" {
			p.With("WWW-Authenticate", c)
		}
		return p
	case errors.As(err, &hub):
		p := &Problem{Status: hub.Status(), Code: hub.Code, Detail: sentence(hub.Message), Err: err}
		if p.Status == http.StatusServiceUnavailable || p.Status == http.StatusTooManyRequests {
			p.With("Retry-After", "1")
		}
		return p
	case errors.As(err, &large):
		return New(http.StatusRequestEntityTooLarge, openline.CodeTooLarge, "The body is larger than %d bytes, the most that is taken.", large.Limit)
	}
	return &Problem{Status: http.StatusInternalServerError, Code: openline.CodeInternal, Detail: "The server failed; its log says why.", Err: err}
}

func authCode(status int) string {
	switch status {
	case http.StatusUnauthorized:
		return openline.CodeUnauthorised
	case http.StatusForbidden:
		return openline.CodeForbidden
	}
	return openline.CodeBadRequest
}

// sentence gives s a capital and a final stop.
func sentence(s string) string {
	if s == "" {
		return s
	}
	if s[0] >= 'a' && s[0] <= 'z' {
		s = string(s[0]-'a'+'A') + s[1:]
	}
	if strings.HasSuffix(s, ".") {
		return s
	}
	return s + "."
}

// Write answers r with p.
func (p *Problem) Write(w http.ResponseWriter, r *http.Request) {
	body, err := json.Marshal(struct {
		Type   string `json:"type"`
		Title  string `json:"title"`
		Status int    `json:"status"`
		Detail string `json:"detail"`
		Code   string `json:"code,omitempty"`
	}{"about:blank", http.StatusText(p.Status), p.Status, p.Detail, p.Code})
	if err != nil {
		panic(err) // strings and an int always encode
	}
	h := w.Header()
	maps.Copy(h, p.Header)
	h.Set("Content-Type", MediaType)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	if r.ProtoMajor > 1 {
		h.Del("Connection") // other requests share it (RFC 9113 §8.2.2)
	}
	w.WriteHeader(p.Status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // the reader is gone: nobody is left to tell
	}
}

// Log writes one line about p: neither the query, where a token may stand, nor
// a header field but Origin. A fault of the server is an error, the rest is
// information.
func (p *Problem) Log(l *slog.Logger, r *http.Request) {
	level := slog.LevelInfo
	if p.Status >= http.StatusInternalServerError && p.Status != http.StatusServiceUnavailable {
		level = slog.LevelError
	}
	if !l.Enabled(r.Context(), level) {
		return
	}
	attrs := []slog.Attr{
		slog.Int("status", p.Status),
		slog.String("method", clip(r.Method)),
		slog.String("path", clip(r.URL.EscapedPath())),
		slog.String("remote", r.RemoteAddr),
		slog.String("detail", p.Detail),
	}
	if origin := r.Header.Get("Origin"); origin != "" {
		attrs = append(attrs, slog.String("origin", clip(origin)))
	}
	if p.Err != nil && level == slog.LevelError {
		attrs = append(attrs, slog.Any("error", p.Err))
	}
	l.LogAttrs(r.Context(), level, "request refused", attrs...)
}

const logged = 256 // bytes of a peer's text in one attribute

func clip(s string) string {
	if len(s) > logged {
		return s[:logged] + "…"
	}
	return s
}
