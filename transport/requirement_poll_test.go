package transport

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptrace"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openline/openline"
	"github.com/openline/openline/websocket"
)

// PO-01: a poll without a wait is answered at once, with what there is or an empty list.
func TestPOAtOnce(t *testing.T) {
	r := newPlainRig(t, nil, nil, nil)
	p := r.poll("alice", "", "&channels=c")
	if p.data() != "sys:open" || p.More {
		t.Error(p.body)
	}
	if p = r.poll("alice", p.Cursor, ""); p.data() != "" || !strings.Contains(p.body, `"messages":[]`) {
		t.Error(p.body)
	}
	r.publish("c", 1)
	if p = r.poll("alice", p.Cursor, "&wait=0"); p.data() != "1" {
		t.Error(p.body)
	}
}

// PO-02: what is much comes in parts, in order, and each says that there is more.
func TestPOBatches(t *testing.T) {
	const n = 10000
	r := newPlainRig(t, large(), nil, nil)
	p := r.poll("alice", "", "&channels=c")
	for i := range n {
		r.publish("c", i)
	}
	next, parts := 0, 0
	for more := true; more; parts++ {
		p = r.poll("alice", p.Cursor, "&channels=c")
		more = p.More
		for _, m := range p.Messages {
			if m.Type == "sys:open" && parts == 0 { // the queue was too small for all that
				continue
			}
			if string(m.Data) != fmt.Sprint(next) {
				t.Fatalf("%s %s, want %d", m.Type, m.Data, next)
			}
			next++
		}
		if len(p.Messages) > 128 {
			t.Errorf("%d messages at once", len(p.Messages))
		}
	}
	if next != n {
		t.Errorf("%d messages", next)
	}
}

// A batch is bounded in octets, too, and a message that is larger comes alone.
func TestPOBatchBytes(t *testing.T) {
	r := newPlainRig(t, nil, &Options{Conn: websocket.ConnOptions{QueueBytes: 20000}}, nil)
	p := r.poll("alice", "", "&channels=c")
	big := fmt.Sprintf("%q", strings.Repeat("x", 4000))
	for range 4 {
		r.publish("c", big)
	}
	for _, want := range []int{2, 2} {
		if p = r.poll("alice", p.Cursor, ""); len(p.Messages) != want {
			t.Errorf("%d messages, want %d", len(p.Messages), want)
		}
	}
	r.publish("c", fmt.Sprintf("%q", strings.Repeat("x", 50000)))
	if p = r.poll("alice", p.Cursor, ""); len(p.Messages) != 1 || len(p.body) < 50000 {
		t.Errorf("%d messages", len(p.Messages))
	}
}

// LP-2-01, LP-2-02: a poll is held until there is something, and what comes between two polls
// comes with the second.
func TestLPHeld(t *testing.T) {
	r := newPlainRig(t, nil, nil, nil)
	p := r.poll("alice", "", "&channels=c")
	one := r.ws.polls.byID[sessionIn(p)]
	answer := make(chan *polled)
	go func() { answer <- r.poll("alice", p.Cursor, "&wait=30s") }()
	until(t, "it is not held", func() bool { one.mu.Lock(); defer one.mu.Unlock(); return one.held != nil })
	r.publish("c", 1)
	if p = <-answer; p.data() != "1" {
		t.Fatal(p.body)
	}
	r.publish("c", 2)
	if p = r.poll("alice", p.Cursor, "&wait=30s"); p.data() != "2" {
		t.Error(p.body)
	}
}

