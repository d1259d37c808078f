package server

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
)

// hold makes a request that is held, over HTTP/2, and returns what answers it.
func (s *secure) hold(path string) (*http.Response, *bufio.Scanner) {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), "GET", s.URL()+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	res, err := s.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = res.Body.Close() })
	if res.ProtoMajor != 2 || res.StatusCode != 200 {
		s.t.Fatalf("%s: %s over %s", path, res.Status, res.Proto)
	}
	for _, name := range []string{"Connection", "Keep-Alive", "Upgrade", "Transfer-Encoding"} {
		if v, ok := res.Header[name]; ok {
			s.t.Errorf("%s: %s: %s", path, name, v)
		}
	}
	return res, bufio.NewScanner(res.Body)
}

// line returns the next line that holds what.
func line(t *testing.T, in *bufio.Scanner, what string) string {
	t.Helper()
	for in.Scan() {
		if strings.Contains(in.Text(), what) {
			return in.Text()
		}
	}
	t.Fatalf("it ends without %q: %v", what, in.Err())
	return ""
}

// Many streams share one connection, and a poll and a send have room beside them:
// what no six connections of HTTP/1.1 would do. Each message comes when it is sent.
func TestHTTP2Streams(t *testing.T) {
	s := startSecure(t, &Config{})
	var streams []*bufio.Scanner
	for i := range 20 {
		path := "/sse/alice"
		if i%2 == 1 {
			path = "/stream/alice"
		}
		_, in := s.hold(path)
		line(t, in, "sys:open")
		streams = append(streams, in)
	}
	for _, text := range []string{"one", "two"} {
		if res, body, reused := s.ask("POST", "/api/users/alice/messages", "", `"`+text+`"`); res.StatusCode != 200 || !strings.Contains(body, `"delivered":20`) || !reused {
			t.Errorf("%d %s on a connection that is known: %v", res.StatusCode, body, reused)
		}
		for _, in := range streams {
			line(t, in, text)
		}
	}

	var poll struct{ Cursor string }
	if _, body, _ := s.ask("GET", "/poll/bob", "", ""); json.Unmarshal([]byte(body), &poll) != nil || poll.Cursor == "" {
		t.Fatalf("/poll: %s", body)
	}
	polled := make(chan string, 1)
	go func() {
		r, err := http.NewRequestWithContext(t.Context(), "GET", s.URL()+"/poll/bob?wait=20s&since="+poll.Cursor, nil)
		if err != nil {
			polled <- err.Error()
			return
		}
		res, err := s.Do(r)
		if err != nil {
			polled <- err.Error()
			return
		}
		defer res.Body.Close()
		b, _ := io.ReadAll(res.Body)
		polled <- string(b)
	}()
	send := `{"type":"send","to":"bob","data":"by post"}`
	if res, body, _ := s.ask("POST", "/send/alice", "", send, "Content-Type", "application/json"); res.StatusCode != 200 || !strings.Contains(body, `"delivered":1`) {
		t.Errorf("/send: %d %s", res.StatusCode, body)
	}
	if answer := <-polled; !strings.Contains(answer, "by post") {
		t.Errorf("/poll: %s", answer)
	}
	if n := s.plainConns(); n != 1 {
		t.Errorf("%d connections", n)
	}
}

// When the server goes, what is held over HTTP/2 is told so and ends in order.
func TestHTTP2Drain(t *testing.T) {
	s := startSecure(t, &Config{})
	_, sse := s.hold("/sse/alice")
	_, stream := s.hold("/stream/bob")
	line(t, sse, "sys:open")
	line(t, stream, "sys:open")
	stopped := make(chan error, 1)
	go func() { stopped <- s.stop() }()
	for _, in := range []*bufio.Scanner{sse, stream} {
		line(t, in, "sys:drain")
		for in.Scan() { // to its end
		}
		if err := in.Err(); err != nil {
			t.Error(err)
		}
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}
