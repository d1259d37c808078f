package client

import (
	"context"
	"time"
)

// eventSource is the link over server-sent events.
type eventSource struct {
	up
	body   *body
	events *eventReader
}

func (c *Client) dialSSE(ctx context.Context, o *opening) (link, error) {
	query := o.query()
	query.Del("since") // goes where an EventSource has it
	b, err := c.stream(ctx, c.o.address("/sse/", query), o, "text/event-stream", o.since)
	if err != nil {
		return nil, err
	}
	return &eventSource{up{c, o}, b, newEventReader(b, c.o.MaxMessage)}, nil
}

func (l *eventSource) next(context.Context) ([]byte, error) {
	e, err := l.events.next()
	return e.data, err
}

func (l *eventSource) retry() time.Duration { return l.events.retry }

func (l *eventSource) close(bool) { _ = l.body.Close() }

// lineStream is the link over HTTP streaming, one envelope a line.
type lineStream struct {
	up
	body  *body
	lines lines
}

func (c *Client) dialStream(ctx context.Context, o *opening) (link, error) {
	b, err := c.stream(ctx, c.o.address("/stream/", o.query()), o, "application/x-ndjson", "")
	if err != nil {
		return nil, err
	}
	return &lineStream{up{c, o}, b, lines{r: b, limit: c.o.MaxMessage}}, nil
}

func (l *lineStream) next(context.Context) ([]byte, error) {
	for {
		line, err := l.lines.next()
		if err != nil || !blank(line) { // an empty line is a sign of life
			return line, err
		}
	}
}

func blank(line []byte) bool {
	for _, c := range line {
		if c != ' ' && c != '\t' && c != '\r' {
			return false
		}
	}
	return true
}

func (l *lineStream) close(bool) { _ = l.body.Close() }
