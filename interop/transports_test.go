package interop

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"testing"
)

// publish has the server publish numbers, by its HTTP API.
func (srv *server) publish(t *testing.T, channel string, from, to int) {
	t.Helper()
	for i := from; i < to; i++ {
		got := curl(t, "-H", "Authorization: Bearer "+srv.key, "-d", strconv.Itoa(i), srv.http+"/api/channels/"+channel+"/messages")
		if got.status != 200 {
			t.Fatalf("%d %s", got.status, got.body)
		}
	}
}

// curl -N on a stream is a complete client.
func TestCurlStream(t *testing.T) {
	s := serve(t)
	cmd := exec.CommandContext(t.Context(), findCurl(t), "-sN", s.http+"/stream/alice?channels=c")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	lines := bufio.NewScanner(out)
	for i := range 6 {
		if !lines.Scan() {
			t.Fatal(lines.Err())
		}
		var e envelope
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			t.Fatalf("%s: %v", lines.Text(), err)
		}
		if i == 0 {
			if e.Type != "sys:open" {
				t.Fatal(lines.Text())
			}
			s.publish(t, "c", 1, 6)
			continue
		}
		if string(e.Data) != strconv.Itoa(i) || e.ID == "" {
			t.Errorf("%s, want %d", lines.Text(), i)
		}
	}
}

// A loop around curl that repeats the cursor is a complete client, too, and one that only
// has a message's id goes on from there.
func TestCurlPoll(t *testing.T) {
	s := serve(t)
	poll := func(query string) (messages []envelope, cursor string) {
		got := curl(t, s.http+"/poll/alice?channels=c"+query)
		var p struct {
			Cursor   string
			Messages []envelope
		}
		if err := json.Unmarshal([]byte(got.body), &p); err != nil || got.status != 200 {
			t.Fatalf("%d %s: %v", got.status, got.body, err)
		}
		return p.Messages, p.Cursor
	}
	_, cursor := poll("")
	next, last := 0, ""
	for next < 20 {
		if next%5 == 0 {
			s.publish(t, "c", next, next+5)
		}
		var messages []envelope
		messages, cursor = poll("&wait=10s&since=" + cursor)
		for _, m := range messages {
			if string(m.Data) != strconv.Itoa(next) {
				t.Fatalf("%s %s, want %d", m.Type, m.Data, next)
			}
			if next == 16 {
				last = m.ID
			}
			next++
		}
	}
	messages, _ := poll("&since=" + last)
	if got := fmt.Sprintf("%s %s %s %s", messages[0].Type, messages[1].Data, messages[2].Data, messages[3].Data); got != "sys:open 17 18 19" {
		t.Error(got)
	}
}

// curl posts one request, and many.
func TestCurlSend(t *testing.T) {
	s := serve(t)
	got := curl(t, "--json", `{"type":"publish","channel":"c","data":1,"ref":"x"}`, s.http+"/send/alice")
	var e envelope
	if err := json.Unmarshal([]byte(got.body), &e); err != nil || got.status != 200 || e.Type != "sys:ok" || string(e.Ref) != `"x"` {
		t.Errorf("%d %s", got.status, got.body)
	}
	got = curl(t, "-H", "Content-Type: application/x-ndjson", "--data-binary", "{\"type\":\"ping\"}\n{\"type\":\"history\",\"channel\":\"c\"}\n", s.http+"/send/alice")
	lines := bufio.NewScanner(strings.NewReader(got.body))
	n := 0
	for ; lines.Scan(); n++ {
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil || e.Type != "sys:ok" {
			t.Error(lines.Text())
		}
	}
	if n != 2 {
		t.Errorf("%d replies: %s", n, got.body)
	}
}
