package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// floodChannel has more traffic than who does not read can take.
const floodChannel = "flood"

// publish publishes to a ledger, over the HTTP API, until ctx ends.
func (t *target) publish(ctx context.Context, l *ledger, rng *rand.Rand, tally *tally) {
	for ctx.Err() == nil {
		n := l.started.Load() + 1
		filler := rng.IntN(100)
		if rng.IntN(10) == 0 {
			filler = rng.IntN(8000)
		}
		l.started.Store(n)
		var answer struct{ Delivered int }
		// Not with ctx: nobody would know if the message was taken.
		if err := t.call(context.WithoutCancel(ctx), "POST", "/api/channels/"+l.channel+"/messages", counted(n, filler), &answer); err != nil {
			tally.miss("publisher of "+l.channel, err)
			return
		}
		l.taken.Store(n)
		tally.count("messages published", 1)
		tally.count("deliveries, as the server counts", answer.Delivered)
		pause(ctx, time.Duration(20+rng.IntN(120))*time.Millisecond)
	}
}

// flood publishes much to the flood channel.
func (t *target) flood(ctx context.Context, tally *tally) {
	body := []byte(`"` + text(12<<10) + `"`)
	for ctx.Err() == nil {
		if err := t.call(context.WithoutCancel(ctx), "POST", "/api/channels/"+floodChannel+"/messages", body, nil); err != nil {
			tally.miss("publisher of the flood", err)
			return
		}
		pause(ctx, 50*time.Millisecond)
	}
}

// isSentTo has a user to which the HTTP API sends, and expects all of it.
func isSentTo(ctx context.Context, t *target, rng *rand.Rand) error {
	user := fmt.Sprintf("r%016x", rng.Uint64())
	l, o, _, err := t.enter(ctx, rng, "/ws/"+user, nil)
	if err != nil {
		return err
	}
	defer l.end()
	for n := range int64(10) {
		var answer struct{ Delivered int }
		if err := t.call(ctx, "POST", "/api/users/"+user+"/messages", counted(n+1, rng.IntN(1000)), &answer); err != nil {
			return err
		}
		if answer.Delivered != 1 {
			return fmt.Errorf("the message %d was delivered %d times", n+1, answer.Delivered)
		}
		e, err := l.nextEnvelope(o, time.Now().Add(patience))
		if err != nil {
			return err
		}
		if got, err := e.number(); err != nil {
			return err
		} else if got != n+1 {
			return fmt.Errorf("the message %d came instead of %d", got, n+1)
		}
		pause(ctx, time.Duration(rng.IntN(500))*time.Millisecond)
	}
	return nil
}

// isDisconnected has a session that the HTTP API ends.
func isDisconnected(ctx context.Context, t *target, rng *rand.Rand) error {
	user := fmt.Sprintf("d%016x", rng.Uint64())
	l, _, session, err := t.enter(ctx, rng, "/ws/"+user, nil)
	if err != nil {
		return err
	}
	defer l.end()
	path := "/api/sessions/" + session
	if rng.IntN(2) == 0 {
		path = "/api/users/" + user + "/sessions"
	}
	var answer struct{ Disconnected int }
	if err := t.call(ctx, "DELETE", path, nil, &answer); err != nil {
		return err
	}
	if answer.Disconnected != 1 {
		return fmt.Errorf("%d sessions were disconnected", answer.Disconnected)
	}
	if code, err := l.expectClose(patience); err != nil {
		return fmt.Errorf("not closed: %w", err)
	} else if code != 4009 {
		return fmt.Errorf("closed with %d instead of 4009", code)
	}
	return l.expectEnd(patience)
}

// usesAPI reads lists, page by page, and publishes several messages at once.
func usesAPI(ctx context.Context, t *target, rng *rand.Rand) error {
	switch rng.IntN(3) {
	case 0:
		return t.pages(ctx, "/api/sessions")
	case 1:
		return t.pages(ctx, "/api/channels/"+t.ledgers[rng.IntN(len(t.ledgers))].channel+"/subscribers")
	}
	var b strings.Builder
	for i := range 20 {
		fmt.Fprintf(&b, "{\"to\":\"nobody%d\",\"data\":%q}\n", i, text(rng.IntN(300)))
	}
	return t.call(ctx, "POST", "/api/batch", []byte(b.String()), nil)
}

// pages reads a list to its end. No session is in it twice.
func (t *target) pages(ctx context.Context, path string) error {
	seen := map[string]bool{}
	after := ""
	for {
		var page struct {
			Sessions []struct{ Session string }
			Next     string
		}
		if err := t.call(ctx, "GET", path+"?limit=500"+after, nil, &page); err != nil {
			return err
		}
		for _, s := range page.Sessions {
			if seen[s.Session] {
				return fmt.Errorf("%s: the session %s is there twice", path, s.Session)
			}
			seen[s.Session] = true
		}
		if page.Next == "" {
			return nil
		}
		after = "&after=" + page.Next
	}
}

// halfARequest sends a part of a request, or all of it, for a list, the page or to
// publish, and then ends its direction, resets the connection, or waits to be cut off.
func halfARequest(ctx context.Context, t *target, rng *rand.Rand) error {
	l, err := t.dial(ctx, rng)
	if err != nil {
		return err
	}
	defer l.end()
	head := " HTTP/1.1\r\nHost: " + t.node.Address + "\r\nConnection: close\r\nAuthorization: Bearer " + apiKey + "\r\n"
	body := string(counted(1, 2000))
	request := []string{
		"POST /api/channels/half/messages" + head + fmt.Sprintf("Content-Length: %d\r\n\r\n", len(body)) + body,
		"POST /api/batch" + head + fmt.Sprintf("Content-Length: %d\r\n\r\n", len(body)) + body,
		"GET /api/sessions" + head + "\r\n",
		"GET /" + head + "\r\n",
	}[rng.IntN(4)]
	if rng.IntN(2) == 0 {
		request = request[:1+rng.IntN(len(request)-1)]
	}
	if err := l.write([]byte(request)); err != nil {
		return err
	}
	switch rng.IntN(3) {
	case 0:
		l.reset()
		return nil
	case 1:
		_ = l.nc.CloseWrite()
	}
	if err := l.expectEnd(t.head + t.stalled + patience); err != nil {
		return fmt.Errorf("after a part of a request: %w", err)
	}
	return nil
}
