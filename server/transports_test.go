package server

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"
)

// wire is a connection on which requests are written as they are.
type wire struct {
	net.Conn
	t  *testing.T
	in *bufio.Reader
}

func (r *running) wire() *wire {
	r.t.Helper()
	c, err := net.Dial("tcp", r.Addr().String())
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = c.Close() })
	return &wire{c, r.t, bufio.NewReader(c)}
}

func (l *wire) write(request string) {
	l.t.Helper()
	if _, err := io.WriteString(l, request); err != nil {
		l.t.Fatal(err)
	}
}

// answer reads an answer; want is in its body.
func (l *wire) answer(status int, want string) (cursor string) {
	l.t.Helper()
	resp, err := http.ReadResponse(l.in, nil)
	if err != nil {
		l.t.Fatal(err)
	}
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != status || !strings.Contains(string(b), want) || resp.ContentLength < 0 || resp.Header.Get("Date") == "" ||
		resp.Header.Get("X-Content-Type-Options") != "nosniff" {
		l.t.Fatalf("%s %v %s, %v, want %d %s", resp.Status, resp.Header, b, err, status, want)
	}
	var p struct{ Cursor string }
	_ = json.Unmarshal(b, &p)
	return p.Cursor
}

// eventually waits for what the server brings about.
func (r *running) eventually(what string, is func() bool) {
	r.t.Helper()
	for deadline := time.Now().Add(guard); !is(); runtime.Gosched() {
		if time.Now().After(deadline) {
			r.t.Fatal(what)
		}
	}
}

func poll(path string) string { return "GET /poll/" + path + " HTTP/1.1\r\nHost: localhost\r\n\r\n" }

func send(user, body string) string {
	return fmt.Sprintf("POST /send/%s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", user, len(body), body)
}

// Polls are answered on the loops, and so is what is sent beside them, on one connection.
func TestPollOnLoop(t *testing.T) {
	r := start(t, nil)
	l := r.wire()
	l.write(poll("alice?channels=c"))
	cursor := l.answer(200, "sys:open")
	l.write(send("alice", `{"type":"publish","channel":"c","data":1}`))
	l.answer(200, "sys:ok")
	l.write(poll("alice?wait=30s&since=" + cursor))
	cursor = l.answer(200, `"data":1`)
	l.write(poll("alice?wait=30s&since=" + cursor))
	other := r.wire()
	other.write(send("bob", `{"type":"publish","channel":"c","data":2}`))
	other.answer(200, `"delivered":1`)
	cursor = l.answer(200, `"data":2`)
	l.write(poll("alice?wait=x"))
	l.answer(400, "wait=x")
	l.write(send("alice", `{"type":"nothing"}`))
	l.answer(400, "unknown_type")
	l.write(send("alice", ``))
	l.answer(400, "empty")
	l.write(poll("mallory?since=" + cursor))
	l.answer(403, "forbidden")
	if n := r.plain.Polling(); n != 1 {
		t.Errorf("%d polling sessions", n)
	}
	r.admission.mu.Lock()
	defer r.admission.mu.Unlock()
	if n := r.admission.plain; n != 2 {
		t.Errorf("%d connections are counted", n)
	}
}

// FB-0-11: who sends another request does not wait for the poll any more.
func TestPollPipelined(t *testing.T) {
	r := start(t, nil)
	l := r.wire()
	l.write(poll("alice"))
	cursor := l.answer(200, "sys:open")
	l.write(poll("alice?wait=30s&since="+cursor) + send("alice", `{"type":"ping","ref":1}`))
	l.answer(200, `"messages":[]`)
	l.answer(200, `"ref":1`)
	l.write(poll("alice?wait=30s&since=" + cursor))
	l.write(poll("alice?wait=0&since=" + cursor))
	l.answer(200, `"messages":[]`)
	l.answer(200, `"messages":[]`)
}

// FB-0-08: a client that ends its side, or is gone, is held no longer, and what is published
// then waits for its next poll.
func TestPollGoneOnLoop(t *testing.T) {
	r := start(t, nil)
	for _, end := range []func(*wire){
		func(l *wire) { _ = l.Conn.(*net.TCPConn).CloseWrite() },
		func(l *wire) { _ = l.Close() },
		func(l *wire) { _ = l.Conn.(*net.TCPConn).SetLinger(0); _ = l.Close() },
	} {
		l := r.wire()
		l.write(poll("alice?channels=c"))
		cursor := l.answer(200, "sys:open")
		l.write(poll("alice?wait=30s&since=" + cursor))
		end(l)
		r.eventually("the connection is still there", func() bool {
			r.admission.mu.Lock()
			defer r.admission.mu.Unlock()
			return r.admission.plain == 0
		})
		l = r.wire()
		l.write(send("bob", `{"type":"publish","channel":"c","data":7}`))
		l.answer(200, "sys:ok")
		l.write(poll("alice?since=" + cursor))
		l.answer(200, `"data":7`)
		_ = l.Close()
		r.Hub().DisconnectUser("alice", 1000, "over")
		r.eventually("the connection is still there", func() bool {
			r.admission.mu.Lock()
			defer r.admission.mu.Unlock()
			return r.admission.plain == 0
		})
	}
}

// The server stops while polls, streams and idle polling sessions are there.
func TestTransportsDrain(t *testing.T) {
	r := start(t, nil)
	held, stream, events := r.wire(), r.wire(), r.wire()
	held.write(poll("alice"))
	cursor := held.answer(200, "sys:open")
	held.write(poll("alice?wait=30s&since=" + cursor))
	idle := r.wire()
	idle.write(poll("idle"))
	idle.answer(200, "sys:open")
	var bodies []io.Reader
	for path, l := range map[string]*wire{"/stream/bob": stream, "/sse/carl": events} {
		l.write("GET " + path + " HTTP/1.1\r\nHost: localhost\r\n\r\n")
		resp, err := http.ReadResponse(l.in, nil)
		if err != nil || resp.StatusCode != 200 {
			t.Fatal(err, resp)
		}
		bodies = append(bodies, resp.Body)
	}
	r.eventually("not all are there", func() bool { return r.Hub().Len() == 4 })
	stopped := make(chan error)
	go func() { stopped <- r.stop() }()
	held.answer(200, "sys:drain")
	for _, body := range bodies {
		b, err := io.ReadAll(body)
		if err != nil || !strings.Contains(string(b), "sys:drain") {
			t.Errorf("%s, %v", b, err)
		}
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}
