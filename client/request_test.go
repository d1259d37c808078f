package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openline/openline/websocket"
)

// replies answers requests as a server would, over whatever transport.
func replies(q *wireRequest) string {
	data := "{}"
	switch {
	case q.Channel == "secret":
		return fmt.Sprintf(`{"type":"sys:error","ref":%d,"data":{"code":"forbidden","message":"Not you."}}`, q.Ref)
	case q.Type == "publish" || q.Type == "send":
		data = `{"id":"e-9","delivered":2,"stored":true}`
	case q.Type == "subscribe":
		data = `{"cursor":"e-3"}`
	case q.Type == "presence":
		data = `{"members":[{"user":"bob","sessions":["b1","b2"],"since":"2026-11-22T10:15:30Z"}]}`
	case q.Type == "history":
		data = `{"cursor":"e-2","messages":[` + message(1) + `,` + message(2) + `],"gap":{"channel":"chat:x","after":"e-0","before":"e-1","reason":"evicted"}}`
	}
	return fmt.Sprintf(`{"type":"sys:ok","ref":%d,"data":%s}`, q.Ref, data)
}

// every takes each request that comes over POST /send or WebSocket.
func (f *fake) every(take func(*wireRequest)) func(*line) {
	f.send = func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		q := new(wireRequest)
		if err := json.Unmarshal(b, q); err != nil || r.Header.Get("Content-Type") != "application/json" || (r.URL.Query().Get("session") == "s1") != (q.Type == "subscribe" || q.Type == "unsubscribe") {
			f.t.Errorf("%s %s: %v", r.URL, b, err)
		}
		take(q)
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, replies(q))
	}
	return func(l *line) {
		l.open("e-0", false)
		if l.conn == nil {
			select {
			case <-l.r.Context().Done():
			case <-f.cut:
				l.cut()
			}
			return
		}
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		go func() {
			select {
			case <-f.cut:
				l.cut()
			case <-ctx.Done():
			}
		}()
		for m, err := range l.conn.Messages(ctx) {
			if err != nil {
				return
			}
			q := new(wireRequest)
			if err := json.Unmarshal(m.Data, q); err != nil {
				f.t.Error(err)
			}
			take(q)
			l.send(replies(q))
		}
	}
}

func TestRequests(t *testing.T) {
	everyStream(t, func(t *testing.T, f *fake, name string, o *Options) {
		var last wireRequest
		f.play(name, f.every(func(q *wireRequest) { last = *q }))
		c := f.dial(o)
		ctx := t.Context()
		r, err := c.Publish(ctx, "chat:x", map[string]int{"n": 1}, nil)
		if err != nil || *r != (Receipt{"e-9", 2, true}) {
			t.Errorf("%+v, %v", r, err)
		}
		if last.Type != "publish" || last.Channel != "chat:x" || string(last.Data) != `{"n":1}` || len(last.Once) < 20 || last.Event != "" {
			t.Errorf("%+v", last)
		}
		if _, err = c.Send(ctx, "bob", json.RawMessage(`[1]`), &PublishOptions{Type: "greeting", Key: "k"}); err != nil {
			t.Error(err)
		}
		if last.Type != "send" || last.To != "bob" || last.Key != "k" || last.Once != "" || last.Event != "greeting" {
			t.Errorf("%+v", last)
		}
		members, err := c.Presence(ctx, "chat:x")
		if err != nil || len(members) != 1 || members[0].User != "bob" || len(members[0].Sessions) != 2 || members[0].Since.IsZero() {
			t.Errorf("%+v, %v", members, err)
		}
		page, err := c.History(ctx, "chat:x", &HistoryOptions{Since: "e-0", Limit: 2})
		if err != nil || page.Cursor != "e-2" || len(page.Messages) != 2 || page.Messages[1].ID != "e-2" || page.Gap.Reason != "evicted" {
			t.Errorf("%+v, %v", page, err)
		}
		if last.Since != "e-0" || last.Limit != 2 {
			t.Errorf("%+v", last)
		}
		_, err = c.Publish(ctx, "secret", 1, nil)
		var refused *Error
		if !errors.As(err, &refused) || refused.Code != "forbidden" || refused.Message != "Not you." {
			t.Errorf("%v", err)
		}
		if _, err = c.Publish(ctx, "chat:x", func() {}, nil); err == nil || !strings.HasPrefix(err.Error(), "client: ") {
			t.Errorf("%v", err)
		}
	})
}