// What a cursor says: the latest acknowledges, the one before gets the same again, an older
// one goes on from the history, one that has not been given is refused.
func TestPollCursors(t *testing.T) {
	r := newPlainRig(t, nil, nil, nil)
	p0 := r.poll("alice", "", "&channels=c")
	r.publish("c", 1)
	p1 := r.poll("alice", p0.Cursor, "")
	again := r.poll("alice", p0.Cursor, "")
	if p1.data() != "1" || again.body != p1.body {
		t.Errorf("%s, again %s", p1.body, again.body)
	}
	r.publish("c", 2)
	if again = r.poll("alice", p0.Cursor, ""); again.data() != "1" || !again.More || again.Cursor != p1.Cursor {
		t.Errorf("again %s", again.body)
	}
	p2 := r.poll("alice", p1.Cursor, "")
	if p2.data() != "2" {
		t.Error(p2.body)
	}
	place, name, _ := strings.Cut(p2.Cursor, ".")
	epoch, _, _ := strings.Cut(place, "-")
	id, _, _ := strings.Cut(name, ".")
	for _, bad := range []string{epoch + "-9." + name, place + "." + id + ".9", epoch + "-9." + id, place + "." + id + ".x"} {
		if got := r.poll("alice", bad, ""); got.status != 400 {
			t.Errorf("%s: %d %s", bad, got.status, got.body)
		}
	}
	// Without the number of the answer the place decides.
	r.publish("c", 3)
	p3 := r.poll("alice", place+"."+id, "")
	if p3.data() != "3" {
		t.Error(p3.body)
	}
	if again = r.poll("alice", place+"."+id, ""); again.data() != "3" {
		t.Error(again.body)
	}
	// Two answers back is what the session does not have any more.
	if old := r.poll("alice", p1.Cursor, "&channels=c"); old.data() != "sys:open 2 3" || sessionIn(old) == id {
		t.Error(old.body)
	}
	until(t, "the session before is still there", func() bool { return len(r.hub.UserSessions("alice")) == 1 })
}

// An answer without a place of its own is told from the one before by its number.
func TestPollRepliesAreNotLost(t *testing.T) {
	r := newPlainRig(t, nil, nil, nil)
	p0 := r.poll("alice", "", "")
	say := func(text string) {
		if err := r.hub.Session(sessionIn(p0)).Send(&openline.Message{Data: json.RawMessage(text)}); err != nil {
			t.Fatal(err)
		}
	}
	say("1")
	p1 := r.poll("alice", p0.Cursor, "")
	say("2")
	if again := r.poll("alice", p0.Cursor, ""); p1.data() != "1" || again.data() != "1" {
		t.Errorf("%s, again %s", p1.body, again.body)
	}
	if p2 := r.poll("alice", p1.Cursor, ""); p2.data() != "2" {
		t.Error(p2.body)
	}
}

// Who comes back after the session is over gets at once what was missed.
func TestPollResumes(t *testing.T) {
	r := newPlainRig(t, nil, nil, nil)
	p := r.poll("alice", "", "&channels=c")
	place, _, _ := strings.Cut(p.Cursor, ".")
	for i := range 3 {
		r.publish("c", i)
	}
	if got := r.poll("alice", place, "&channels=c"); got.data() != "sys:open 0 1 2" {
		t.Error(got.body)
	}
	// Another order of messages is a gap, not an error.
	if got := r.poll("bob", "abc-17", "&channels=c"); got.data() != "sys:open sys:gap 0 1 2" {
		t.Error(got.body)
	}
	for _, bad := range []string{"x", "1-", "-1", "a-b", "a_b-1", "a-1 ", strings.Repeat("a", 200) + "-1"} {
		if got := r.poll("alice", bad, ""); got.status != 400 {
			t.Errorf("%q: %d", bad, got.status)
		}
	}
}

// A later poll adds channels, if they may be had.
func TestPollAddsChannels(t *testing.T) {
	r := newPlainRig(t, &openline.Options{Namespaces: map[string]openline.Namespace{"closed": {Subscribe: openline.Backend}}}, nil, nil)
	p := r.poll("alice", "", "&channels=a")
	p = r.poll("alice", p.Cursor, "&channels=a,b")
	r.publish("a", 1)
	r.publish("b", 2)
	if p = r.poll("alice", p.Cursor, "&channels=b"); p.data() != "1 2" {
		t.Error(p.body)
	}
	if got := r.poll("alice", p.Cursor, "&channels=closed:x"); got.status != 403 {
		t.Errorf("%d %s", got.status, got.body)
	}
}

// A poll is the acknowledgement of what came before.
func TestPollAcknowledges(t *testing.T) {
	r := newPlainRig(t, nil, nil, nil)
	p := r.poll("alice", "", "&channels=c")
	receipt := make(chan openline.Receipt)
	go func() {
		got, _ := r.hub.Publish(t.Context(), openline.Publication{Channel: "c", Data: []byte("1"), Await: guard})
		receipt <- got
	}()
	p = r.poll("alice", p.Cursor, "&wait=30s")
	if !strings.Contains(p.body, `"ack":true`) {
		t.Error(p.body)
	}
	r.poll("alice", p.Cursor, "")
	if got := <-receipt; !got.Acknowledged {
		t.Errorf("%+v", got)
	}
}

