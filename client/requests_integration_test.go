package client_test

import (
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/openline/openline/client"
)

const apiKey = "key-of-the-test-backend"

// call calls the server's HTTP API.
func (n *node) call(t *testing.T, method, path, body string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, n.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+apiKey)
	r.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode/100 != 2 {
		t.Fatalf("%s %s: %s %s %v", method, path, resp.Status, b, err)
	}
	return string(b)
}

// next takes events until one is of type T.
func next[T client.Event](t *testing.T, c *client.Client) T {
	t.Helper()
	for {
		e, err := c.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := e.(T); ok {
			return got
		}
	}
}

// Every request, on every transport, as the server takes it.
func TestRequestsToServer(t *testing.T) {
	t.Parallel()
	every(t, func(t *testing.T, n *node, o *client.Options) {
		ctx := t.Context()
		o.User, o.Logger = "alice", slog.New(slog.DiscardHandler)
		c, err := client.Dial(ctx, n.url, o)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if err := c.Subscribe(ctx, "room:x", nil); err != nil {
			t.Fatal(err)
		}
		if p := next[*client.Presence](t, c); p.User != "alice" || !p.Joined || p.Channel != "room:x" || p.Session == "" {
			t.Errorf("%+v", p)
		}
		members, err := c.Presence(ctx, "room:x")
		if err != nil || len(members) != 1 || members[0].User != "alice" || members[0].Since.IsZero() {
			t.Errorf("%+v, %v", members, err)
		}
		var first *client.Message
		for i := range 3 {
			r, err := c.Publish(ctx, "room:x", i, &client.PublishOptions{Type: "number"})
			if err != nil || r.Delivered != 1 || !r.Stored {
				t.Fatalf("%+v, %v", r, err)
			}
			m := next[*client.Message](t, c)
			if m.ID != r.ID || m.Type != "number" || m.From != "alice" || m.Time.IsZero() {
				t.Errorf("%+v for %+v", m, r)
			}
			if i == 0 {
				first = m
			}
		}
		page, err := c.History(ctx, "room:x", &client.HistoryOptions{Since: first.ID, Limit: 1})
		if err != nil || len(page.Messages) != 1 || string(page.Messages[0].Data) != "1" || page.Cursor == "" {
			t.Errorf("%+v, %v", page, err)
		}
		if err := c.Unsubscribe(ctx, "room:x"); err != nil {
			t.Error(err)
		}
		if err := c.Subscribe(ctx, "room:x", &client.SubscribeOptions{Since: first.ID}); err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"1", "2"} {
			if m := next[*client.Message](t, c); string(m.Data) != want {
				t.Errorf("%+v, want %s", m, want)
			}
		}
		if r, err := c.Send(ctx, "alice", "to myself", nil); err != nil || r.Delivered != 1 {
			t.Errorf("%+v, %v", r, err)
		}
		if m := next[*client.Message](t, c); m.Channel != "@alice" || string(m.Data) != `"to myself"` {
			t.Errorf("%+v", m)
		}
		_, err = c.Publish(ctx, "@bob", 1, nil)
		if refused, ok := errors.AsType[*client.Error](err); !ok || refused.Code != "reserved" {
			t.Errorf("%v", err)
		}
		_, err = c.Publish(ctx, "room:x", strings.Repeat("x", 2<<20), nil)
		if refused, ok := errors.AsType[*client.Error](err); !ok || refused.Code != "too_large" {
			t.Errorf("%v", err)
		}
		if _, err := c.Publish(ctx, "room:x", "still there", nil); err != nil {
			t.Error(err)
		}
	})
}

// The backend hears when the application has taken a message in.
func TestDelivered(t *testing.T) {
	t.Parallel()
	every(t, func(t *testing.T, n *node, o *client.Options) {
		o.User, o.Logger = "alice", slog.New(slog.DiscardHandler)
		c, err := client.Dial(t.Context(), n.url, o)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		send := func(timeout time.Duration) bool {
			var receipt struct{ Acknowledged bool }
			answer := n.call(t, http.MethodPost, "/api/users/alice/messages?wait=delivered&timeout="+timeout.String(), `1`)
			if err := json.Unmarshal([]byte(answer), &receipt); err != nil {
				t.Error(err)
			}
			return receipt.Acknowledged
		}
		if send(50 * time.Millisecond) {
			t.Error("acknowledged before the application had it")
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			for {
				if _, err := c.Next(t.Context()); err != nil {
					return
				}
			}
		}()
		if !send(10 * time.Second) {
			t.Error("not acknowledged")
		}
		_ = c.Close()
		<-done
	})
}

// A user who is thrown out stays out.
func TestThrownOut(t *testing.T) {
	t.Parallel()
	every(t, func(t *testing.T, n *node, o *client.Options) {
		o.User, o.Logger = "alice", slog.New(slog.DiscardHandler)
		c, err := client.Dial(t.Context(), n.url, o)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		n.call(t, http.MethodPost, "/api/users/alice/messages", `1`)
		next[*client.Message](t, c)
		n.call(t, http.MethodDelete, "/api/users/alice/sessions", "")
		_, err = c.Next(t.Context())
		if refused, ok := errors.AsType[*client.Error](err); !ok || refused.Code != "closed" {
			t.Errorf("%v", err)
		}
	})
}