// The channels of the session are those of the next, too.
func TestSubscriptionsLast(t *testing.T) {
	everyStream(t, func(t *testing.T, f *fake, name string, o *Options) {
		o.Channels = []string{"chat:a", "chat:b"}
		f.play(name, f.every(func(*wireRequest) {}), func(l *line) {
			if got := l.r.URL.Query().Get("channels"); got != "chat:b,chat:c" {
				t.Errorf("channels %q", got)
			}
			l.open("e-3", true)
			l.messages(1, 1)
			l.wait()
		})
		c := f.dial(o)
		if err := c.Subscribe(t.Context(), "chat:c", nil); err != nil {
			t.Error(err)
		}
		if err := c.Unsubscribe(t.Context(), "chat:a"); err != nil {
			t.Error(err)
		}
		if err := c.Subscribe(t.Context(), "secret", nil); err == nil {
			t.Error("the refusal is not told")
		}
		close(f.cut)
		numbers(t, c, 1)
		if got := strings.Join(c.Channels(), ","); got != "chat:b,chat:c" {
			t.Errorf("channels %q", got)
		}
	})
}

// A subscription moves the place of the session, on WebSocket as it says, beside a
// stream only back; and what is asked for again is given out again.
func TestSubscribeSince(t *testing.T) {
	everyStream(t, func(t *testing.T, f *fake, name string, o *Options) {
		var at *line
		script := f.every(func(q *wireRequest) {
			if at.conn == nil && q.Since != "" {
				at.messages(4, 5)
			}
		})
		f.play(name, func(l *line) {
			at = l
			script(l)
		})
		c := f.dial(o)
		again := func() {
			t.Helper()
			if err := c.Subscribe(t.Context(), "chat:x", &SubscribeOptions{Since: "e-2"}); err != nil {
				t.Fatal(err)
			}
		}
		again()
		if name == "ws" {
			if got := c.since(); got != "e-3" {
				t.Errorf("place %q", got)
			}
			return
		}
		numbers(t, c, 2)
		again()
		if got := numbers(t, c, 2); got != "4 5" {
			t.Error(got)
		}
		if err := c.Subscribe(t.Context(), "chat:y", nil); err != nil {
			t.Fatal(err)
		}
		if got := c.since(); got != "e-3" {
			t.Errorf("place %q", got)
		}
	})
}

// A request whose reply is lost with the connection is made again, as the same
// message; one that is made meanwhile waits.
func TestRepeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		keys := make(chan string, 2)
		f.play("ws", func(l *line) {
			l.open("e-0", false)
			keys <- l.request().Once
			l.cut()
		}, func(l *line) {
			time.Sleep(3 * time.Second)
			l.open("e-0", true)
			q := l.request()
			keys <- q.Once
			l.ok(q, `{"id":"e-1","delivered":1,"stored":true}`)
			q = l.request()
			l.ok(q, `{"members":[]}`)
			l.wait()
		})
		c := f.dial(f.options(WebSocket))
		r, err := c.Publish(t.Context(), "chat:x", 1, nil)
		if err != nil || r.ID != "e-1" {
			t.Errorf("%+v, %v", r, err)
		}
		if a, b := <-keys, <-keys; a != b || a == "" {
			t.Errorf("keys %q and %q", a, b)
		}
		if _, err := c.Presence(t.Context(), "chat:x"); err != nil {
			t.Error(err)
		}
	})
}

// What could be a second message by now is not sent again.
func TestRepeatTooLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		f.play("ws", func(l *line) {
			l.open("e-0", false)
			l.request()
			l.cut()
		}, func(l *line) {
			l.refuse(503, "try_later", "Retry-After", "120")
		}, func(l *line) {
			l.open("e-0", true)
			l.wait()
		})
		c := f.dial(f.options(WebSocket))
		if _, err := c.Publish(t.Context(), "chat:x", 1, nil); err != ErrOutcomeUnknown {
			t.Error(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := c.Presence(ctx, "chat:x"); err != context.DeadlineExceeded {
			t.Error(err)
		}
	})
}

// A request for which the server ends the connection is not made again and again.
func TestRequestThatKills(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		f.play("ws", func(l *line) {
			l.open("e-0", false)
			l.request()
			_ = l.conn.Close(websocket.CloseMessageTooBig, "too much")
		}, func(l *line) {
			l.open("e-0", true)
			l.wait()
		})
		c := f.dial(f.options(WebSocket))
		_, err := c.Publish(t.Context(), "chat:x", 1, nil)
		var refused *Error
		if !errors.As(err, &refused) || refused.Code != "too_large" {
			t.Error(err)
		}
	})
}

