package transport

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http/httputil"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openline/openline"
	"github.com/openline/openline/websocket"
)

// ST-3-01, ST-3-05, SE-9.2.3-01: the header section comes at once, says what it must, and
// nothing that buffers keeps what follows.
func TestSTHeader(t *testing.T) {
	r := newPlainRig(t, nil, nil, nil)
	for path, media := range map[string]string{"/sse/alice": "text/event-stream", "/stream/alice": "application/x-ndjson"} {
		_, in := r.raw("GET " + path + " HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n")
		resp := head(t, in)
		h := resp.Header
		if resp.StatusCode != 200 || resp.ContentLength != -1 || len(resp.TransferEncoding) != 1 || h.Get("Content-Type") != media ||
			h.Get("X-Accel-Buffering") != "no" || !strings.Contains(h.Get("Cache-Control"), "no-transform") || h.Get("Date") == "" {
			t.Errorf("%s: %s %v %v", path, resp.Status, resp.TransferEncoding, h)
		}
		if _, err := time.Parse("Mon, 02 Jan 2006 15:04:05 GMT", h.Get("Date")); err != nil {
			t.Error(err)
		}
	}
}

// ST-3-02, ST-3-03: the chunks are exact, what they hold is framed by itself, and the last
// chunk comes at an orderly end and at no other.
func TestSTChunks(t *testing.T) {
	r := newPlainRig(t, nil, nil, nil)
	for _, orderly := range []bool{true, false} {
		_, in := r.raw("GET /stream/alice?channels=c HTTP/1.1\r\nHost: x\r\n\r\n")
		for {
			line, err := in.ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			if line == "\r\n" {
				break
			}
		}
		until(t, "no session", func() bool { return r.hub.Len() == 1 })
		big := strings.Repeat("é", 100_000) // longer than what is written at once
		r.publish("c", 1)
		r.publish("c", `"`+big+`"`)
		if orderly {
			r.hub.DisconnectUser("alice", openline.CloseGoingAway, "over")
		} else {
			go func() { // when all of it is on its way
				until(t, "it is still being written", func() bool { return idle(r) })
				r.http.Close()
			}()
		}
		all, err := io.ReadAll(in)
		if orderly && err != nil {
			t.Fatal(err)
		}
		var data strings.Builder
		rest := string(all)
		sizes := regexp.MustCompile(`^([0-9a-f]+)\r\n`)
		last := false
		for rest != "" {
			found := sizes.FindStringSubmatch(rest)
			if found == nil && !orderly {
				break
			}
			if found == nil {
				t.Fatalf("no size: %.20q", rest)
			}
			var n int
			_, _ = fmt.Sscanf(found[1], "%x", &n)
			rest = rest[len(found[0]):]
			if len(rest) < n+2 && !orderly { // cut off
				break
			}
			if len(rest) < n+2 || rest[n:n+2] != "\r\n" {
				t.Fatalf("a chunk of %d does not end there", n)
			}
			data.WriteString(rest[:n])
			rest = rest[n+2:]
			last = n == 0
		}
		if last != orderly {
			t.Errorf("orderly %v, and the last chunk %v", orderly, last)
		}
		lines := strings.Split(data.String(), "\n")
		if !orderly {
			lines = append(lines[:1], `"data":1`, big, "")
		}
		if len(lines) != 4 || !strings.Contains(lines[0], "sys:open") || !strings.Contains(lines[1], `"data":1`) || !strings.Contains(lines[2], big) || lines[3] != "" {
			t.Errorf("%d lines", len(lines))
		}
		until(t, "the session is still there", func() bool { return r.hub.Len() == 0 })
	}
}

// idle reports whether nothing is being written.
func idle(r *plainRig) bool {
	r.http.mu.Lock()
	defer r.http.mu.Unlock()
	for s := range r.http.streams {
		s.mu.Lock()
		busy := s.busy || len(s.waiting) > 0
		s.mu.Unlock()
		if busy {
			return false
		}
	}
	return true
}

// ST-3-05, SE-9.2.7-01, FB-0-17: a silent stream shows every 15 s that it lives, and lives
// longer than an ordinary request may.
func TestSTHeartbeat(t *testing.T) {
	for path, want := range map[string]string{"/sse/alice": ":\n\n", "/stream/alice": "\n"} {
		bubble(t, nil, nil, func(b *bubbled) {
			c, in := b.raw(path)
			defer c.Close()
			body := bufio.NewReader(head(t, in).Body)
			for open := false; !open || path == "/sse/alice" && body.Buffered() > 0; {
				line, err := body.ReadString('\n')
				if err != nil {
					t.Fatal(err)
				}
				open = open || strings.Contains(line, "sys:open")
			}
			begin := time.Now()
			got := make([]byte, len(want))
			for i := range 10 {
				if _, err := io.ReadFull(body, got); err != nil || string(got) != want {
					t.Fatalf("%s: %q, %v", path, got, err)
				}
				if took := time.Since(begin); took != time.Duration(i+1)*15*time.Second {
					t.Errorf("%s: after %v", path, took)
				}
			}
			if b.hub.Len() != 1 {
				t.Error("the session is over")
			}
		})
	}
}