// LP-2-03: between polls a session waits for a bounded time, and with a bounded queue; the
// cursor goes on in another.
func TestLPSessionIsBounded(t *testing.T) {
	r := newPlainRig(t, nil, nil, nil)
	p := r.poll("alice", "", "&channels=c")
	for i := range 300 {
		r.publish("c", i)
	}
	until(t, "the queue is over its bound", func() bool { return len(r.hub.UserSessions("alice")) == 0 })
	if p = r.poll("alice", p.Cursor, "&channels=c"); !strings.HasPrefix(p.data(), "sys:open 0 1 2") || !p.More {
		t.Error(p.body)
	}
	bubble(t, nil, &HTTPOptions{PollLinger: time.Minute}, func(b *bubbled) {
		cursor := b.poll("/poll/alice?channels=c").Cursor
		time.Sleep(59 * time.Second)
		cursor = b.poll("/poll/alice?since=" + cursor).Cursor
		time.Sleep(59 * time.Second)
		b.poll("/poll/alice?wait=5s&since=" + cursor)
		if n := b.hub.Len(); n != 1 {
			t.Errorf("%d sessions", n)
		}
		time.Sleep(60 * time.Second)
		synctest.Wait()
		if n := b.hub.Len(); n != 0 || b.http.Polling() != 0 {
			t.Errorf("%d sessions", n)
		}
		if got := b.poll("/poll/alice?since=" + cursor); got.data() != "sys:open" {
			t.Error(got.body)
		}
	})
}

// LP-5.4-01: many polls take one connection.
func TestLPOneConnection(t *testing.T) {
	r := newPlainRig(t, nil, nil, nil)
	dials := 0
	trace := &httptrace.ClientTrace{GotConn: func(i httptrace.GotConnInfo) {
		if !i.Reused {
			dials++
		}
	}}
	cursor := ""
	for range 50 {
		q, _ := http.NewRequestWithContext(httptrace.WithClientTrace(t.Context(), trace), "GET", r.url+"/poll/alice?since="+cursor, nil)
		if cursor == "" {
			q.URL.RawQuery = ""
		}
		resp, err := r.server.Client().Do(q)
		if err != nil {
			t.Fatal(err)
		}
		p := &polled{}
		if err := json.Unmarshal([]byte(r.text(resp)), p); err != nil {
			t.Fatal(err)
		}
		cursor = p.Cursor
	}
	if dials != 1 {
		t.Errorf("%d connections", dials)
	}
}

// LP-5.5-01, LP-5.5-02, FB-0-17: a poll ends by itself with an empty list, after as long as it
// asks for, and 30 s at the most, whatever the server's time-outs are.
func TestLPHoldTime(t *testing.T) {
	bubble(t, nil, nil, func(b *bubbled) {
		cursor := b.poll("/poll/alice").Cursor
		for wait, want := range map[string]time.Duration{"": 0, "0": 0, "0s": 0, "7s": 7 * time.Second, "20": 20 * time.Second, "3600": 30 * time.Second, "1h": 30 * time.Second} {
			begin := time.Now()
			p := b.poll("/poll/alice?wait=" + wait + "&since=" + cursor)
			if wait == "" {
				p = b.poll("/poll/alice?since=" + cursor)
			}
			if p.status != 200 && wait != "" || p.data() != "" {
				t.Errorf("wait=%s: %d %s", wait, p.status, p.body)
			}
			if took := time.Since(begin); took != want {
				t.Errorf("wait=%s: after %v", wait, took)
			}
		}
		for _, wait := range []string{"-1", "-1s", "x", "1x", "s"} {
			if p := b.poll("/poll/alice?wait=" + wait); p.status != 400 {
				t.Errorf("wait=%s: %d", wait, p.status)
			}
		}
	})
}

// A token that ends while its poll is held ends the poll, and the session.
func TestPollTokenEnds(t *testing.T) {
	tokens, sign := newTokens(t)
	bubble(t, &Options{Tokens: tokens}, nil, func(b *bubbled) {
		token := "&token=" + sign("alice", 10*time.Second)
		cursor := b.poll("/poll/alice?" + token).Cursor
		begin := time.Now()
		p := b.poll("/poll/alice?wait=30s&since=" + cursor + token)
		if p.data() != "sys:error" || !strings.Contains(p.body, "unauthorised") || time.Since(begin) > 10*time.Second {
			t.Errorf("after %v: %s", time.Since(begin), p.body)
		}
		if p = b.poll("/poll/alice?since=" + cursor + token); p.status != 401 {
			t.Errorf("%d %s", p.status, p.body)
		}
	})
}
