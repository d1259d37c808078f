package client

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"time"
)

// excerpt is how much of a refusal's body is read.
const excerpt = 8 << 10

// get makes a request for what comes down and returns the answer if it is 200 and
// of the media type. Its context ends the answer's body, too.
func (c *Client) get(ctx context.Context, address string, o *opening, media, lastID string) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Accept", media)
	r.Header.Set("Cache-Control", "no-cache")
	r.Header.Set("Accept-Encoding", "identity") // a coder on the way may hold messages back
	if o.token != "" {
		r.Header.Set("Authorization", "Bearer "+o.token)
	}
	if lastID != "" {
		r.Header.Set("Last-Event-ID", lastID)
	}
	r = r.WithContext(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { o.session.reached.Store(true) },
		ConnectDone: func(_, _ string, err error) {
			if err == nil {
				o.session.reached.Store(true)
			}
		},
	}))
	resp, err := c.o.HTTPClient.Do(r)
	if err != nil {
		return nil, because(ctx, err)
	}
	if resp.StatusCode != http.StatusOK {
		defer resp.Body.Close()
		body, _ := io.ReadAll(io.LimitReader(resp.Body, excerpt)) // what there is of it
		r := refusedWith(resp.StatusCode, resp.Header, body)
		if resp.StatusCode == http.StatusNoContent { // how an EventSource is told to stop (WHATWG HTML §9.2.3)
			r.problem, r.said.Code, r.said.Message = true, codeClosed, "the session has been ended for good"
		}
		return nil, r
	}
	if got, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); got != media {
		resp.Body.Close()
		return nil, fmt.Errorf("%w: it is %q, not %s", errUnfit, got, media)
	}
	return resp, nil
}

// because returns why ctx has ended if it has, which tells more than err.
func because(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

// body is an answer without end. Its request is given up when nothing has come for
// too long, while somebody waits for it.
type body struct {
	io.ReadCloser
	ctx    context.Context // of the request
	cancel context.CancelCauseFunc
	limit  time.Duration
	timer  *time.Timer
}

// stream makes a request whose answer has no end.
func (c *Client) stream(ctx context.Context, address string, o *opening, media, lastID string) (*body, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	resp, err := c.get(ctx, address, o, media, lastID)
	if err != nil {
		cancel(nil)
		return nil, err
	}
	b := &body{ReadCloser: resp.Body, ctx: ctx, cancel: cancel, limit: c.o.Silence}
	b.timer = time.AfterFunc(b.limit, func() { cancel(errSilent) })
	b.timer.Stop()
	return b, nil
}

func (b *body) Read(p []byte) (int, error) {
	b.timer.Reset(b.limit)
	n, err := b.ReadCloser.Read(p)
	b.timer.Stop()
	switch {
	case err == io.EOF:
		err = errEnded
	case err != nil:
		err = because(b.ctx, err)
	}
	return n, err
}

func (b *body) Close() error {
	b.timer.Stop()
	b.cancel(errEnded)
	return b.ReadCloser.Close()
}

// up carries requests by POST /send beside the transports that only come down.
type up struct {
	c *Client
	o *opening
}

// answerLimit bounds the reply to a request, which may be a page of history.
const answerLimit = 64 << 20

// send leaves the session out where the request is not about it: any node can answer
// then, and a session that is just ending is no hindrance.
func (l *up) send(ctx context.Context, request []byte, ofSession bool) ([]byte, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, l.c.o.Silence, errSilent)
	defer cancel()
	query := make(url.Values)
	if ofSession {
		query.Set("session", l.o.session.name())
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, l.c.o.address("/send/", query), bytes.NewReader(request))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	token := l.o.session.bearer()
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := l.c.o.HTTPClient.Do(r)
	if err != nil {
		return nil, because(ctx, err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, answerLimit+1))
	switch {
	case err != nil:
		return nil, because(ctx, err)
	case len(answer) > answerLimit:
		return nil, &Error{Code: codeTooLarge, Message: "the reply is too large: ask for less at once"}
	}
	if got, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); got == "application/json" {
		if _, err := parseEnvelope(answer); err == nil {
			return answer, nil
		}
	}
	return nil, refusedWith(resp.StatusCode, resp.Header, answer[:min(len(answer), excerpt)])
}