// Requests beside a stream that fail in passing are made again, as Retry-After
// says; a token that is over is replaced.
func TestSendAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		o := f.options(Stream)
		token := 0
		o.Token = func(context.Context) (string, error) {
			token++
			return fmt.Sprint("t", token), nil
		}
		f.play("stream", f.every(func(*wireRequest) {}))
		good := f.send
		began := time.Now()
		tries := 0
		f.send = func(w http.ResponseWriter, r *http.Request) {
			l := &line{w: w, r: r}
			switch tries++; tries {
			case 1:
				panic(http.ErrAbortHandler)
			case 2:
				l.refuse(503, "try_later", "Retry-After", "7")
			case 3:
				l.refuse(401, "unauthorised")
			case 4:
				if got := r.Header.Get("Authorization"); got != "Bearer t2" {
					t.Errorf("Authorization %q", got)
				}
				good(w, r)
			default:
				l.refuse(404, "not_found")
			}
		}
		c := f.dial(o)
		if _, err := c.Publish(t.Context(), "chat:x", 1, nil); err != nil || tries != 4 || time.Since(began) < 7*time.Second {
			t.Errorf("%v after %d tries and %v", err, tries, time.Since(began))
		}
		_, err := c.Publish(t.Context(), "chat:x", 1, nil)
		var refused *Error
		if !errors.As(err, &refused) || refused.Status != 404 || tries != 5 {
			t.Errorf("%v after %d tries", err, tries)
		}
	})
}

// An application that makes a request between one Next and another gets its reply,
// although the queue is full; what did not fit comes afterwards.
func TestRequestWhileFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		flood := func(from int) func(*line) {
			return func(l *line) {
				l.open(fmt.Sprintf("e-%d", from), from > 0)
				go func() {
					l.messages(from+1, 100)
				}()
				for m := range l.conn.Messages(context.Background()) {
					var q wireRequest
					_ = json.Unmarshal(m.Data, &q)
					l.ok(q, `{"id":"e-1000","delivered":1,"stored":true}`)
				}
			}
		}
		resumed := 0
		again := func(l *line) {
			resumed++
			var from int
			if _, err := fmt.Sscanf(l.since(), "e-%d", &from); err != nil {
				t.Error(err)
			}
			flood(from)(l)
		}
		f.play("ws", flood(0))
		for range 50 {
			f.play("ws", again)
		}
		o := f.options(WebSocket)
		o.QueueMessages = 8
		c := f.dial(o)
		for i := range 100 {
			synctest.Wait()
			if got, want := numbers(t, c, 1), fmt.Sprint(i+1); got != want {
				t.Fatalf("got %s, want %s", got, want)
			}
			if _, err := c.Publish(t.Context(), "chat:y", i, nil); err != nil {
				t.Fatal(err)
			}
		}
		if resumed == 0 || resumed > 40 {
			t.Errorf("resumed %d times", resumed)
		}
	})
}

// A server that has no such session has ended it, or is another one.
func TestSessionGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		tries := 0
		f.every(func(*wireRequest) {})
		good := f.send
		f.send = func(w http.ResponseWriter, r *http.Request) {
			if tries++; tries > 1 {
				good(w, r)
				return
			}
			(&line{w: w}).refuse(404, "not_found")
		}
		held := func(l *line) { l.wait() }
		f.play("poll", func(l *line) { l.answer("e-0.p1.1", opened("e-0", false)) }, held,
			func(l *line) { l.answer("e-0.p2.1", opened("e-0", true)) }, held)
		c := f.dial(f.options(Poll))
		began := time.Now()
		if err := c.Subscribe(t.Context(), "chat:x", nil); err != nil || tries != 2 || time.Since(began) > time.Second {
			t.Errorf("%v after %d tries and %v", err, tries, time.Since(began))
		}
	})
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		tries := 0
		f.send = func(w http.ResponseWriter, _ *http.Request) {
			tries++
			(&line{w: w}).refuse(404, "not_found")
		}
		f.play("sse", func(l *line) { l.open("e-0", false); l.wait() })
		c := f.dial(f.options(SSE))
		err := c.Subscribe(t.Context(), "chat:x", nil)
		var refused *Error
		if !errors.As(err, &refused) || refused.Status != 404 || tries != mostGone+1 {
			t.Errorf("%v after %d tries", err, tries)
		}
	})
}