// ST-3-06: an answer that has been long enough, or large enough, ends in order, and the
// client goes on with the next.
func TestSTBoundedLife(t *testing.T) {
	bubble(t, nil, &HTTPOptions{StreamTime: 40 * time.Second}, func(b *bubbled) {
		begin := time.Now()
		_, in := b.raw("/sse/alice")
		body, err := io.ReadAll(head(t, in).Body)
		if took := time.Since(begin); err != nil || took != 40*time.Second {
			t.Errorf("after %v: %v", took, err)
		}
		if last := string(body); !regexp.MustCompile(`\n\nretry: \d\d?\n\n$`).MatchString(last) {
			t.Errorf("%q", last)
		}
		synctest.Wait()
		if b.hub.Len() != 0 {
			t.Error("the session goes on")
		}
	})
	const n = 1000
	r := newPlainRig(t, nil, nil, &HTTPOptions{StreamBytes: 5000})
	answers, next := 0, 0
	d := r.open("/stream/alice?channels=c")
	at := d.expect("sys:open").place()
	go func() {
		for i := range n {
			r.publish("c", i)
		}
	}()
	for next < n {
		e := d.next()
		switch {
		case e == nil:
			answers++
			d = r.open("/stream/alice?channels=c&since=" + at)
			d.expect("sys:open")
			continue
		case e.Type == "sys:error": // it fell behind, which the history mends
			continue
		case string(e.Data) != fmt.Sprint(next):
			t.Fatalf("%s %s, want %d", e.Type, e.Data, next)
		}
		at = e.place()
		next++
	}
	if answers < 5 {
		t.Errorf("%d answers for %d messages", answers, n)
	}
}

// ST-3-07: a client that does not read is dropped, what waits for it is bounded, and it can go on
// from where it was.
func TestSTStopped(t *testing.T) {
	for _, messages := range []int{1, 300} {
		bubble(t, nil, nil, func(b *bubbled) {
			c, in := b.raw("/stream/alice?channels=c")
			defer c.Close()
			body := bufio.NewReader(head(t, in).Body)
			if _, err := body.ReadString('\n'); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			begin := time.Now()
			for i := range messages {
				_, _ = b.hub.Publish(b.t.Context(), openline.Publication{Channel: "c", Data: fmt.Append(nil, i)})
			}
			synctest.Wait()
			if n := len(b.hub.UserSessions("alice")); n != 1 && messages == 1 || n != 0 && messages > 256 {
				t.Errorf("%d messages: %d sessions", messages, n)
			}
			for b.streams() > 0 {
				time.Sleep(time.Second)
			}
			most := 30 * time.Second
			if messages > 256 { // and it is being closed
				most = hurryTime
			}
			if took := time.Since(begin); took < most || took > most+time.Second {
				t.Errorf("%d messages: after %v", messages, took)
			}
			if _, err := io.ReadAll(body); err == nil {
				t.Error("an orderly end")
			}
		})
	}
}

func (b *bubbled) streams() int {
	b.http.mu.Lock()
	defer b.http.mu.Unlock()
	return len(b.http.streams)
}

// A client that falls behind and then reads on hears that it was too slow.
func TestSlowStream(t *testing.T) {
	bubble(t, nil, nil, func(b *bubbled) {
		c, in := b.raw("/stream/alice?channels=c")
		defer c.Close()
		body := httputil.NewChunkedReader(afterHead(t, in))
		for i := range 300 {
			_, _ = b.hub.Publish(b.t.Context(), openline.Publication{Channel: "c", Data: fmt.Append(nil, i)})
		}
		all, err := io.ReadAll(body)
		lines := strings.Split(strings.TrimSpace(string(all)), "\n")
		if err != nil || len(lines) < 100 || !strings.Contains(lines[len(lines)-1], "slow_consumer") {
			t.Errorf("%d lines, %v: %s", len(lines), err, lines[len(lines)-1])
		}
	})
}

// afterHead returns what comes after the header section.
func afterHead(t *testing.T, in *bufio.Reader) io.Reader {
	t.Helper()
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if line == "\r\n" {
			return in
		}
	}
}

// A token that ends takes its stream with it.
func TestStreamTokenEnds(t *testing.T) {
	tokens, sign := newTokens(t)
	bubble(t, &Options{Tokens: tokens}, nil, func(b *bubbled) {
		begin := time.Now()
		_, in := b.raw("/sse/alice?token=" + sign("alice", 20*time.Second))
		body, err := io.ReadAll(head(t, in).Body)
		if took := time.Since(begin); err != nil || took > 20*time.Second || !strings.Contains(string(body), `"code":"unauthorised"`) {
			t.Errorf("after %v: %v %s", took, err, body)
		}
	})
}

// A client that talks where nobody reads is cut off before it takes much.
func TestStreamClientTalks(t *testing.T) {
	r := newPlainRig(t, nil, nil, nil)
	c, in := r.raw("GET /stream/alice HTTP/1.1\r\nHost: x\r\n\r\n")
	head(t, in)
	until(t, "no session", func() bool { return r.hub.Len() == 1 })
	_, _ = c.Write(make([]byte, 100<<10))
	until(t, "the session goes on", func() bool { return r.hub.Len() == 0 })
}

// A large replay is paced by the client, and is no reason to end.
func TestStreamReplayIsPaced(t *testing.T) {
	const n = 5000
	r := newPlainRig(t, large(), &Options{Conn: websocket.ConnOptions{QueueMessages: 8}}, nil)
	first := r.publish("c", 0)
	for i := 1; i < n; i++ {
		r.publish("c", i)
	}
	for _, path := range []string{"/sse/", "/stream/"} {
		d := r.open(path + "alice?channels=c&since=" + first)
		d.expect("sys:open")
		for i := 1; i < n; i++ {
			d.expect(fmt.Sprint(i))
		}
	}
}

var _ net.Listener = pipes(nil)
